// The one time axis of a run, and where its ticks stand.

import { clock, day } from "./clock.js";
import { allStories, attemptsOf, millis } from "./words.js";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** In minutes. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 40320];
/** Nothing was under way for so long: said and shown. */
const GAP = 5 * MINUTE;

/** From the run's start to its end or now, or to `until`; `null` when no time of it is known. */
export function scaleOf(task, now, until = now) {
  const lanes = allStories(task).map(attemptsOf);
  const spans = lanes.flat().filter((attempt) => attempt.from != null).map((attempt) => [attempt.from, attempt.to ?? (attempt.result === "in_progress" ? now : attempt.from)]);
  const marks = lanes.flat().filter((attempt) => attempt.from == null && attempt.to != null).map((attempt) => attempt.to);
  const started = task.started_precision === "day" ? null : millis(task.started_at);
  const begin = Math.min(started ?? Infinity, ...spans.map(([from]) => from), ...marks);
  if (!Number.isFinite(begin) || (spans.length === 0 && marks.length === 0)) return null;
  const over = task.finished_at != null && task.finished_precision !== "day";
  const to = over ? Math.max(millis(task.finished_at), ...spans.map(([, end]) => end)) : now;
  const end = Math.max(to, until > to ? until : to, begin + MINUTE, ...marks);
  const margin = (end - begin) * (over ? 0.012 : 0.03);
  return { begin: begin - (spans.length ? 0 : margin), end: end + margin, now: over ? null : to, lanes, gaps: gapsIn(spans) };
}

export const share = (scale, at) => ((at - scale.begin) / (scale.end - scale.begin)) * 100;
export const percent = (scale, at) => `${share(scale, at).toFixed(3)}%`;
export const width = (scale, from, to) => `${(share(scale, Math.max(to, from)) - share(scale, from)).toFixed(3)}%`;

function gapsIn(spans) {
  const gaps = [];
  let reached = -Infinity;
  for (const [from, to] of spans.toSorted(([a], [b]) => a - b)) {
    if (Number.isFinite(reached) && from - reached > GAP) gaps.push([reached, from]);
    reached = Math.max(reached, to);
  }
  return gaps;
}

/** Round times, `most` at most, by the reader's own hours. */
export function ticks(begin, end, most) {
  const least = (end - begin) / most / MINUTE;
  const step = (STEPS.find((each) => each >= least) ?? least) * MINUTE;
  const shift = new Date(begin).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let at = Math.ceil((begin - shift) / step) * step + shift; at < end; at += step) {
    found.push({ at, text: step >= DAY || (end - begin > DAY && new Date(at).getHours() === 0) ? day(at) : clock(at) });
  }
  return found;
}
