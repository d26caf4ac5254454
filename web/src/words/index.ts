/** The one catalogue of words. Chinese is written first; English says the same the way an English speaker would. */
import { buyer } from "./buyer";
import { common } from "./common";
import { merchant } from "./merchant";
import { type Entry, filled, type Language, languageOf } from "./speech";

export type { Language } from "./speech";

const catalogue = { ...common, ...buyer, ...merchant } satisfies Record<string, Entry>;
export type Word = keyof typeof catalogue;

/** The language of the page. */
export const language: Language = languageOf(navigator.languages);

/** Returns a word or sentence in the page's language; `{name}` is filled in. */
export function say(word: Word, values: Readonly<Record<string, string | number>> = {}, to: Language = language): string {
  return filled(catalogue[word][to], values);
}

/** `1:05` for 65 000 ms. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How people say a length of time: "about 2 min". */
export function about(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 1 ? say("about_now") : say("about_minutes", { minutes });
}

/** An instant as people say it: 14:30 today, else with the day. */
export function when(at: number, now: number): string {
  const day: Intl.DateTimeFormatOptions =
    new Date(at).toDateString() === new Date(now).toDateString() ? {} : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { ...day, hour: "2-digit", minute: "2-digit" }).format(at);
}

/** The day of an instant as people say it: today, yesterday, else the date. */
export function dayOf(at: number, now: number): string {
  const day = new Date(at).toDateString();
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (day === new Date(now).toDateString()) return say("day_today");
  if (day === yesterday.toDateString()) return say("day_yesterday");
  const words: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", weekday: "short" };
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", words).format(at);
}

interface Opening {
  readonly weekday: number;
  readonly start: number;
  readonly end: number;
}

/** Promised hours in words, one line for each run of days that keep the same hours; the zone is named where it is not ours. */
export function hoursInWords(hours: readonly Opening[], zone: string): string[] {
  const byHours = new Map<string, number[]>();
  for (const { weekday, start, end } of hours) {
    const span = `${clockOf(start)}–${clockOf(end)}`;
    byHours.set(span, [...(byHours.get(span) ?? []), weekday]);
  }
  const ours = clockIn(zone) === clockIn();
  return [...byHours].map(([span, days]) => {
    const hours = `${daysInWords([...new Set(days)].sort((a, b) => a - b))} ${span}`;
    return ours ? hours : say("hours_there", { hours, zone: zoneName(zone) });
  });
}

/** What a clock shows now, in a zone or here. */
function clockIn(timeZone?: string): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "short", timeStyle: "short", ...(timeZone ? { timeZone } : {}) }).format();
}

function zoneName(timeZone: string): string {
  const parts = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { timeZone, timeZoneName: "longGeneric" }).formatToParts();
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? timeZone;
}

function daysInWords(days: readonly number[]): string {
  if (days.length === 7) return say("every_day");
  const [first, last] = [days[0] ?? 0, days.at(-1) ?? 0];
  const run = last - first === days.length - 1 && days.length > 2;
  return run ? `${dayName(first)}–${dayName(last)}` : days.map(dayName).join(language === "zh" ? "、" : ", ");
}

function dayName(weekday: number): string {
  // 5 January 2026 was a Monday
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { weekday: "short" }).format(new Date(2026, 0, 5 + weekday));
}

function clockOf(minutes: number): string {
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}
