import { connectionFailed, connectionReached, connectionWorks, noteServerTime } from "../live/connection";
import { ApiError, ConnectionError, errorTexts } from "./errors";

/** A server that has not answered by then counts as lost; polls must not pile up behind it. */
const TIMEOUT_MS = 15_000;

/** Statuses with which proxies and JobManagers without a leader say "try again". */
const UNAVAILABLE = new Set([502, 503, 504]);

/** Who answers: whoever leads, or the JobManager itself that is asked, whether or not anybody leads. */
export type Answerer = "leader" | "self";

/** Sends one request and hands on every outcome: connection state, error texts, server time. */
export async function send(path: string, init: RequestInit = {}, by: Answerer = "leader"): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await fetch(path, { cache: "no-store", ...init, signal });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    connectionFailed("The JobManager does not answer.", "silent");
    throw new ConnectionError("The JobManager does not answer.");
  }
  if (UNAVAILABLE.has(response.status)) {
    const texts = errorTexts(response.status, await response.text());
    connectionFailed(texts[0] ?? "The service is unavailable.", "unavailable");
    throw new ConnectionError(texts.join("\n"));
  }
  if (by === "leader") connectionWorks();
  else connectionReached();
  noteServerTime(response.headers.get("date"));
  if (!response.ok) throw new ApiError(response.status, errorTexts(response.status, await response.text()));
  return response;
}

export async function json<T>(path: string, init?: RequestInit, by?: Answerer): Promise<T> {
  const response = await send(path, init, by);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(response.status, [`The answer to ${path} is not JSON. Is this address a Flott JobManager?`]);
  }
}

export function body(value: unknown): RequestInit {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}
