import { computed, signal } from "@preact/signals";
import { api } from "../api/client";
import type { Config } from "../api/types";

/** The server's settings for the dashboard; null until they have arrived. */
export const config = signal<Config | null>(null);

/** Pages are to feel live, so a slower setting of the server holds for slower clients only. */
const SLOWEST_MS = 1000;
const FASTEST_MS = 200;

/** How long to wait between two polls of the open page. */
export const pollInterval = computed(() => {
  const asked = config.value?.["refresh-interval"] ?? SLOWEST_MS;
  return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, asked));
});

/** Features are on until the server says otherwise: a refused action shows its error. */
export const canSubmit = computed(() => config.value?.features?.["web-submit"] ?? true);
export const canCancel = computed(() => config.value?.features?.["web-cancel"] ?? true);
export const canRescale = computed(() => config.value?.features?.["web-rescale"] ?? true);

/** Loads the settings, trying again until they are there. */
export async function loadConfig(): Promise<void> {
  for (;;) {
    try {
      config.value = await api.config();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, SLOWEST_MS));
    }
  }
}
