// The server's clock as far as we know it, and how times and durations are written. The reader's own clock is never asked what time it is.

/** Milliseconds since 1970 by the server's clock, going on between two readings of it. */
export class Clock {
  #server = NaN;
  #own = 0;

  set(serverTime) {
    const at = Date.parse(serverTime);
    if (Number.isNaN(at)) return;
    this.#server = at;
    this.#own = performance.now();
  }

  now() {
    return this.#server + (performance.now() - this.#own);
  }
}

const two = (number) => String(Math.floor(number)).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export const millis = (time) => (time == null ? null : Date.parse(time));

/** `14:02`, or `14:02:11`. */
export function clock(at, seconds = false) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}

export function day(at) {
  const date = new Date(at);
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

export const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

/** A time no more exact than it is known, with its day where that is not `now`'s. */
export function moment(at, now, precision, seconds = true) {
  if (at == null) return "";
  if (precision === "day") return day(at);
  const time = clock(at, seconds && precision !== "minute");
  return sameDay(at, now) ? time : `${day(at)} ${time}`;
}

/** `1h 04m`, `9m 29s`, `12s`. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds >= 86_400) return `${Math.floor(seconds / 86_400)}d ${two((seconds / 3600) % 24)}h`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h ${two((seconds / 60) % 60)}m`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${seconds}s`;
}

/** Whole minutes: what a rounded forecast is worth. */
export function rough(seconds) {
  if (seconds < 60) return "under 1m";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  return minutes % 60 ? `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m` : `${minutes / 60}h`;
}
