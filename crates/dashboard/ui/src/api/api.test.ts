import { afterEach, describe, expect, it, vi } from "vitest";
import { connectionLost } from "../live/connection";
import { api, logPath } from "./client";
import { ApiError, ConnectionError, errorTexts, textsOf } from "./errors";
import { TAIL_BYTES, readLog, tailOf } from "./log";
import { artifactId } from "./upload";

const bytes = (text: string) => new TextEncoder().encode(text);
type Handler = (path: string, init: RequestInit) => Response;

/** Replaces the network. */
function answer(handler: Handler) {
  const calls: { path: string; init: RequestInit }[] = [];
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    calls.push({ path, init });
    return Promise.resolve().then(() => handler(path, init));
  });
  return calls;
}

afterEach(() => {
  vi.unstubAllGlobals();
  connectionLost.value = null;
});

describe("errorTexts", () => {
  it("takes the server's texts without their wrapping", () => {
    expect(errorTexts(404, '{"errors":["Job x not found"]}')).toEqual(["Job x not found"]);
    expect(errorTexts(500, '{"errors":["Internal server error.","<Exception on server side:\\nno such file\\nEnd of exception on server side>"]}')).toEqual(["no such file"]);
    expect(errorTexts(500, '{"errors":["Internal server error."]}')).toEqual(["Internal server error."]);
  });

  it("makes sense of other bodies", () => {
    expect(errorTexts(413, "too large")).toEqual(["too large"]);
    expect(errorTexts(500, "<html>oops</html>")).toEqual(["The server answered 500 without saying why."]);
    expect(errorTexts(500, '{"errors":[]}')).toEqual(['{"errors":[]}']);
    expect(errorTexts(500, "")).toEqual(["The server answered 500 without saying why."]);
  });
});

describe("client", () => {
  it("uses relative paths and escapes ids", async () => {
    const calls = answer(() => Response.json([]));
    await api.subtaskMetrics("a b", "v/1", ["busyTimeMsPerSecond", "x"]);
    expect(calls[0]?.path).toBe("jobs/a%20b/vertices/v%2F1/subtasks/metrics?get=busyTimeMsPerSecond,x");
    expect(logPath({ taskManager: "h:1" }, { file: "a/b.log" })).toBe("taskmanagers/h%3A1/logs/a%2Fb.log");
    expect(logPath(null, "stdout")).toBe("jobmanager/stdout");
  });

  it("cancels with PATCH and a JSON body", async () => {
    const calls = answer(() => Response.json({}, { status: 202 }));
    await api.cancel("ab");
    expect(calls[0]).toMatchObject({ path: "jobs/ab?mode=cancel", init: { method: "PATCH", body: "{}" } });
  });

  it("reports what the server says, and is still connected", async () => {
    answer(() => Response.json({ errors: ["Job ab not found"] }, { status: 404 }));
    const error: unknown = await api.job("ab").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(textsOf(error)).toEqual(["Job ab not found"]);
    expect(connectionLost.value).toBeNull();
  });

  it("says so when something else answers", async () => {
    answer(() => new Response("<html>"));
    await expect(api.overview()).rejects.toThrow("The answer to overview is not JSON");
  });

  it("notices a lost connection and its return", async () => {
    answer(() => {
      throw new TypeError("Failed to fetch");
    });
    await expect(api.overview()).rejects.toBeInstanceOf(ConnectionError);
    const since = connectionLost.value?.since;
    expect(since).toBeTypeOf("number");
    answer(() => Response.json({ errors: ["Service temporarily unavailable due to an ongoing leader election."] }, { status: 503 }));
    await expect(api.overview()).rejects.toBeInstanceOf(ConnectionError);
    expect(connectionLost.value).toEqual({ since, reason: "Service temporarily unavailable due to an ongoing leader election.", loss: "unavailable" });
    answer(() => Response.json({}));
    await api.overview();
    expect(connectionLost.value).toBeNull();
  });

  it("does not take who leads for an answer of the leader", async () => {
    const calls = answer((path) => (path === "leader" ? Response.json({}) : Response.json({ errors: ["no leader"] }, { status: 503 })));
    await expect(api.overview()).rejects.toBeInstanceOf(ConnectionError);
    await api.leader();
    expect(connectionLost.value).toMatchObject({ reason: "no leader", loss: "unavailable" });
    expect(calls.map(({ path }) => path)).toEqual(["overview", "leader"]);
    // That nobody answers is over with any answer.
    connectionLost.value = { since: 1, reason: "", loss: "silent" };
    await api.leader();
    expect(connectionLost.value).toBeNull();
  });

  it("does not call its own abort a lost connection", async () => {
    const abort = new AbortController();
    abort.abort();
    answer(() => {
      throw new DOMException("aborted", "AbortError");
    });
    await expect(api.overview(abort.signal)).rejects.toThrow();
    expect(connectionLost.value).toBeNull();
  });
});

describe("tailOf", () => {
  it("takes a whole log", () => {
    expect(tailOf(bytes("a\nb\n"), null, null)).toEqual({ text: "a\nb\n", size: 4, cut: false });
  });

  it("starts a cut log with a whole line", () => {
    expect(tailOf(bytes("lf\nb\n"), 100, null)).toEqual({ text: "b\n", size: 105, cut: true });
  });

  it("appends what is new, without the byte that both have", () => {
    const last = { text: "a\n", size: 2, cut: false };
    expect(tailOf(bytes("\nb\n"), 1, last)).toEqual({ text: "a\nb\n", size: 4, cut: false });
    expect(tailOf(bytes("\n"), 1, last)).toEqual(last);
  });

  it("stays bounded", () => {
    const long = "x".repeat(TAIL_BYTES - 2) + "\n";
    const grown = tailOf(bytes("\nnew line\n"), long.length - 1, { text: long, size: long.length, cut: false });
    expect(grown).toEqual({ text: "new line\n", size: long.length + 9, cut: true });
    const whole = tailOf(bytes(`${"y".repeat(TAIL_BYTES)}\nend\n`), null, null);
    expect(whole).toMatchObject({ text: "end\n", cut: true });
  });
});

describe("readLog", () => {
  /** A server that knows ranges. */
  const ranged = (log: () => string): Handler => (_path, init) => {
    const content = bytes(log());
    const match = /^bytes=(\d*)-(\d*)$/.exec(new Headers(init.headers).get("range") ?? "");
    const from = match?.[1] ? Number(match[1]) : Math.max(0, content.length - Number(match?.[2]));
    if (from >= content.length) return new Response(null, { status: 416 });
    return new Response(content.slice(from), { status: 206, headers: { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` } });
  };

  it("follows a log as it grows and after it was rotated", async () => {
    let log = "";
    answer(ranged(() => log));
    let tail = await readLog("log", null);
    expect(tail.text).toBe("");
    for (const next of ["one\n", "one\n", "one\ntwo\n", "new\n"]) {
      log = next;
      tail = await readLog("log", tail);
      expect(tail).toEqual({ text: next, size: next.length, cut: false });
    }
  });

  it("works with a server that knows no ranges", async () => {
    answer(() => new Response("one\ntwo\n"));
    const tail = await readLog("log", await readLog("log", null));
    expect(tail).toEqual({ text: "one\ntwo\n", size: 8, cut: false });
  });
});

it("takes the artifact's id from the stored path", () => {
  expect(artifactId('{"filename":"/tmp/x/4711_job","status":"success"}')).toBe("4711_job");
  expect(artifactId("not json")).toBeNull();
  expect(artifactId('{"status":"success"}')).toBeNull();
});
