/** How a word of the catalogue is said. */
export type Language = "zh" | "en";
export type Entry = Readonly<Record<Language, string>>;

/** Returns the first of a browser's languages that we speak, else English. */
export function languageOf(languages: readonly string[]): Language {
  return languages.find((one) => /^(?:zh|en)\b/iu.test(one))?.toLowerCase().startsWith("zh") === true ? "zh" : "en";
}

/** Returns a text with each `{name}` filled in. */
export function filled(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/gu, (_, name: string) => String(values[name] ?? ""));
}
