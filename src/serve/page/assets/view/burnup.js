// Stories passed over time, the plan's total, and the remaining range as a fan.

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { ticks } from "../scale.js";
import { clock, millis } from "../words.js";

const HEIGHT = 248;

/** `size` is the width of the box it is drawn in: text keeps its size, only the lines stretch. */
export function burnup(task, now, frozen, size) {
  const points = pointsOf(task, now);
  if (points.length === 0) return nothing;
  const range = !frozen && task.remaining.kind === "range" && !task.finished_at ? task.remaining : null;
  const fan = range && [range.p10, range.p50, range.p90].map((seconds) => now + seconds * 1000);
  return html`<section class="card bu" aria-labelledby="h-bu"><header><h2 id="h-bu">Burn-up</h2><p>stories passed over time</p>
    <p class="end">${fan ? `done ~${clock(fan[1])} (${clock(fan[0])} – ${clock(fan[2])}), ${range.basis}` : ""}</p></header>
    <div class="burn" id="burn">${draw(task, points, now, fan, size)}</div></section>`;
}

/** The run's own points, from its start; several changes in one moment are one step. */
function pointsOf(task, now) {
  const points = (task.history ?? []).map(({ at, passed, total, reason }) => ({ at: millis(at), passed, total, reason })).filter((point) => point.at <= now);
  const start = task.started_precision === "day" ? null : millis(task.started_at);
  if (points.length > 0 && start != null && start < points[0].at) points.unshift({ at: start, passed: 0, total: points[0].total });
  return points;
}

function draw(task, points, now, fan, size) {
  const over = task.finished_at != null && task.finished_precision !== "day";
  const end = over ? millis(task.finished_at) : now;
  const begin = points[0].at;
  const last = Math.max(end, begin + 60_000);
  const right = fan ? fan[2] + (fan[2] - begin) * 0.03 : last + (last - begin) * 0.02;
  const count = task.story_count;
  const most = Math.max(1, ...points.map((point) => Math.max(point.passed, point.total ?? 0)), count ?? 0);
  const [L, R, T, B] = [28, size - (fan ? 8 : 46), 20, HEIGHT - 22];
  const x = (at) => +(L + ((at - begin) / (right - begin)) * (R - L)).toFixed(1);
  const y = (value) => +(B - (value / most) * (B - T)).toFixed(1);
  const passed = task.stories_passed;
  const line = steps(points.map((point) => [point.at, point.passed]), x, y, end);
  const totals = points.filter((point) => point.total != null).map((point) => [point.at, point.total]);
  const grid = levels(most);
  const changes = points.filter((point, index) => index > 0 && point.reason && point.total !== points[index - 1].total);
  return svg`<svg viewBox="0 0 ${size} ${HEIGHT}" role="img" aria-label="Burn-up: ${passed}${count == null ? "" : ` of ${count}`} stories passed${fan ? `, done about ${clock(fan[1])}, between ${clock(fan[0])} and ${clock(fan[2])}` : ""}">
    ${grid.map((value) => svg`<line class="b-grid" x1=${L} x2=${R} y1=${y(value)} y2=${y(value)}/><text x=${L - 8} y=${y(value) + 4} text-anchor="end">${value}</text>`)}
    ${ticks(begin, right, Math.max(2, size / 96)).filter(({ at }) => x(at) > L + 14 && x(at) < R - 12).map(({ at, text }) => svg`<text x=${x(at)} y=${HEIGHT - 4} text-anchor="middle">${text}</text>`)}
    <path class="b-area" d="${line}V${y(0)}H${x(begin)}Z"/>
    ${totals.length ? svg`<path class="b-tot" d=${steps(totals, x, y, right)}/>` : nothing}
    ${fan ? svg`<path class="b-fan" d="M${x(now)} ${y(passed)}L${x(fan[0])} ${y(count ?? most)}H${x(fan[2])}Z"/><path class="b-med" d="M${x(now)} ${y(passed)}L${x(fan[1])} ${y(count ?? most)}"/>` : nothing}
    <path class="b-line" d=${line}/><circle class="b-dot" cx=${x(end)} cy=${y(passed)} r="4"/>
    ${changes.slice(-2).map((point) => svg`<text x=${Math.min(Math.max(x(point.at), L + 30), R - 60)} y=${y(point.total) - 7} text-anchor="middle">${signed(point, points)}</text>`)}
    ${fan ? fanLabels(fan, x, y(count ?? most) - 7, R) : nothing}
    ${fan ? svg`<text class="strong" x=${x(now) - 8} y=${y(passed) - 10} text-anchor=${x(now) < L + 60 ? "start" : "end"}>${passed} passed</text>` : svg`<text class="strong" x=${x(end) + 9} y=${y(passed) + 4}>${count == null ? passed : `${passed}/${count}`}</text>`}
  </svg>`;
}

function signed(point, points) {
  const before = points[points.indexOf(point) - 1].total ?? 0;
  const more = point.total - before;
  return `${more > 0 ? "+" : "−"}${Math.abs(more)} ${Math.abs(more) === 1 ? "story" : "stories"}`;
}

function fanLabels([low, median, high], x, y, right) {
  return svg`<text class="runt" x=${Math.min(x(median), right - 24)} y=${y} text-anchor="middle">~${clock(median)}</text>
    ${x(high) - x(median) > 64 ? svg`<text x=${Math.min(x(high), right)} y=${y} text-anchor="end">${clock(high)}</text>` : nothing}
    ${x(median) - x(low) > 48 ? svg`<text x=${x(low)} y=${y} text-anchor="middle">${clock(low)}</text>` : nothing}`;
}

function steps(values, x, y, end) {
  const [[at, value], ...rest] = values;
  return `M${x(at)} ${y(value)}${rest.map(([then, next]) => `H${x(then)}V${y(next)}`).join("")}H${x(end)}`;
}

/** Round values, five at most, always with 0 and the highest. */
function levels(most) {
  const step = [1, 2, 3, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2500].find((each) => most / each <= 4.5) ?? Math.ceil(most / 4);
  const found = [];
  for (let value = 0; value <= most; value += step) found.push(value);
  return most - found.at(-1) > step * 0.6 ? [...found, most] : found;
}
