import type { ComponentChildren } from "preact";

interface Props {
  title?: ComponentChildren;
  /** Controls on the right of the title. */
  actions?: ComponentChildren;
  children: ComponentChildren;
  /** Without inner distance, for tables. */
  flush?: boolean;
  class?: string;
}

/** A titled area of a page. */
export function Card({ title, actions, children, flush = false, class: extra = "" }: Props) {
  return (
    <section class={`card ${flush ? "card-flush" : ""} ${extra}`}>
      {(title || actions) && (
        <header class="card-head">
          <h2>{title}</h2>
          {actions && <div class="card-actions">{actions}</div>}
        </header>
      )}
      <div class="card-body">{children}</div>
    </section>
  );
}
