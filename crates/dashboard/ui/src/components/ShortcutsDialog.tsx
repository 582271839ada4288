import { SHORTCUTS } from "../lib/shortcuts";
import { helpOpen } from "../live/shortcuts";
import { Dialog } from "./Dialog";

/** What can be done by keyboard. */
export function ShortcutsDialog() {
  if (!helpOpen.value) return null;
  const close = () => {
    helpOpen.value = false;
  };
  return (
    <Dialog
      title="Keyboard shortcuts"
      onClose={close}
      actions={
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      }
    >
      <dl class="shortcuts">
        {SHORTCUTS.map(({ keys, does }) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">Tab walks through the page; vertices of a graph come in the order of the records.</p>
    </Dialog>
  );
}
