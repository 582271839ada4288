import { useMemo, useRef, useState } from "preact/hooks";
import type { FlameNode } from "../api/observe-types";
import { grouped, percent } from "../lib/format";
import { type Direction, type Frame, hueOf, keyOf, layoutFlame, matchedShare, neighbor } from "../lib/flame";
import { Search } from "./Search";

/** Height of a frame in the style sheet, px. */
const ROW = 21;
const KEYS: Record<string, Direction> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

/** Where time goes: callers above, what they call below, as wide as they cost. A click looks at one frame alone. */
export function FlameGraph({ root, what }: { root: FlameNode; what: string }) {
  const [zoom, setZoom] = useState<readonly string[]>([root.name]);
  const [hovered, setHovered] = useState<Frame | null>(null);
  const [focused, setFocused] = useState(root.name);
  const [search, setSearch] = useState("");
  const sheet = useRef<HTMLDivElement>(null);
  const frames = useMemo(() => layoutFlame(root, zoom), [root, zoom]);
  const height = (Math.max(...frames.map((frame) => frame.depth)) + 1) * ROW;
  const needle = search.trim().toLowerCase();
  // The frame that Tab reaches: where the keyboard was, if that is still there.
  const reachable = frames.some((frame) => keyOf(frame.path) === focused) ? focused : keyOf(frames[0]?.path ?? []);
  const shown = hovered ?? frames.find((frame) => keyOf(frame.path) === focused) ?? frames[0];

  const walk = (event: KeyboardEvent) => {
    const direction = KEYS[event.key];
    if (event.key === "Escape" && zoom.length > 1) {
      event.stopPropagation();
      setZoom([root.name]);
      return;
    }
    if (!direction) return;
    event.preventDefault();
    const next = neighbor(frames, reachable, direction);
    if (!next) return;
    const key = keyOf(next.path);
    setFocused(key);
    for (const element of sheet.current?.querySelectorAll<HTMLElement>("[data-key]") ?? []) if (element.dataset["key"] === key) element.focus();
  };
  return (
    <div class="flame-graph">
      <div class="toolbar">
        <Search value={search} onInput={setSearch} label="Search frames" />
        {needle !== "" && <span class="muted">{percent(matchedShare(root, search))} of samples</span>}
        {zoom.length > 1 && (
          <button type="button" class="button toolbar-end" onClick={() => setZoom([root.name])}>
            Show all
          </button>
        )}
      </div>
      <p class="flame-shown" aria-live="off">
        {shown && (
          <>
            <strong>{shown.name}</strong>{" "}
            <span class="muted">
              {percent(shown.value / Math.max(1, root.value))} of {what}, {percent(shown.own / Math.max(1, root.value))} in itself, {grouped(shown.value)} samples
            </span>
          </>
        )}
      </p>
      <div ref={sheet} class="flame-sheet" role="group" aria-label="Flame graph; arrow keys walk, Enter looks at a frame alone, Escape shows all" style={{ height: `${height}px` }} onKeyDown={walk} onMouseLeave={() => setHovered(null)}>
        {frames.map((frame) => {
          const key = keyOf(frame.path);
          const hue = hueOf(frame.name);
          const matched = needle !== "" && frame.name.toLowerCase().includes(needle);
          return (
            <button
              key={key}
              type="button"
              data-key={key}
              tabIndex={key === reachable ? 0 : -1}
              class={`flame ${hue === null ? "flame-library" : ""} ${frame.above ? "flame-above" : ""} ${needle !== "" ? (matched ? "flame-match" : "flame-other") : ""}`}
              style={{ left: `${frame.x * 100}%`, width: `${frame.width * 100}%`, top: `${frame.depth * ROW}px`, ...(hue === null ? {} : { "--hue": String(hue) }) }}
              aria-label={`${frame.name}, ${percent(frame.value / Math.max(1, root.value))}`}
              onClick={() => {
                setZoom(frame.path);
                setFocused(key);
              }}
              onFocus={() => setFocused(key)}
              onMouseEnter={() => setHovered(frame)}
            >
              {frame.width > 0.02 ? frame.name : ""}
            </button>
          );
        })}
      </div>
    </div>
  );
}
