import { signal } from "@preact/signals";
import { serverNow } from "./connection";

/** The server's time, once a second while the page is visible: what running durations are drawn from. */
export const now = signal(serverNow());

setInterval(() => {
  if (!document.hidden) now.value = serverNow();
}, 1000);
