// The page of a report: the dashboard's own cards on the run as it was at the chosen step. What each step changed was computed by the
// bridge's model; here it is only assigned.

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { copy, runBar } from "../parts.js";
import { report as asMarkdown } from "../report.js";
import { alertCard } from "../view/alert.js";
import { earlier, sources } from "../view/aside.js";
import { burnup } from "../view/burnup.js";
import { events as eventLog, Log, said } from "../view/events.js";
import { stories } from "../view/stories.js";
import { strip } from "../view/top.js";
import { allStories, byNeed, clock, count, countsWords, duration, elapsed, failedStory, hasBegun, isOver, millis, moment, sameDay, standing } from "../words.js";

const $ = (id) => document.getElementById(id);
const nameOf = (story) => story?.story_id ?? story?.title;
/** Nothing is followed: the link of a page that asks nobody. */
const LINK = { status: { kind: "none" }, live: true };

/** Applies a patch as src/report/patch.rs makes it; returns a new value where something changed. */
export function applied(target, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  if (Array.isArray(target)) {
    const merged = [...target];
    for (const [index, change] of Object.entries(patch)) merged[index] = applied(merged[index], change);
    return merged;
  }
  const merged = typeof target === "object" ? { ...target } : {};
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) delete merged[name];
    else merged[name] = applied(merged[name], change);
  }
  return merged;
}

/** One task at each of its steps. The states that were looked at last are kept: stepping to and fro is one assignment. */
class Recording {
  #states;
  #steps;
  #events;

  constructor({ beginning, steps }, events) {
    this.#states = [beginning];
    this.#steps = steps;
    this.#events = events;
    this.id = beginning.task_id;
  }

  get last() {
    return this.#steps.length;
  }

