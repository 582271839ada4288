import type { ComponentChildren } from "preact";

/** One line of a `dl.facts`; nothing where there is no value. */
export function Fact({ name, children, wide = false, hint }: { name: string; children: ComponentChildren; wide?: boolean; hint?: string }) {
  if (children === undefined || children === null || children === "") return null;
  return (
    <div class={wide ? "fact-wide" : undefined} title={hint}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
