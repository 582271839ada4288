import { useState } from "preact/hooks";
import { Icon } from "./Icon";

/** Copies a text; works on plain http too, where browsers offer no clipboard. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(text);
      else copyBySelection(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      setCopied(false);
    }
  };
  return (
    <button type="button" class="icon-button" onClick={() => void copy()} aria-label={copied ? "Copied" : `Copy ${what}`} title={copied ? "Copied" : `Copy ${what}`}>
      <Icon name={copied ? "check" : "copy"} size={14} />
    </button>
  );
}

function copyBySelection(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
