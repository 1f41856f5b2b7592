// <progress-panel src="http://127.0.0.1:7333" task="…" theme="light|dark">: one task's progress, live, for any page. The token is a property,
// never an attribute. Everything is drawn from the bridge's state; parts and custom properties are there for styling.

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { icon, triangle } from "./icons.js";
import { linkTo } from "./link.js";
import { bar, copy, runBar, sr } from "./parts.js";
import {
  agentAsks, agentDetails, agentDoing, allStories, attemptsOf, byNeed, clock, count, countsWords, criterionWord, currentStory, duration, elapsed,
  errorLine, hasBegun, isOver, linkWords, millis, moment, place, remainingWords, standing, storyName, storyTook,
} from "./words.js";

const HERE = new URL(".", import.meta.url).href;
const MOST_AGENTS = 3;

const sheets = await Promise.all(["tokens.css", "panel.css"].map(async (name) => {
  const sheet = new CSSStyleSheet();
  // Without its style it is ugly, and still says what is.
  await fetch(new URL(name, HERE)).then((answer) => answer.text()).then((text) => sheet.replace(text)).catch(() => {});
  return sheet;
}));

export class ProgressPanel extends HTMLElement {
  static observedAttributes = ["src", "task", "theme", "untitled"];

  #root = this.attachShadow({ mode: "open" });
  #link = null;
  #leave = null;
  #token = "";
  #kept = null;
  #timer = 0;
  #due = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = sheets;
  }

  get token() {
    return this.#token;
  }

  set token(token) {
    if (token === this.#token) return;
    this.#token = token ?? "";
    if (this.isConnected) this.#join();
  }

  connectedCallback() {
    // Set before the element was defined: the property stands on the element itself.
    if (Object.hasOwn(this, "token")) {
      const { token } = this;
      delete this.token;
      this.#token = token;
    }
    this.#join();
    this.#timer = setInterval(() => this.#link.live && this.#draw(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#leave?.();
    this.#leave = null;
  }

  attributeChangedCallback(name) {
    if (!this.#link || !this.isConnected) return;
    if (name === "src") this.#join();
    else this.#draw();
  }

  #join() {
    this.#leave?.();
    const src = this.getAttribute("src");
    const base = src ? new URL(src.endsWith("/") ? src : `${src}/`, document.baseURI).href : HERE;
    this.#link = linkTo(base, this.#token);
    this.#leave = this.#link.subscribe((what) => what !== "events" && this.#draw());
    this.#draw();
  }

  #draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      render(panel(this.#link, this.#task(), this), this.#root);
    });
  }

  /** The named task; else the one that needs a look first, and that one for as long as it goes on. */
  #task() {
    const named = this.getAttribute("task");
    if (named) return this.#link.task(named) ?? null;
    const tasks = this.#link.state?.tasks ?? [];
    const kept = tasks.find((task) => task.task_id === this.#kept);
    if (kept && !isOver(kept)) return kept;
    const first = tasks.filter((task) => task.listed && !isOver(task)).sort(byNeed)[0];
    const task = first ?? kept ?? [...tasks].sort((a, b) => (millis(b.last_activity_at) ?? 0) - (millis(a.last_activity_at) ?? 0))[0] ?? null;
    this.#kept = task?.task_id ?? null;
    return task;
  }
}

function panel(link, task, element) {
  if (!task) return nobody(link, element.getAttribute("task"));
  const untitled = element.hasAttribute("untitled");
  const now = link.now();
  const frozen = !link.live;
  const state = standing(task);
  const [tone, words] = linkWords(link);
  const story = currentStory(task);
  return html`<article class="p ${task.story_count != null && (story || task.status === "planned" || task.status === "passed") ? "wide" : ""}" part="panel" aria-label="Progress of ${task.task_name}">
    <header part="header">
      <h2 class=${untitled ? "sr" : ""} part="title">${untitled ? "Now" : task.task_name}</h2>
      <span class="st ${frozen ? "dim" : state.tone}" part="state">${icon(state.icon, frozen ? "dim" : state.tone)}${state.word}${stateNote(task, now, frozen)}</span>
      ${untitled
        ? task.iteration != null ? html`<span class="cn">iteration ${task.iteration}${task.max_iterations ? ` of ${task.max_iterations}` : ""}</span>` : nothing
        : html`<span class="cn ${tone}" part="connection">${words}</span>`}
    </header>
    ${task.status === "waiting" ? waiting(task, untitled) : run(task, now, frozen, untitled)}
    ${activity(task, now, frozen, untitled)}
    ${task.status === "planned" ? planned(task) : task.status === "passed" ? summary(task, now) : current(task, story, now, untitled)}
    ${todo(task)}
    <footer part="footer">${sign(task, now, frozen)}</footer>
  </article>`;
}

