import { signal } from "@preact/signals";
import { type Command, KeyReader } from "../lib/shortcuts";
import { link } from "../lib/route";
import { toggleTheme } from "./theme";

/** Whether the list of shortcuts is open. */
export const helpOpen = signal(false);

const PAGES = { overview: link.overview, jobs: link.jobs, taskmanagers: link.taskManagers, jobmanager: link.jobManager, submit: link.submit };

/** Whether keys mean text or something of their own where the focus is. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

export const dialogIsOpen = (): boolean => document.querySelector("dialog[open]") !== null;

function perform(command: Command): void {
  switch (command.do) {
    case "go":
      location.hash = PAGES[command.to]();
      break;
    case "search":
      document.querySelector<HTMLInputElement>('main input[type="search"]')?.focus();
      break;
    case "tab": {
      const tabs = [...document.querySelectorAll<HTMLAnchorElement>(".tabs .tab")];
      const at = tabs.findIndex((tab) => tab.getAttribute("aria-current") !== null);
      tabs[(at + command.by + tabs.length) % tabs.length]?.click();
      break;
    }
    case "theme":
      toggleTheme();
      break;
    case "help":
      helpOpen.value = true;
  }
}

export function startShortcuts(): void {
  const reader = new KeyReader();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target) || dialogIsOpen()) return;
    const command = reader.read(event.key);
    if (!command) return;
    event.preventDefault();
    perform(command);
  });
}
