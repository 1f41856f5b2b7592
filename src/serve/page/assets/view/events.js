// The event log: searched, filtered, and of 10,000 rows only those drawn that are in sight. Rows have one fixed height, so that nothing shifts.

import { html, nothing, render } from "../vendor/lit-html/lit-html.js";
import { Directive, directive } from "../vendor/lit-html/directive.js";
import { icon, provenance } from "../icons.js";
import { vars } from "../parts.js";
import { allStories, clock, count, day, duration, millis, place, sameDay } from "../words.js";

const FILTERS = [
  ["all", "All", () => true],
  ["run", "Run", (type) => type === "task_started" || type === "task_completed"],
  ["story", "Stories", (type) => type === "story_started" || type === "story_completed"],
  ["ac", "Criteria", (type) => type === "ac_completed"],
  ["error", "Errors", (type) => type === "error_occurred"],
];
/** Rem; the phone's rows have two lines. */
const ROW = 2;
const PHONE_ROW = 3.25;
const SPARE = 6;

const phone = matchMedia("(max-width: 620px)");

/** What is kept of the log while the page is open: the reader's filter, place and what they have seen. `draw` draws the page anew. */
export class Log {
  #draw;
  query = "";
  filter = "all";
  #all = [];
  #rows = [];
  #source = null;
  #task = null;
  #sought = "";
  /** How many of the task's events each filter leaves. */
  counts = [];
  /** Rows that came while the reader was further down. */
  unseen = 0;
  element = null;

  constructor(draw) {
    this.#draw = draw;
  }

  /** After the page was drawn: which rows are in sight is known once the list is there. */
  attach() {
    const first = this.element == null;
    this.element = document.querySelector(".vp");
    if (first && this.element) this.#draw();
  }

  search(words, focus = true) {
    this.query = words;
    if (focus) this.filter = "all";
    this.#toTop();
    if (focus) requestAnimationFrame(() => document.getElementById("search")?.focus());
  }

  only(filter) {
    this.filter = filter;
    this.#toTop();
  }

  newest = () => {
    this.unseen = 0;
    this.#toTop();
  };

  scrolled = () => {
    if (this.element.scrollTop < this.rowHeight) this.unseen = 0;
    this.#draw();
  };