function nobody(link, named) {
  const [tone, words] = linkWords(link);
  const { host } = new URL(link.bridge.base);
  const foreign = new URL(link.bridge.base).origin !== location.origin;
  const { kind, reason, hint } = link.status;
  const none = named ? `There is no task “${named}” here.` : "Nothing is watched yet.";
  const why = {
    live: none,
    polling: none,
    connecting: "Asking the bridge …",
    denied: "The bridge asks for its token, and the right one.",
  }[kind] ?? `The bridge does not answer: ${reason}. Trying again by itself.`;
  return html`<article class="p" part="panel" aria-label="Progress">
    <header part="header"><h2 part="title">Progress</h2><span class="st dim" part="state">${icon("waiting")}${kind === "live" ? "Waiting" : "Not live"}</span><span class="cn ${tone}" part="connection">${words}</span></header>
    <section><p class="note">${why}</p>
    ${hint ? html`<p class="note">${hint}</p>` : nothing}
    ${kind === "lost" && foreign ? html`<p class="note">If it runs, it may not know this page: start it with <code>--allow-origin ${location.origin}</code></p>` : nothing}</section>
    <footer part="footer"><code>${host}</code></footer>
  </article>`;
}

function stateNote(task, now, frozen) {
  if (frozen) return html`<small>as of ${clock(now, true)}</small>`;
  const since = millis(task.attention?.since);
  return since == null ? nothing : html`<small>for ${duration(now - since)}</small>`;
}

function run(task, now, frozen, untitled) {
  const { percent, story_count: all, stories_passed: passed } = task;
  const [left, beside, below] = frozen ? ["not shown", "", "while disconnected"] : remainingWords(task.remaining);
  const lasted = elapsed(task, now);
  const atLeast = task.started_source === "observed" ? "at least " : "";
  const end = millis(task.finished_at);
  return html`<section class="rn" part="run">
    <div class="fig">${percent == null
      ? html`<b part="percent">${passed}</b><span>${passed === 1 ? "story" : "stories"} passed<small>${countsWords(task) || "there is no plan to count against"}</small></span>`
      : html`<b part="percent">${percent}<i>%</i></b><span>${passed} of ${count(all, "story", "stories")} passed<small>${countsWords(task)}</small></span>`}</div>
    ${runBar(task)}
    ${task.plan_change && !isOver(task) && !untitled ? html`<p class="frac"><span>${task.plan_change.reason}, ${moment(millis(task.plan_change.at), now, "minute")}</span></p>` : nothing}
    <dl>
      <div><dt>${frozen ? "Elapsed, frozen" : "Elapsed"}</dt><dd part="elapsed">${lasted == null ? "–" : `${atLeast}${duration(lasted)}`}</dd></div>
      ${isOver(task)
        ? html`<div><dt>Ended</dt><dd>${end == null ? "–" : moment(end, now, task.finished_precision)}${task.end_reason && !untitled ? html`<small>${task.end_reason}</small>` : nothing}</dd></div>`
        : html`<div><dt>Remaining</dt><dd part="remaining">${left} ${beside ? html`<i>${beside}</i>` : nothing}<small>${below}</small></dd></div>`}
    </dl>
  </section>`;
}

