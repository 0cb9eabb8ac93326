// Times and days as people of each language write them.
import type { Language } from './index';

const LOCALES: Record<Language, string> = { 'zh-Hant-HK': 'zh-HK', en: 'en-HK', 'zh-Hans': 'zh-CN' };
const DAY_MS = 86_400_000;

const formatters = new Map<string, Intl.DateTimeFormat>();

function format(language: Language, options: Intl.DateTimeFormatOptions, date: Date): string {
  const key = language + JSON.stringify(options);
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(LOCALES[language], options);
    formatters.set(key, formatter);
  }
  return formatter.format(date);
}

/** "14:05" */
export function clockTime(iso: string, language: Language): string {
  return format(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, new Date(iso));
}

/** Days between two instants by the calendar on the wall: 0 the same day, 1 the day before. */
export function daysAgo(iso: string, now: Date): number {
  const start = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((start(now) - start(new Date(iso))) / DAY_MS);
}

/** A day as a heading: "今日", "昨日", "11月20日 星期五"; with the year when it is another one. */
export function dayHeading(iso: string, language: Language, now: Date): string {
  const days = daysAgo(iso, now);
  if (days === 0 || days === 1) return relativeDay(-days, language);
  return format(
    language,
    { weekday: 'long', month: 'long', day: 'numeric', ...yearIfOther(iso, now) },
    new Date(iso),
  );
}

/** As short as it can be said in a list: time today, then yesterday, weekday, date. */
export function listTime(iso: string, language: Language, now: Date): string {
  if (!iso) return '';
  const days = daysAgo(iso, now);
  if (days <= 0) return clockTime(iso, language);
  if (days === 1) return relativeDay(-1, language);
  if (days < 7) return format(language, { weekday: 'short' }, new Date(iso));
  return format(language, { month: 'numeric', day: 'numeric', ...yearIfOther(iso, now) }, new Date(iso));
}

/** Day and time, for a moment of the past: "今日 14:05". */
export function momentText(iso: string, language: Language, now: Date): string {
  const days = daysAgo(iso, now);
  const day =
    days === 0 || days === 1
      ? capital(relativeDay(-days, language))
      : format(language, { month: 'short', day: 'numeric', ...yearIfOther(iso, now) }, new Date(iso));
  return `${day} ${clockTime(iso, language)}`;
}

function relativeDay(offset: number, language: Language): string {
  return capital(new Intl.RelativeTimeFormat(LOCALES[language], { numeric: 'auto' }).format(offset, 'day'));
}

function yearIfOther(iso: string, now: Date): Intl.DateTimeFormatOptions {
  return new Date(iso).getFullYear() === now.getFullYear() ? {} : { year: 'numeric' };
}

function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
