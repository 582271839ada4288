/** An answer of the server that reports a failure. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** HTTP status. */
    readonly status: number,
    /** What the server said, one text per error; never empty. */
    readonly errors: string[],
  ) {
    super(errors.join("\n"));
  }
}

/** No answer at all: the server is down, restarting, has no leader, or the network is gone. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** Reads the error texts out of a failed answer's body, `{"errors": [...]}` or anything else. */
export function errorTexts(status: number, body: string): string[] {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === "object" && json !== null && "errors" in json && Array.isArray(json.errors)) {
      const texts = json.errors.filter((e): e is string => typeof e === "string").map(cleanText).filter(Boolean);
      // What Flink says before the cause says nothing beside it.
      const told = texts.length > 1 ? texts.filter((text) => text !== "Internal server error.") : texts;
      if (told.length > 0) return told;
    }
  } catch {
    // Not JSON: a proxy's page, or plain text.
  }
  const plain = body.trim();
  if (plain && !plain.startsWith("<") && plain.length < 2000) return [plain];
  return [`The server answered ${status} without saying why.`];
}

/** Takes away the markers that wrap a server-side cause. */
function cleanText(text: string): string {
  return text
    .replace(/^<Exception on server side:\s*/, "")
    .replace(/\s*End of exception on server side>\s*$/, "")
    .trim();
}

/** Splits any failure into lines to show. */
export function textsOf(error: unknown): string[] {
  if (error instanceof ApiError) return error.errors;
  if (error instanceof Error) return [error.message];
  return [String(error)];
}
