/** Says what notifications say. */
import { pushed } from "../words/pushed";
import { filled, languageOf } from "../words/speech";

export type Word = keyof typeof pushed;
export type Say = (word: Word, values?: Readonly<Record<string, string>>) => string;

/** Returns a way to say things in the first of a browser's languages that we speak. */
export function speaker(languages: readonly string[]): Say {
  const language = languageOf(languages);
  return (word, values = {}) => filled(pushed[word][language], values);
}
