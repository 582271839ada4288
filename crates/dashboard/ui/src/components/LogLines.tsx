import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type LogLine, markMatches } from "../lib/log-lines";
import { logParts, stateIn } from "../lib/log-parts";
import { tone } from "../lib/states";
import { visibleRange } from "../lib/window";

/** Height of a line in the style sheet, px. */
const LINE = 19;

interface Props {
  lines: readonly LogLine[];
  search: string;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  /** Whether the log has more before the first line. */
  cut: boolean;
  label: string;
}

/** Draws only the lines in sight, so that a log of any length scrolls smoothly. */
export function LogLines({ lines, search, follow, onFollow, cut, label }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  // Where this component scrolled to: an event that tells of another place is the user's doing.
  const ownTop = useRef<number | null>(null);

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element || !follow) return;
    element.scrollTop = element.scrollHeight;
    ownTop.current = element.scrollTop;
    setView({ top: element.scrollTop, height: element.clientHeight });
  }, [lines, follow]);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setView({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const scrolled = () => {
    const element = frame.current;
    if (!element) return;
    setView({ top: element.scrollTop, height: element.clientHeight });
    if (element.scrollTop === ownTop.current) return;
    ownTop.current = null;
    // Scrolling up to read stops following; coming back to the end takes it up again.
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < LINE * 2;
    if (atEnd !== follow) onFollow(atEnd);
  };

  const { from, to } = visibleRange(view.top, view.height, LINE, lines.length);
  const longest = lines.reduce((most, line) => Math.max(most, line.text.length), 0);
  const tagged = lines.some((line) => line.tag !== undefined);
  return (
    <div class="log-frame">
      <div ref={frame} class="log" onScroll={scrolled} tabIndex={0} role="log" aria-label={label} aria-live="off">
        {cut && from === 0 && <p class="log-cut">The beginning is left out. Download the log to see all of it.</p>}
        <div class="log-sheet" style={{ height: `${lines.length * LINE}px`, minWidth: `calc(${longest}ch + ${tagged ? 19 : 5}rem)` }}>
          <div class="log-window" style={{ transform: `translateY(${from * LINE}px)` }}>
            {lines.slice(from, to).map((line) => (
              <div key={line.number} class={`log-line ${line.level ? `level-${line.level.toLowerCase()}` : ""}`}>
                <span class="log-number" aria-hidden="true">
                  {line.number}
                </span>
                {tagged && (
                  <span class="log-tag" title={line.tag}>
                    {line.tag}
                  </span>
                )}
                <LogText text={line.text} search={search} />
              </div>
            ))}
          </div>
        </div>
      </div>
      {!follow && (
        <button type="button" class="button log-end" onClick={() => onFollow(true)}>
          Jump to the end
        </button>
      )}
    </div>
  );
}

/** A line with what is the same everywhere held back: date and module path are in its title. */
function LogText({ text, search }: { text: string; search: string }) {
  const parts = logParts(text);
  const marked = (some: string) => markMatches(some, search).map((part, i) => (part.match ? <mark key={i}>{part.text}</mark> : part.text));
  const state = stateIn(parts.text);
  // What is searched for must be seen where it was found.
  const found = search.trim() !== "" && parts.path.toLowerCase().includes(search.trim().toLowerCase());
  return (
    <span class="log-text" title={parts.path && `${parts.date}${parts.head}${parts.path}`}>
      <span class="log-date">{marked(parts.date)}</span>
      {marked(parts.head)}
      {parts.path && <span class="log-module">{marked(found ? parts.path : parts.module)} </span>}
      {state ? (
        <>
          {marked(state.before)}
          <span class={`text-${tone(state.state)}`}>{marked(state.state)}</span>
          {marked(state.after)}
        </>
      ) : (
        marked(parts.text)
      )}
    </span>
  );
}
