// The stories of the run on one time axis: a row a story, a segment an attempt, gaps where nothing ran. A row opens to its evidence.

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { icon, provenance, triangle } from "../icons.js";
import { percent, scaleOf, ticks, width } from "../scale.js";
import { sr } from "../parts.js";
import { allStories, attemptsOf, clock, count, criterionWord, duration, errorLine, hasBegun, millis, moment, place, storyTook, storyWord } from "../words.js";

/** More stories than this are shown folded, but for the groups in which something happens. */
const MANY = 40;
/** Without groups of the plan a long list is cut into parts of so many. */
const PART = 50;

/** `until` is where the time axis ends at least: a replay keeps it while `now` moves. */
export function stories(app, task, now, until = now) {
  if (allStories(task).length === 0) return nothing;
  const scale = hasBegun(task) ? scaleOf(task, now, until) : null;
  const groups = groupsOf(task);
  return html`<section class="card st" id="stories" aria-labelledby="h-st">
    <header><h2 id="h-st">Stories</h2><p>${task.story_count == null ? `${task.stories_passed} passed` : `${task.stories_passed} of ${task.story_count} passed`}${hasBegun(task) ? "" : ", none started"}</p>
      ${task.plan_change ? html`<p>${task.plan_change.reason}, ${moment(millis(task.plan_change.at), now, "minute")}</p>` : nothing}</header>
    <div class="gantt ${scale ? "" : "flat"}">
      ${scale ? axis(scale) : nothing}
      ${groups.length === 1 && groups[0].name == null
        ? rows(app, task, groups[0].stories, scale, now)
        : groups.map((group) => fold(app, task, group, scale, now))}
    </div>
    ${scale ? legend(scale) : nothing}
  </section>`;
}

/** The plan's groups in its order, then what belongs to none of them; work that is no story of the plan stands apart. */
function groupsOf(task) {
  const { stories: planned, unplanned = [] } = task;
  const names = (task.groups ?? []).map((group) => group.name);
  const groups = names.map((name) => ({ name, stories: planned.filter((story) => story.group === name) })).filter((group) => group.stories.length > 0);
  const loose = planned.filter((story) => !names.includes(story.group));
  if (loose.length > 0) {
    if (groups.length > 0) groups.push({ name: "In no group", stories: loose });
    else if (loose.length > MANY + PART / 2) {
      for (let at = 0; at < loose.length; at += PART) {
        const part = loose.slice(at, at + PART);
        const name = (story, index) => story.story_id ?? `story ${index + 1}`;
        groups.push({ name: `${name(part[0], at)} – ${name(part.at(-1), at + part.length - 1)}`, stories: part });
      }
    } else groups.push({ name: null, stories: loose });
  }
  if (unplanned.length > 0) {
    if (groups.length === 1 && groups[0].name == null) groups[0].name = "Plan";
    groups.push({ name: "Not in the plan, not counted", stories: unplanned });
  }
  return groups;
}

function fold(app, task, group, scale, now) {
  const active = group.stories.some((story) => story.status === "in_progress" || story.status === "failed" || story.status === "blocked" || app.isOpen(task, story));
  const open = app.folds.get(`${task.task_id} ${group.name}`) ?? (task.stories.length <= MANY || active);
  const passed = group.stories.filter((story) => story.status === "passed").length;
  const took = group.stories.reduce((sum, story) => sum + (storyTook(story, now) ?? 0), 0);
  return html`<details class="grow" ?open=${open} @toggle=${(event) => app.fold(task, group.name, event.currentTarget.open)}>
    <summary><span class="nm">${triangle}<span>${group.name}</span><i>${passed} of ${group.stories.length}</i></span>${scale ? lane(scale, [extent(group.stories, now)].filter(Boolean), "sum") : html`<span></span>`}<span class="du">${took ? duration(took) : ""}</span></summary>
    ${open ? rows(app, task, group.stories, scale, now) : nothing}</details>`;
}

function extent(list, now) {
  const spans = list.flatMap(attemptsOf).filter((attempt) => attempt.from != null);
  if (spans.length === 0) return null;
  return { from: Math.min(...spans.map((span) => span.from)), to: Math.max(...spans.map((span) => span.to ?? (span.result === "in_progress" ? now : span.from))) };
}

