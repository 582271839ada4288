import { describe, expect, it } from "vitest";
import { type RunFields, runRequest } from "./run-request";

const empty: RunFields = { entry: "", parallelism: "", args: "", savepoint: "", allowNonRestored: false, claimMode: "NO_CLAIM" };

describe("runRequest", () => {
  it("leaves empty fields to the server", () => {
    expect(runRequest({ ...empty, entry: " " })).toEqual({ request: {} });
    expect(runRequest({ ...empty, entry: "a", parallelism: " 4 ", args: "-x 1" })).toEqual({ request: { entryClass: "a", parallelism: 4, programArgsList: ["-x", "1"] } });
  });

  it("says how to restore only where there is something to restore", () => {
    expect(runRequest({ ...empty, savepoint: " ", allowNonRestored: true, claimMode: "CLAIM" })).toEqual({ request: {} });
    expect(runRequest({ ...empty, savepoint: " file:///sp/1 " })).toEqual({
      request: { savepointPath: "file:///sp/1", allowNonRestoredState: false, claimMode: "NO_CLAIM" },
    });
    expect(runRequest({ ...empty, savepoint: "s3://b/sp", allowNonRestored: true, claimMode: "CLAIM" })).toMatchObject({
      request: { allowNonRestoredState: true, claimMode: "CLAIM" },
    });
  });

  it.each(["0", "-1", "1.5", "four", "32769"])("refuses the parallelism %s", (parallelism) => {
    expect(runRequest({ ...empty, parallelism, args: "'" })).toEqual({
      errors: { parallelism: expect.stringContaining("1 to 32768") as string, args: expect.stringContaining("quote") as string },
    });
  });
});
