import type { ComponentChildren } from "preact";
import { Icon } from "./Icon";

/** A button that opens and closes what belongs to it. */
export function Twist({ open, onToggle, label, children }: { open: boolean; onToggle: () => void; label?: string; children: ComponentChildren }) {
  return (
    <button type="button" class="twist-button" aria-expanded={open} aria-label={label} onClick={onToggle}>
      <span class={`twist ${open ? "twist-open" : ""}`}>
        <Icon name="chevron" size={11} />
      </span>
      {children}
    </button>
  );
}
