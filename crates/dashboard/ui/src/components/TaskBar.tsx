import { EXECUTION_ORDER, tone } from "../lib/states";

/** How many subtasks are in which state, as a segmented bar with the count. Keys in any case. `plain`: without a bar as long as all are in the same state. */
export function TaskBar({ counts, plain = false }: { counts: Record<string, number | undefined>; plain?: boolean }) {
  const parts = EXECUTION_ORDER.map((state) => ({ state, n: counts[state] ?? counts[state.toLowerCase()] ?? 0 })).filter(({ n }) => n > 0);
  const total = parts.reduce((sum, { n }) => sum + n, 0);
  const title = parts.map(({ state, n }) => `${n} ${state}`).join(", ") || "no subtasks";
  const done = parts.find(({ state }) => state === "RUNNING" || state === "FINISHED")?.n ?? 0;
  return (
    <span class="taskbar" role="img" aria-label={`Subtasks: ${title}`} title={title}>
      {(!plain || parts.length > 1) && (
        <span class="taskbar-bar">
          {parts.map(({ state, n }) => (
            <span key={state} class={`taskbar-part fill-${tone(state)}`} style={{ flexGrow: n }} />
          ))}
        </span>
      )}
      <span class="taskbar-text">
        {done}/{total}
      </span>
    </span>
  );
}
