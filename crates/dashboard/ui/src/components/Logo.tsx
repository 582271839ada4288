/** The mark beside the name: an F whose arms are streams, with a drop. */
export function Logo() {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#0f766e" />
      <path d="M8 23V12a4 4 0 0 1 4-4h12" fill="none" stroke="#ccfbf1" stroke-width="3.4" stroke-linecap="round" />
      <path d="M8 19a3.6 3.6 0 0 1 3.6-3.6H20" fill="none" stroke="#5eead4" stroke-width="3.4" stroke-linecap="round" />
      <circle cx="22.2" cy="21.8" r="2.6" fill="#5eead4" />
    </svg>
  );
}