  #toTop() {
    if (this.element) this.element.scrollTop = 0;
    this.#draw();
  }

  get rowHeight() {
    return (phone.matches ? PHONE_ROW : ROW) * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  /** The rows to show, newest first. Made anew only when the log, the task or the question is another. */
  update(events, task) {
    const sought = `${this.filter} ${this.query}`;
    if (events === this.#source && task?.task_id === this.#task && sought === this.#sought) return;
    const grown = task?.task_id === this.#task && sought === this.#sought;
    if (events !== this.#source || task?.task_id !== this.#task) {
      this.#all = events.filter((event) => (event.origin ?? event.task_id) === task?.task_id && (!task.run || !event.run || event.run === task.run)).reverse();
      this.counts = FILTERS.map(([name, word, test]) => [name, word, this.#all.reduce((sum, event) => sum + test(event.type), 0)]);
    }
    const before = this.#rows.length;
    const test = FILTERS.find(([name]) => name === this.filter)[2];
    const words = this.query.trim().toLowerCase();
    this.#rows = this.#all.filter((event) => test(event.type) && (!words || haystack(event).includes(words)));
    [this.#source, this.#task, this.#sought] = [events, task?.task_id, sought];
    // What is read stays where it is: rows come in above it.
    const news = grown ? this.#rows.length - before : 0;
    if (news > 0 && this.element?.scrollTop > this.rowHeight / 2) {
      this.element.scrollTop += news * this.rowHeight;
      this.unseen += news;
    } else if (!grown) this.unseen = 0;
  }

  get rows() {
    return this.#rows;
  }

  get all() {
    return this.#all;
  }
}

const haystacks = new WeakMap();

function haystack(event) {
  let text = haystacks.get(event);
  if (text == null) {
    const { first, rest } = said(event, null);
    text = [event.data.story_id, first, rest, place(event.source), event.source?.text, event.type].filter(Boolean).join(" ").toLowerCase();
    haystacks.set(event, text);
  }
  return text;
}

export function events(log, task, now) {
  const { rows, all } = log;
  return html`<section class="card log ev-card" aria-labelledby="h-ev">
    <header><h2 id="h-ev">Events</h2><p>newest first</p><p class="end" id="event-count">${rows.length === all.length ? count(all.length, "event") : `${rows.length} of ${all.length}`}</p></header>
    <div class="bar"><label class="find">${icon("find")}<input type="search" id="search" placeholder="Search events" aria-label="Search events" autocomplete="off" spellcheck="false" .value=${log.query} @input=${(event) => log.search(event.target.value, false)}><kbd>/</kbd></label>
      <div class="fl" role="group" aria-label="Show">${log.counts.map(([name, word, number]) => html`<button type="button" aria-pressed=${log.filter === name ? "true" : "false"} @click=${() => log.only(name)}>${word}<b>${number}</b></button>`)}</div></div>
    <div class="pw">${log.unseen > 0 ? html`<button class="newp" type="button" @click=${log.newest}>${log.unseen} new</button>` : nothing}</div>
    <div class="vp" tabindex="0" role="region" aria-label="Event log" @scroll=${log.scrolled}>${rows.length > 0
      ? rowsInSight(log, task, now)
      : html`<p class="none">${all.length === 0 ? "No events yet. They appear here as the run writes its log." : "No event matches."}</p>`}</div>
    <div class="legend">${[["explicit", "a line says so"], ["derived", "follows from several"], ["inferred", "a guess"]].map(([name, words]) => html`<span>${provenance(name)}${name}: ${words}</span>`)}</div>
  </section>`;
}

function rowsInSight(log, task, now) {
  const { rows, rowHeight, element } = log;
  const first = Math.max(0, Math.floor((element?.scrollTop ?? 0) / rowHeight) - SPARE);
  const shown = rows.slice(first, first + Math.ceil((element?.clientHeight || 400) / rowHeight) + 2 * SPARE);
  return html`<ol aria-label="Events, newest first" ${vars({ height: `${rows.length * rowHeight}px` })} ${inPlace(shown, (event, index, row) => {
    row.className = `ev${said(event, task).bad ? " e" : ""}${(rows.length - first - index) % 2 ? " odd" : ""}`;
    row.ariaPosInSet = first + index + 1;
    row.ariaSetSize = rows.length;
    row.style.transform = `translateY(${(first + index) * rowHeight}px)`;
    render(cells(event, task, now), row);
  })}></ol>`;
}

// An event keeps its row for as long as it is in sight, and rows are moved, not laid out anew: nothing shifts, and what a reader has marked stays marked.
class InPlace extends Directive {
  rows = new Map();

  render() {}

  update({ element }, [events, draw]) {
    const before = this.rows;
    this.rows = new Map();
    events.forEach((event, index) => {
      const row = before.get(event.id) ?? document.createElement("li");
      before.delete(event.id);
      this.rows.set(event.id, row);
      draw(event, index, row);
      if (element.children[index] !== row) element.insertBefore(row, element.children[index] ?? null);
    });
    before.forEach((row) => row.remove());
  }
}

const inPlace = directive(InPlace);

function cells(event, task, now) {
  const { shape, first, rest } = said(event, task);
  const at = millis(event.timestamp);
  const time = event.timestamp_precision === "day" ? day(at) : sameDay(at, now) ? clock(at, event.timestamp_precision !== "minute") : `${day(at)} ${clock(at)}`;
  return html`<time datetime=${event.timestamp} title=${`${day(at)} ${clock(at, true)}${event.timestamp_source === "observed" ? ", when it was seen" : ""}`}>${time}</time>${icon(shape)}<span class="id">${event.data.story_id ?? (event.data.title ? "" : "run")}</span>
    <span class="tx" title=${event.source?.text ?? ""}><b>${first}</b> ${rest}${event.late ? " (told late)" : ""}</span><span class="src" title=${event.source?.path ?? ""}>${place({ ...event.source, path: event.source?.path?.split("/").at(-1) })}</span><span class="pvw" title=${event.provenance}>${provenance(event.provenance)}<span>${event.provenance}</span></span>`;
}

/** An event as a shape, a first word that stands out, and the rest. */
export function said({ type, data }, task) {
  const attempt = data.attempt > 1 ? `, attempt ${data.attempt}` : "";
  const took = data.duration_ms != null ? `in ${duration(data.duration_ms)}` : "";
  switch (type) {
    case "task_started":
      return { shape: "start", first: "Run started", rest: [data.task_name, data.story_count && count(data.story_count, "story", "stories")].filter(Boolean).join(", ") };
    case "story_started":
      return { shape: "start", first: "Started", rest: `${data.title ?? data.story_id}${attempt}` };
    case "ac_completed": {
      const all = task && allStories(task).find((story) => story.story_id === data.story_id)?.criteria_count;
      return { shape: "check", first: all ? `${data.ac_index + 1}/${all}` : `Criterion ${data.ac_index + 1}`, rest: data.ac_text ?? "" };
    }
    case "story_completed": {
      const passed = data.status === "passed";
      const reason = data.reason && data.reason !== data.status ? `: ${data.reason}` : "";
      return { shape: passed ? "passed" : "failed", first: `${passed ? "Passed" : "Failed"}${reason}`, rest: [data.story_id ? "" : data.title, took, attempt.slice(2), data.commits?.join(" ")].filter(Boolean).join(", "), bad: !passed };
    }
    case "task_completed": {
      const passed = data.status === "passed";
      return { shape: passed ? "flag" : "failed", first: passed ? "Run passed" : "Run failed", rest: `${data.stories_passed}${data.story_count ? ` of ${data.story_count}` : ""} stories ${took}`, bad: !passed };
    }
    case "error_occurred":
      return { shape: "failed", first: data.error_type === "unknown" ? "Error" : data.error_type, rest: `${data.error_message}${data.exit_code != null ? `, exit code ${data.exit_code}` : ""}`, bad: true };
    default:
      return { shape: "start", first: type, rest: "" };
  }
}
