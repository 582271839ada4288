import { expect, it } from "vitest";
import { lagLevel, lowWatermark } from "./watermark";

it("takes the lowest watermark, if it is a time", () => {
  const mark = (value: string) => ({ id: "0.currentInputWatermark", value });
  expect(lowWatermark([mark("1795390337729"), mark("1795390337000")])).toBe(1795390337000);
  expect(lowWatermark([mark("-9223372036854775808")])).toBeNull();
  expect(lowWatermark([])).toBeNull();
});

it("tells a lag that matters from one that does not", () => {
  expect([2000, 90_000, 3_600_000].map(lagLevel)).toEqual(["fine", "late", "far"]);
  expect(lagLevel(20_000 * 86_400_000)).toBe("fine");
});
