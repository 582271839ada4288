import { expect, it } from "vitest";
import { lowWatermark } from "./watermark";

it("takes the lowest watermark, if it is a time", () => {
  const mark = (value: string) => ({ id: "0.currentInputWatermark", value });
  expect(lowWatermark([mark("1795390337729"), mark("1795390337000")])).toBe(1795390337000);
  expect(lowWatermark([mark("-9223372036854775808")])).toBeNull();
  expect(lowWatermark([])).toBeNull();
});