  /** The task after `step` steps; `last` is the run as the files have it. */
  task(step) {
    while (this.#states.length <= step) this.#states.push(applied(this.#states.at(-1), this.#steps[this.#states.length - 1].patch));
    return this.#states[step];
  }

  event(step) {
    return this.#events[this.#steps[step - 1]?.event] ?? null;
  }

  /** When it was, as far as the records know: times do not go back. */
  time(step) {
    let at = millis(this.task(this.last).started_at) ?? NaN;
    for (let index = 1; index <= step; index += 1) {
      const event = this.event(index);
      const known = event && event.timestamp_precision !== "day" && (event.timestamp_source === "record" || DATA.observed_times);
      if (known && !(millis(event.timestamp) < at)) at = millis(event.timestamp);
    }
    return at;
  }
}

const DATA = JSON.parse($("data").textContent);
const NOW = millis(DATA.generated_at);

class Report {
  all = true;
  folds = new Map();
  log = new Log(() => this.draw());
  #recordings = new Map(DATA.tasks.map((task) => [task.beginning.task_id, new Recording(task, DATA.events)]));
  #steps = new Map();
  #chosen = null;
  #opened = new Map();
  #size = 640;
  #due = false;
  #resize = new ResizeObserver(([entry]) => {
    this.#size = Math.max(240, Math.round(entry.contentRect.width));
    this.draw();
  });
  #observed = null;

  start() {
    const read = () => {
      const address = new URLSearchParams(location.hash.slice(1));
      this.#chosen = address.get("task") ?? this.#chosen;
      if (address.has("step")) this.#steps.set(this.#current()?.id, Number(address.get("step")) || 0);
      this.draw();
    };
    addEventListener("hashchange", read);
    addEventListener("beforeprint", () => this.#render());
    read();
  }

  draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#render();
    });
  }

  #current() {
    const chosen = this.#recordings.get(this.#chosen);
    if (chosen) return chosen;
    const tasks = [...this.#recordings.values()].map((recording) => recording.task(recording.last));
    return this.#recordings.get(tasks.filter(hasBegun).sort(byNeed)[0]?.task_id ?? tasks[0]?.task_id) ?? null;
  }

  #render() {
    const recording = this.#current();
    if (!recording) {
      render(html`<h1>Nothing of a run was found</h1>`, $("main"));
      return;
    }
    const step = Math.min(this.#steps.get(recording.id) ?? recording.last, recording.last);
    const atEnd = step === recording.last;
    const task = recording.task(step);
    const whole = recording.task(recording.last);
    // A run that is over stands still at its end, however much later the report was made.
    const end = (isOver(whole) && whole.finished_precision !== "day" && millis(whole.finished_at)) || NOW;
    const then = atEnd ? end : recording.time(step);
    const events = DATA.events.slice(0, atEnd ? DATA.events.length : this.#until(recording, step));
    this.#shown ??= events;
    if (this.#shown.length !== events.length) this.#shown = events;
    this.log.update(this.#shown, task);
    const state = { tasks: [...this.#recordings.values()].map((each) => each.task(each.last)) };
    render(html`${strip(this, { ...LINK, state }, task.task_id, NOW)}
      <div class="runhead"><h1>${task.task_name}</h1><p class="meta">${this.#meta(whole).map((words) => html`<span>${words}</span>`)}</p>
        <div class="acts"><button class="btn" type="button" aria-label="Copy as Markdown" @click=${(event) => this.copied(event, asMarkdown(task, then))}>${icon("copy")}<span>Copy as Markdown</span></button><button class="btn" type="button" @click=${() => print()}>Print</button></div></div>
      <div class="page rep">
        ${summary(task, then)}
        ${recording.last > 1 ? this.#scrubber(recording, step, then) : nothing}
        ${alertCard(this, LINK, task, then)}
        ${stories(this, task, then, Math.max(end, then || 0))}
        ${hasBegun(task) ? burnup(task, then, true, this.#size) : nothing}
        ${sources(task, DATA.notices, NOW)}
        ${DATA.events.length ? eventLog(this.log, task, then) : nothing}
        ${earlier(task, NOW)}
      </div>`, $("main"));
    const burn = $("burn");
    if (burn !== this.#observed) {
      if (this.#observed) this.#resize.unobserve(this.#observed);
      if (burn) this.#resize.observe(burn);
      this.#observed = burn;
    }
    this.log.attach();
  }

  #shown = null;

  #until(recording, step) {
    for (let index = step; index > 0; index -= 1) {
      const event = recording.event(index);
      if (event) return DATA.events.indexOf(event) + 1;
    }
    return 0;
  }

  #meta(task) {
    const commits = new Set(allStories(task).flatMap((story) => story.commits ?? [])).size;
    return [
      task.branch ?? (task.run && task.run !== task.task_name ? task.run : null),
      task.started_at && `started ${moment(millis(task.started_at), NaN, task.started_precision ?? "minute")}`,
      commits > 0 && count(commits, "commit"),
      `report of ${moment(NOW, NaN, "minute")}`,
    ].filter(Boolean);
  }

  #scrubber(recording, step, then) {
    const { last } = recording;
    const event = recording.event(step);
    const go = (to) => () => {
      this.#steps.set(recording.id, Math.min(Math.max(to, 0), last));
      this.draw();
    };
    const time = Number.isNaN(then) || step === last ? "" : sameDay(then, millis(recording.task(last).started_at)) ? clock(then, true) : moment(then, NaN);
    const words = step === 0 ? "before the first event" : step === last ? "the run as the files have it" : event ? eventWords(event, recording.task(step)) : "";
    return html`<section class="card scrub" aria-labelledby="h-sc"><header><h2 id="h-sc">Replay</h2><p id="moment">${[time, words].filter(Boolean).join(" · ")}</p><p class="end">${step} of ${last}</p></header>
      <div class="steps"><button class="btn" type="button" aria-label="First step" ?disabled=${step === 0} @click=${go(0)}>⇤</button><button class="btn" type="button" aria-label="Step back" ?disabled=${step === 0} @click=${go(step - 1)}>←</button>
        <input type="range" id="scrub" min="0" max=${last} .value=${String(step)} aria-labelledby="h-sc" aria-valuetext="${step} of ${last}: ${[time, words].filter(Boolean).join(" ")}" @input=${(input) => go(Number(input.target.value))()}>
        <button class="btn" type="button" aria-label="Step on" ?disabled=${step === last} @click=${go(step + 1)}>→</button><button class="btn" type="button" aria-label="Last step" ?disabled=${step === last} @click=${go(last)}>⇥</button></div></section>`;
  }

  // What the dashboard's cards ask of their page.

  address(task) {
    return `#${new URLSearchParams({ task: task.task_id })}`;
  }

  isOpen(task, story) {
    return this.#opened.get(`${task.task_id} ${nameOf(story)}`) ?? (isOver(task) && nameOf(failedStory(task)) === nameOf(story));
  }

  toggle(task, story, open) {
    if (this.isOpen(task, story) === open) return;
    this.#opened.set(`${task.task_id} ${nameOf(story)}`, open);
    this.draw();
  }

  fold(task, group, open) {
    const name = `${task.task_id} ${group}`;
    if (this.folds.get(name) === open) return;
    this.folds.set(name, open);
    this.draw();
  }

  loading() {
    return "left out of this report: it would have been too long";
  }

  toggleAll = () => {};

  async copied(event, text) {
    const button = event.currentTarget;
    await copy(text);
    $("say").textContent = "Copied.";
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 2000);
  }
}

function eventWords(event, task) {
  const { first, rest } = said(event, task);
  return [event.data.story_id, first, rest].filter(Boolean).join(" ");
}

function summary(task, now) {
  const { icon: shape, tone, word } = standing(task);
  const lasted = elapsed(task, now);
  const figures = [
    [task.story_count == null ? task.stories_passed : `${task.stories_passed} of ${task.story_count}`, "stories passed"],
    lasted != null && !Number.isNaN(lasted) && [duration(lasted), isOver(task) ? "in all" : "so far"],
    task.retries > 0 && [task.retries, task.retries === 1 ? "retry" : "retries"],
    task.errors > 0 && [task.errors, task.errors === 1 ? "error" : "errors"],
  ].filter(Boolean);
  return html`<section class="card sum" aria-labelledby="h-su"><h2 id="h-su">${icon(shape)}<span class=${tone}>${word}</span></h2>
    <dl>${figures.map(([value, name]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl><p class="dim">${task.story_count == null ? "" : countsWords(task)}</p>${runBar(task)}</section>`;
}

new Report().start();
