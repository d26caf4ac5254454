import { describe, expect, it } from "vitest";
import { sources } from "../testing/sources";
import { buyer } from "./buyer";
import { common } from "./common";
import { hoursInWords, say } from "./index";
import { merchant } from "./merchant";

const catalogues = [common, buyer, merchant];
const entries = catalogues.flatMap((words) => Object.entries(words as Record<string, { zh: string; en: string }>));
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/gu)].map(([, name]) => name ?? "").sort();

describe("the catalogue", () => {
  it.each(entries)("says %s in both languages, with the same holes", (_, { zh, en }) => {
    expect(zh.trim()).not.toBe("");
    expect(en.trim()).not.toBe("");
    expect(holes(zh)).toEqual(holes(en));
    expect(zh, "Chinese is written in Chinese").toMatch(/\p{Script=Han}|\{/u);
    expect(en, "and English in English").not.toMatch(/\p{Script=Han}/u);
  });

  it("has each word once and no word that nobody says", () => {
    const names = entries.map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    const text = [...sources("ui", "buyer", "merchant", "worker", "words").entries()]
      .filter(([file]) => !/words\/(?:common|buyer|merchant|pushed)\.ts$/u.test(file))
      .map(([, source]) => source)
      .join("\n");
    const begun = [...text.matchAll(/`(\w+_)\$\{/gu)].map(([, start]) => start ?? "");
    const said = (name: string): boolean => text.includes(`"${name}"`) || begun.some((start) => name.startsWith(start));
    expect(names.filter((name) => !said(name))).toEqual([]);
  });

  it("fills its holes", () => {
    expect(say("pre_title", { merchant: "果园" }, "zh")).toBe("和果园视频看货");
    expect(say("pre_title", { merchant: "{x}" }, "en")).toBe("See it live with {x}");
  });

  it("names the zone of promised hours only where it is not ours", () => {
    const daily = Array.from({ length: 7 }, (_, weekday) => ({ weekday, start: 540, end: 1_260 }));
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(hoursInWords(daily, here)).toEqual(["Every day 9:00–21:00"]);
    const far = here === "Pacific/Kiritimati" ? "Pacific/Pago_Pago" : "Pacific/Kiritimati";
    expect(hoursInWords(daily, far)[0]).toMatch(/^Every day 9:00–21:00 \(.+\)$/u);
  });
});

describe("the elements", () => {
  it("hold no words of their own", () => {
    const found: string[] = [];
    for (const [file, source] of sources("ui", "buyer", "merchant")) {
      for (const template of templates(source)) {
        const shown = template.replace(/<style[\s\S]*?<\/style>/gu, "");
        const texts = [...shown.matchAll(/>([^<>]*)</gu)].map(([, text]) => text ?? "");
        const labels = [...shown.matchAll(/(?:aria-label|title|placeholder|alt)="([^"]*)"/gu)].map(([, text]) => text ?? "");
        found.push(...[...texts, ...labels].filter((text) => /[\p{L}]{2,}/u.test(text)).map((text) => `${file}: ${text.trim()}`));
      }
    }
    // the product's own name is the same in every language
    expect([...new Set(found)].filter((one) => !one.endsWith(": 看货 kanhuo"))).toEqual([]);
  });
});

/** The html`…` of a source with everything computed left out. */
function templates(source: string): string[] {
  const found: string[] = [];
  const open: { text: string; depth: number }[] = [];
  for (let at = 0; at < source.length; at += 1) {
    const top = open.at(-1);
    const within = top?.depth === 0;
    if (within && source[at] === "`") {
      found.push(top.text);
      open.pop();
    } else if (source.startsWith("html`", at) || source.startsWith("svg`", at)) {
      at = source.indexOf("`", at);
      open.push({ text: "", depth: 0 });
    } else if (within && source.startsWith("${", at)) {
      top.depth = 1;
      at += 1;
    } else if (within) top.text += source[at] ?? "";
    else if (top !== undefined && source[at] === "{") top.depth += 1;
    else if (top !== undefined && source[at] === "}") top.depth -= 1;
  }
  return found;
}