function rows(app, task, list, scale, now) {
  return html`<ol>${list.map((story) => row(app, task, story, scale, now))}</ol>`;
}

function row(app, task, story, scale, now) {
  const { icon: shape, word } = storyWord(story);
  const open = app.isOpen(task, story);
  const took = storyTook(story, now);
  const attempts = attemptsOf(story);
  return html`<li><details class="srow ${story.status}" ?open=${open} @toggle=${(event) => app.toggle(task, story, event.currentTarget.open)}>
    <summary data-story=${story.story_id ?? story.title}>${icon(shape)}<span class="nm">${story.story_id ? html`<span class="id">${story.story_id}</span>` : nothing}<span title=${story.title ?? ""}>${story.title ?? ""}</span>${sr(`, ${word}${attempts.length > 1 ? `, ${attempts.length} attempts` : ""}`)}</span>
      ${scale ? lane(scale, attempts, "") : html`<span></span>`}
      <span class="du">${took != null ? duration(took) : scale || hasBegun(task) ? "–" : count(story.criteria_count, "criterion", "criteria")}</span></summary>
    ${open ? detail(app, task, story, attempts, now) : nothing}</details></li>`;
}

const CLASS = { passed: "seg-p", failed: "seg-f", in_progress: "seg-r", stopped: "seg-s" };

function lane(scale, attempts, kind) {
  const shapes = attempts.map((attempt, index) => {
    const running = attempt.result === "in_progress";
    const to = attempt.to ?? (running ? scale.now ?? scale.end : attempt.from);
    if (kind === "sum") return svg`<rect class="seg-g" x=${percent(scale, attempt.from)} width=${width(scale, attempt.from, to)} y="-1" height="2" rx="1"/>`;
    // Only its end is known.
    if (attempt.from == null) return to == null ? nothing : svg`<circle class=${CLASS[attempt.result]} cx=${percent(scale, to)} cy="0" r="4"/>`;
    const next = attempts[index + 1];
    return svg`${next?.from > to ? svg`<line class="seg-j" x1=${percent(scale, to)} x2=${percent(scale, next.from)} y1="0" y2="0"/>` : nothing}
      <rect class="${CLASS[attempt.result]}${attempt.precision ? " vague" : ""}" x=${percent(scale, attempt.from)} width=${width(scale, attempt.from, to)} y="-7" height="14" rx="3"/>`;
  });
  return html`<svg class="lane" aria-hidden="true"><svg y="50%" overflow="visible"><line class="base" x1="0" x2="100%" y1="0" y2="0"/>${shapes}</svg></svg>`;
}

/** The axis, and behind all rows the lines that belong to it: once, not once a row. */
function axis(scale) {
  const marks = ticks(scale.begin, scale.end, 6);
  return html`<div class="axis" aria-hidden="true"><span></span><svg>${marks.map(({ at, text }) => svg`<text x=${percent(scale, at)} y="50%" dy=".36em" text-anchor="middle">${text}</text>`)}</svg><span>took</span></div>
    <div class="behind" aria-hidden="true"><svg>${marks.map(({ at }) => svg`<line class="tk" x1=${percent(scale, at)} x2=${percent(scale, at)} y1="0" y2="100%"/>`)}
      ${scale.gaps.map(([from, to]) => svg`<rect class="gap" x=${percent(scale, from)} width=${width(scale, from, to)} y="0" height="100%"/>`)}
      ${scale.now == null ? nothing : svg`<line class="nowl" x1=${percent(scale, scale.now)} x2=${percent(scale, scale.now)} y1="0" y2="100%"/>`}</svg></div>`;
}

