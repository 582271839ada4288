import { describe, expect, it } from "vitest";
import { runRequest } from "./run-request";

describe("runRequest", () => {
  it("leaves empty fields to the server", () => {
    expect(runRequest({ entry: " ", parallelism: "", args: "" })).toEqual({ request: {} });
    expect(runRequest({ entry: "a", parallelism: " 4 ", args: "-x 1" })).toEqual({ request: { entryClass: "a", parallelism: 4, programArgsList: ["-x", "1"] } });
  });

  it.each(["0", "-1", "1.5", "four", "32769"])("refuses the parallelism %s", (parallelism) => {
    expect(runRequest({ entry: "", parallelism, args: "'" })).toEqual({
      errors: { parallelism: expect.stringContaining("1 to 32768") as string, args: expect.stringContaining("quote") as string },
    });
  });
});