function activity(task, now, frozen, untitled) {
  if (isOver(task) || task.status === "waiting") return nothing;
  const { attention, agents = [], terminal_line: line } = task;
  const ours = agents.filter((agent) => agent.ours);
  // That nothing is heard is said once.
  const heard = (ours.length > 0 ? ours : agents).filter((agent) => !attention || agent.phase !== "unknown");
  // A loop leaves one session after the other: of those that are over only the last one matters, and only while none is at work.
  const live = heard.filter((agent) => agent.phase !== "ended");
  const shown = live.length > 0 ? live.slice(0, MOST_AGENTS) : heard.slice(0, 1);
  const asked = shown.some(agentAsks);
  const note = attention && !(asked && attention.kind === "needs_you") && !(untitled && attention.kind === "needs_you")
    ? html`<section class="act ${attention.kind === "needs_you" ? "ask" : ""}" part="attention">
        ${attention.kind === "needs_you" ? icon("needs") : html`<span class="dot still"></span>`}
        <p>${attention.kind === "needs_you" ? "A person is asked for" : `No sign for ${duration(now - millis(attention.since))}`}</p><span></span><small>${attention.reason}</small></section>`
    : nothing;
  if (shown.length > 0) return html`${note}${shown.map((agent) => agentRow(agent, now, frozen, untitled))}`;
  if (!line) return note;
  return html`${note}<section class="act" part="agent"><span class="dot still"></span><p>${sr("The runner: ")}${line.text}</p><time>${frozen ? "" : duration(now - millis(line.at))}</time><small>${line.path}</small></section>`;
}

function agentRow(agent, now, frozen, untitled) {
  const asks = agentAsks(agent);
  const [words, thing] = agentDoing(agent);
  const still = frozen || !["tool", "thinking", "starting", "compacting"].includes(agent.phase);
  return html`<section class="act ${asks ? "ask" : ""}" part="agent">
    ${asks ? icon("needs") : html`<span class="dot ${still ? "still" : ""}"></span>`}
    <p>${sr("The agent: ")}${words}${thing ? html` <code>${thing}</code>` : nothing}</p>
    <time>${duration(now - millis(agent.phase_since))}</time>
    ${asks && untitled ? nothing : html`<small>${agentDetails(agent, now)}</small>`}
  </section>`;
}

function current(task, story, now, untitled) {
  if (!story) {
    return task.current_story.kind === "unknown" ? html`<section part="story"><p class="note">Which story is under way is not known: ${task.current_story.reason}.</p></section>` : nothing;
  }
  const failed = story.status === "failed";
  const attempts = attemptsOf(story);
  const running = attempts.find((attempt) => attempt.result === "in_progress");
  const took = failed ? storyTook(story, now) : running?.from != null ? now - running.from : null;
  const guessed = story.status === "in_progress" && (task.current_story.provenance === "inferred" || story.provenance === "inferred");
  const { criteria_done: done, criteria_count: all } = story;
  return html`<section part="story">
    <p class="eb">${story.story_id ? html`<code>${story.story_id}</code>` : nothing}${guessed ? html`<span>inferred</span>` : nothing}${task.unplanned?.includes(story) ? html`<span>not in the plan</span>` : nothing}${story.attempt_count > 0 ? html`<span>attempt ${story.attempt_count}</span>` : nothing}
      <span>${took == null ? "" : failed && story.attempt_count > 1 ? `${story.attempt_count} attempts, ${duration(took)}` : duration(took)}</span></p>
    <h3>${story.title ?? story.story_id}</h3>
    ${failed && !untitled && story.last_error ? html`<p class="err">${errorLine(story.last_error)}<code>${place(story.last_error)}</code></p>` : nothing}
    ${all > 0 ? html`
      ${bar(`Story ${storyName(story)}: ${done} of ${all} criteria done`, done, all, story.status === "in_progress" && done < all ? 0.999 : 0)}
      <p class="frac"><span>${done} of ${all} criteria done</span><span>${story.percent ?? 0} %</span></p>` : nothing}
    ${story.criteria ? checklist(story) : nothing}
  </section>`;
}

