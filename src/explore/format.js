// Numbers, times, lengths and sizes as people read them, in the browser's language and time zone.

const plain = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 7 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 4 });
const tiny = new Intl.NumberFormat(undefined, { notation: "scientific", maximumSignificantDigits: 4 });

const isOrdinary = (value) => value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e15);

export const number = (value) => (isOrdinary(value) ? plain : tiny).format(value);

export const axisNumber = (value) => (isOrdinary(value) ? short : tiny).format(value);

const style = (options) => new Intl.DateTimeFormat(undefined, { hourCycle: "h23", ...options });
const day = style({ day: "numeric", month: "short" });
const minute = style({ hour: "2-digit", minute: "2-digit" });
const second = style({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const moment = style({ dateStyle: "medium", timeStyle: "medium" });

export const time = (millis) => moment.format(millis);

export const timeRange = (start, end) => moment.formatRange(start, end);

// For an axis whose marks are `step` milliseconds apart.
export function axisTime(millis, step) {
  const isMidnight = new Date(millis).getHours() + new Date(millis).getMinutes() === 0;
  if (step >= 86_400_000 || (isMidnight && step >= 3_600_000)) return day.format(millis);
  return (step >= 60_000 ? minute : second).format(millis);
}

export const zone = () => moment.resolvedOptions().timeZone;

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000], ["ms", 1]];

export function length(millis) {
  const parts = [];
  for (const [name, size] of UNITS) {
    const count = Math.floor(millis / size);
    millis -= count * size;
    if (count) parts.push(`${count} ${name}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 ms";
}

export function bytes(count) {
  if (count < 1_000) return `${count} B`;
  return count < 1e6 ? `${plain.format(+(count / 1e3).toFixed(1))} kB` : `${plain.format(+(count / 1e6).toFixed(2))} MB`;
}

export const counted = (count, one, many) => `${plain.format(count)} ${count === 1 ? one : many}`;
