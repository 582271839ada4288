import type { ComponentChildren } from "preact";
import { textsOf } from "../api/errors";
import { Icon, type IconName } from "./Icon";

/** What the server said about a failure, whole and in place. */
export function ErrorNotice({ error, title, onDismiss }: { error: unknown; title: string; onDismiss?: () => void }) {
  const [first, ...rest] = textsOf(error);
  return (
    <div class="notice notice-error" role="alert">
      <Icon name="alert" size={18} />
      <div class="notice-text">
        <strong>{title}</strong>
        <p class="pre">{first}</p>
        {rest.map((text) => (
          <pre key={text}>{text}</pre>
        ))}
      </div>
      {onDismiss && (
        <button type="button" class="icon-button" onClick={onDismiss} aria-label="Dismiss">
          <Icon name="close" size={14} />
        </button>
      )}
    </div>
  );
}

/** What a page or table says when there is nothing to show. */
export function Empty({ icon = "inbox", title, children }: { icon?: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={28} />
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

/** Holds the place of what is being loaded. */
export function Loading({ rows = 3, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div class="loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} class="skeleton" />
      ))}
    </div>
  );
}
