import { describe, expect, it } from "vitest";
import { Frame, type ToPage } from "./frame";

const SHOP = "https://shop.example";

/** A call page within a shop's page: what it is told, what it says, and to whom. */
function framed() {
  const said: { message: unknown; to: string }[] = [];
  const heard: ToPage[] = [];
  const shop = { postMessage: (message: unknown, to: string) => said.push({ message, to }) };
  let hear: (event: unknown) => void = () => undefined;
  const page = { parent: shop, addEventListener: (_: string, listener: (event: unknown) => void) => (hear = listener) };
  const frame = new Frame(page as unknown as Window, (message) => heard.push(message));
  const from = (origin: string, data: unknown, source: unknown = shop): void => hear({ origin, data, source });
  return { frame, said, heard, from };
}

const open = { kanhuo: 1, type: "open", pass: "p", page: `${SHOP}/goods/1` };

describe("the frame of a call", () => {
  it("tells nobody anything before it was opened, and then its opener alone", () => {
    const { frame, said, from } = framed();
    frame.tell({ type: "state", live: true });
    expect(said).toEqual([{ message: { kanhuo: 1, type: "ready" }, to: "*" }]);
    from(SHOP, open);
    frame.tell({ type: "close" });
    expect(said.at(-1)).toEqual({ message: { kanhuo: 1, type: "close" }, to: SHOP });
  });

  it("hears who opened it, and nobody else", () => {
    const { heard, from } = framed();
    from(SHOP, open, { postMessage: () => undefined });
    expect(heard).toEqual([]);
    from(SHOP, open);
    from("https://evil.example", { kanhuo: 1, type: "pass", pass: "stolen" });
    from(SHOP, { kanhuo: 1, type: "pass", pass: "renewed" });
    expect(heard).toEqual([
      { type: "open", pass: "p", page: `${SHOP}/goods/1` },
      { type: "pass", pass: "renewed" },
    ]);
  });

  it.each([null, "open", {}, { kanhuo: 2, type: "open", pass: "p" }, { kanhuo: 1, type: "open" }, { kanhuo: 1, type: "minimised", minimised: 1 }])(
    "does not take %j for an order",
    (data) => {
      const { heard, from } = framed();
      from(SHOP, data);
      expect(heard).toEqual([]);
    },
  );

  it.each(["javascript:alert(1)", "https://shop.example.evil.com/", 7, undefined])("sends nobody to %j", (page) => {
    const { heard, from } = framed();
    from(SHOP, { ...open, page });
    expect(heard).toEqual([{ type: "open", pass: "p", page: SHOP }]);
  });
});
