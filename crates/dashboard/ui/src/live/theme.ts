import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "flott.theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage is blocked
  }
}

export const theme = signal<Theme>(stored());

/** Whether the page is drawn dark now; charts are drawn again when it changes. */
export const isDark = signal(false);

export function startTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = theme.value === "dark" || (theme.value === "system" && system.matches);
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
    isDark.value = dark;
  };
  system.addEventListener("change", apply);
  effect(apply);
}

/** Light to dark and back; the choice is remembered unless it is what the system wants anyway. */
export function toggleTheme(): void {
  const next: Theme = isDark.peek() ? "light" : "dark";
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  theme.value = (next === "dark") === systemDark ? "system" : next;
  try {
    if (theme.value === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is blocked: the choice holds until the page is closed.
  }
}
