/** A share of 0 to 1 as a bar. */
export function Meter({ share, tone, label }: { share: number | null; tone: string; label: string }) {
  const value = share === null ? 0 : Math.min(1, Math.max(0, share));
  return (
    <span class="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(value * 100)}>
      <span class={`meter-fill fill-${tone}`} style={{ width: `${value * 100}%` }} />
    </span>
  );
}
