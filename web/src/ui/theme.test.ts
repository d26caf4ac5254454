import { describe, expect, it } from "vitest";
import { sources } from "../testing/sources";

const css = sources("ui").get("ui/theme.css") ?? "";
const [light, dark] = css.split("@media (prefers-color-scheme: dark)").map((part) => {
  const block = part.slice(0, part.indexOf("@media"));
  return Object.fromEntries([...(block || part).matchAll(/--([\w-]+): (#[0-9a-f]{6});/gu)].map(([, name, value]) => [name ?? "", value ?? ""]));
});
const themes = { light: light ?? {}, dark: { ...light, ...dark } };

/** What is written on what: WCAG 2.2 asks for 4.5 to 1. */
const PAIRS = [
  ["ink", "paper"], ["ink", "sheet"], ["ink", "jade-soft"], ["ink-soft", "paper"], ["ink-soft", "sheet"], ["ink-soft", "jade-soft"],
  ["on-jade", "jade"], ["jade", "paper"], ["jade", "sheet"], ["jade", "jade-soft"],
  ["amber", "amber-soft"], ["amber", "paper"], ["amber", "jade-soft"], ["on-red", "red"], ["red", "sheet"], ["on-stage", "stage"],
] as const; // prettier-ignore

describe.each(Object.entries(themes))("the %s theme", (_, colours: Record<string, string>) => {
  it.each(PAIRS)("shows %s on %s clearly", (ink, ground) => {
    expect(contrast(colours[ink] ?? "", colours[ground] ?? "")).toBeGreaterThanOrEqual(4.5);
  });
});

describe("the tokens", () => {
  it("are all used", () => {
    const used = [...sources("ui", "buyer", "merchant").values()].join("\n");
    const names = [...css.matchAll(/^ {2}(--[\w-]+):/gmu)].map(([, name]) => name ?? "");
    expect(names.filter((name) => !used.includes(`var(${name})`))).toEqual([]);
  });
});

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(one: string, other: string): number {
  const [bright, dim] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return ((bright ?? 0) + 0.05) / ((dim ?? 0) + 0.05);
}

function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red = NaN, green = NaN, blue = NaN] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
