import { describe, expect, it } from "vitest";
import { joinArguments, splitArguments } from "./arguments";

describe("splitArguments", () => {
  it("splits as a shell does", () => {
    expect(splitArguments(`--input "/data/my file" --name it\\'s 'a "b"' ""`)).toEqual({ args: ["--input", "/data/my file", "--name", "it's", 'a "b"', ""] });
    expect(splitArguments("  \t ")).toEqual({ args: [] });
    expect(splitArguments('"a\\"b\\c"')).toEqual({ args: ['a"b\\c'] });
  });

  it("names an open quote", () => {
    expect(splitArguments(`--x "abc`)).toEqual({ error: 'The quote " is not closed.' });
  });
});

it("joins what splits again into the same", () => {
  for (const args of [[], ["--rate", "5"], ["", "a b", 'say "hi"', "it's", "C:\\x", "\\"]]) expect(splitArguments(joinArguments(args))).toEqual({ args });
  expect(joinArguments(["--input", "/data/in"])).toBe("--input /data/in");
});
