const DRAWN = 16;

/** Slots as marks, with the numbers. */
export function SlotMarks({ total, free }: { total: number; free: number }) {
  const used = Math.max(0, total - free);
  return (
    <span class="slot-marks" title={`${used} of ${total} slots held, ${free} free`}>
      {total <= DRAWN && (
        <span class="slots" aria-hidden="true">
          {Array.from({ length: total }, (_, i) => (
            <span key={i} class={i < used ? "slot slot-used" : "slot"} />
          ))}
        </span>
      )}
      <span>
        {used}/{total}
      </span>
    </span>
  );
}