function legend(scale) {
  const seen = new Set(scale.lanes.flat().map((attempt) => attempt.result));
  const gaps = scale.gaps.toSorted(([a, b], [c, d]) => d - c - (b - a)).slice(0, 3);
  const words = [["passed", "passed"], ["failed", "failed"], ["in_progress", "under way"], ["stopped", "nobody said how it went"]];
  return html`<div class="legend">${words.filter(([result]) => seen.has(result)).map(([result, word]) => html`<span><svg aria-hidden="true"><rect class=${CLASS[result]} x=".5" y=".5" width="19" height="9" rx="2.5"/></svg>${word}</span>`)}
    ${gaps.map(([from, to], index) => html`<span>${index === 0 ? html`<svg aria-hidden="true"><rect class="gap edged" x=".5" y=".5" width="19" height="9"/></svg>` : nothing}nothing ran ${clock(from)}–${clock(to)}</span>`)}
    ${scale.gaps.length > gaps.length ? html`<span>and ${scale.gaps.length - gaps.length} shorter gaps</span>` : nothing}</div>`;
}

function detail(app, task, story, attempts, now) {
  const { criteria, criteria_done: done, criteria_count: all, commits = [], last_error: error, disagreement } = story;
  return html`<div class="det"><div>
      ${all > 0 ? html`<h3>Criteria ${done} of ${all}</h3>${criteria ? html`<ul>${criteria.map((criterion, index) => {
        const [shape, word] = criterionWord(criterion);
        return html`<li>${icon(shape)}<span class="grow1">${criterion.text || `Criterion ${index + 1}`}${sr(` (${word})`)}${shape === "inferred" ? html`<span class="dim"> · inferred</span>` : nothing}</span>${criterion.duration_ms != null ? html`<span class="dim">${duration(criterion.duration_ms)}</span>` : nothing}</li>`;
      })}</ul>` : html`<p class="dim">${app.loading(task, story)}</p>`}` : html`<h3>Criteria</h3><p class="dim">none are written down</p>`}
      ${disagreement ? html`<h3>The sources disagree</h3><p>${disagreement.text}</p><p class="src">${[disagreement.holds, disagreement.loses].map((side) => html`<span class="side">${place(side)}: ${side.status}${side.text ? html` <q>${side.text}</q>` : nothing}</span>`)}</p>` : nothing}
    </div><div>
      <h3>Attempts</h3>${attempts.length ? html`<ul>${attempts.map((attempt) => attemptRow(attempt, now))}</ul>` : html`<p class="dim">not started</p>`}
      ${error && !attempts.some((attempt) => attempt.reason) ? html`<p class="bad">${errorLine(error)}</p><p class="src">${place(error)} · ${error.provenance}</p>` : nothing}
      ${commits.length ? html`<h3>Commits</h3><p><code>${commits.join("  ")}</code></p>` : nothing}
      ${notes(story, now)}
    </div></div>`;
}

function attemptRow(attempt, now) {
  const shape = { passed: "passed", failed: "failed", in_progress: "running", stopped: "ended" }[attempt.result];
  const time = (at) => (at == null ? "?" : moment(at, now, attempt.precision, false));
  const times = attempt.from == null && attempt.to == null ? "times not known" : attempt.from == null ? `until ${time(attempt.to)}` : `${time(attempt.from)}–${attempt.result === "in_progress" ? "now" : time(attempt.to)}`;
  const took = attempt.from == null ? null : (attempt.to ?? (attempt.result === "in_progress" ? now : null));
  return html`<li>${icon(shape)}<span class="grow1">Attempt ${attempt.n}, ${times}${attempt.reason ? html`<span class="bad block">${attempt.reason}</span>` : nothing}
    <span class="src block">${place(attempt)} ${attempt.provenance ? html`${provenance(attempt.provenance)}${attempt.provenance}` : nothing}</span></span><span class="dim">${took == null ? "" : duration(took - attempt.from)}</span></li>`;
}

function notes(story, now) {
  const lines = [
    story.added_at && `added to the plan at ${moment(millis(story.added_at), now, "minute")}`,
    story.reopened_at && `reopened at ${moment(millis(story.reopened_at), now, "minute")}`,
    story.status_reason && story.status !== "failed" && `${story.status}: ${story.status_reason}`,
    story.provenance && story.status !== "open" && `${storyWord(story).word}: ${story.provenance}`,
  ].filter(Boolean);
  return lines.length ? html`<h3>Status</h3>${lines.map((line) => html`<p class="dim">${line}</p>`)}` : nothing;
}