/** The user's three marks in the page's shapes; the words are for those who hear. */
function checklist(story) {
  return html`<ul class="ac" part="criteria">${story.criteria.map((criterion, index) => {
    const [shape, word] = criterionWord(criterion);
    return html`<li class=${criterion.status === "in_progress" ? "cur" : criterion.status}>${icon(shape)}<span>${criterion.text || `Criterion ${index + 1}`}${sr(` (${word})`)}${shape === "inferred" ? html`<small>inferred from the story’s result</small>` : nothing}</span>
      ${criterion.duration_ms != null ? html`<time>${duration(criterion.duration_ms)}</time>` : html`<span></span>`}</li>`;
  })}</ul>`;
}

function todo(task) {
  const list = isOver(task) ? null : task.agents?.find((agent) => agent.todo?.items)?.todo;
  if (!list) return nothing;
  const word = { open: "open", in_progress: "current", done: "done" };
  return html`<section class="lst" part="todo"><details><summary>${triangle}<span>Agent’s own list</span><span>${list.done} of ${list.total}, not counted</span></summary>
    <ul class="todo">${list.items.map((item) => html`<li class=${item.status}>${item.status === "done" ? icon("check", "dim") : item.status === "in_progress" ? icon("start", "") : html`<i aria-hidden="true"></i>`}<span>${item.text}${sr(` (${word[item.status]})`)}</span></li>`)}</ul>
  </details></section>`;
}

function waiting(task, untitled) {
  return html`<section><p class="note">Nothing to read yet${task.folder === "." ? "" : html` in <code>${task.folder}</code>`}.${untitled ? " What is looked for stands under Sources." : " Looked for:"}</p>
    ${untitled ? nothing : html`<ul class="ac">${task.sources.map((source) => html`<li class="open">${icon("waiting")}<code>${source.path}</code><time>${source.state === "waiting" ? "not there yet" : source.state}</time></li>`)}</ul>`}
    <p class="note gap">Start your runner now; nothing needs restarting here.</p>
    <div class="cmd"><code>progress-bridge check</code><button type="button" @click=${() => copy("progress-bridge check")}>Copy</button></div></section>`;
}

function planned(task) {
  const plan = task.sources.find((source) => source.unit === "stories" && source.state === "reading");
  return html`<section part="story"><p class="note">The plan was read${plan ? html` from <code>${plan.path}</code>` : nothing}. Nothing of this run has begun. First up:</p>
    <ul class="ac">${task.stories.slice(0, 3).map((story) => html`<li class="open">${icon("open")}<span>${story.title ?? story.story_id}</span><time>${story.story_id ?? ""}</time></li>`)}</ul></section>`;
}

function summary(task, now) {
  const all = allStories(task);
  const longest = all.map((story) => [storyTook(story, now) ?? 0, story]).sort(([a], [b]) => b - a)[0];
  const retried = all.filter((story) => story.attempt_count > 1).map((story) => story.story_id ?? story.title);
  const commits = new Set(all.flatMap((story) => story.commits ?? [])).size;
  const rows = [
    longest?.[0] > 0 && ["Longest", `${storyName(longest[1])}, ${duration(longest[0])}`],
    ["Retries", task.retries ? `${task.retries} (${retried.slice(0, 4).join(", ")}${retried.length > 4 ? ", …" : ""})` : "none"],
    ["Errors", String(task.errors)],
    commits > 0 && ["Commits", String(commits)],
    task.first_guess && ["First guess", task.first_guess.text],
  ].filter(Boolean);
  return html`<section part="story"><dl class="sum">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`;
}

function sign(task, now, frozen) {
  const at = millis(task.last_activity_at);
  if (at == null) return hasBegun(task) ? "No sign of life yet" : "Watching";
  const when = frozen || isOver(task) ? moment(at, now) : `${duration(now - at)} ago`;
  return html`<span>Last sign of life ${frozen ? "at " : ""}${when}</span>${task.last_activity_path ? html`<code>${task.last_activity_path}</code>` : nothing}`;
}

if (!customElements.get("progress-panel")) customElements.define("progress-panel", ProgressPanel);
