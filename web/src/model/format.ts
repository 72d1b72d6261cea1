/** Numbers, spans of time and names as a person reads them. */

const LOCALE = "en";
const counts = new Intl.NumberFormat(LOCALE);
const units = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
const tenths = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const minute = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const hour = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const whole = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "long" });

export const count = (value: number): string => counts.format(value);
export const cost = (micros: number): string => units.format(micros / 1_000_000);
export const share = (part: number, of: number): string => (of ? `${tenths.format((100 * part) / of)} %` : "–");
export const percent = (part: number, of: number): number => (of ? Math.min(100, (100 * part) / of) : 0);

export const timeOfDay = (at: Date): string => (isNaN(+at) ? "" : clock.format(at));
export const millis = (at: Date): string => (isNaN(+at) ? "" : `${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`);
export const dayAndTime = (at: Date): string => (isNaN(+at) ? "" : minute.format(at));
export const dayOnly = (at: Date): string => (isNaN(+at) ? "" : day.format(at));
/** A mark on an axis of time: the hour, or the day where one begins. */
export const dayOrHour = (at: Date): string => (at.getHours() + at.getMinutes() ? hour.format(at) : day.format(at));
export const inFull = (at: Date): string => (isNaN(+at) ? "" : whole.format(at));

/** A duration of microseconds. */
export function duration(us: number): string {
  if (us < 1_000) return `${us} µs`;
  if (us < 1_000_000) return `${units.format(Math.round(us / 100) / 10)} ms`;
  const s = us / 1_000_000;
  if (s < 60) return `${units.format(Math.round(s * 10) / 10)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** How long ago, or how long from now, in the largest unit that says it. */
export function ago(at: Date, now: Date): string {
  const s = Math.round((+now - +at) / 1000);
  if (isNaN(s)) return "";
  const span = spanOf(Math.abs(s));
  if (Math.abs(s) < 5) return "just now";
  return s >= 0 ? `${span} ago` : `in ${span}`;
}

export function spanOf(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A name of the wire as words: `draft_outbound_message` is "draft outbound message". */
export const words = (name: string): string => name.replaceAll("_", " ").replaceAll("-", " ");
export const title = (name: string): string => {
  const said = words(name);
  return said.charAt(0).toUpperCase() + said.slice(1);
};

/** An id short enough to be told apart by eye: its last letters, which differ. */
export const short = (id: string): string => (id.length > 10 ? `…${id.slice(-6)}` : id);
