/** Splits a line of program arguments as a shell does: spaces separate, quotes and backslashes protect. */
export function splitArguments(line: string): { args: string[] } | { error: string } {
  const args: string[] = [];
  let current: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    if (quote !== null) {
      if (c === quote) quote = null;
      else if (c === "\\" && quote === '"' && /["\\]/.test(line.charAt(i + 1))) current += line.charAt(++i);
      else current += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      current ??= "";
    } else if (c === "\\" && i + 1 < line.length) {
      current = (current ?? "") + line.charAt(++i);
    } else if (/\s/.test(c)) {
      if (current !== null) args.push(current);
      current = null;
    } else {
      current = (current ?? "") + c;
    }
  }
  if (quote !== null) return { error: `The quote ${quote} is not closed.` };
  if (current !== null) args.push(current);
  return { args };
}

/** The line that splits into these arguments. */
export function joinArguments(args: readonly string[]): string {
  return args.map((arg) => (arg !== "" && !/[\s"'\\]/.test(arg) ? arg : `"${arg.replace(/["\\]/g, "\\$&")}"`)).join(" ");
}
