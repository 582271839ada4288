import { SPANS, span } from "../live/span";

/** How far back the charts of this page go. */
export function SpanPicker() {
  return (
    <div class="segments" role="group" aria-label="Shown time">
      {SPANS.map(({ ms, title }) => (
        <button key={ms} type="button" aria-pressed={span.value === ms} onClick={() => span.set(ms)}>
          {title}
        </button>
      ))}
    </div>
  );
}
