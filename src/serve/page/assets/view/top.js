// The bar on top: how many tasks stand how, and whether what is shown is live; below it one card a task when there are several.

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { runBar } from "../parts.js";
import { byNeed, clock, count, currentStory, duration, elapsed, isOver, linkWords, millis, moment, remainingWords, standing, storyName } from "../words.js";

const CHIPS = [["running", "running", true], ["needs_you", "needs you", true], ["quiet", "quiet"], ["failed", "failed", true], ["ended", "ended"], ["passed", "passed", true], ["planned", "planned"], ["waiting", "waiting"]];

export function topBar(app, link, tasks, task) {
  const [tone, words] = linkWords(link);
  const shape = { live: "check", poll: "waiting", off: "off" }[tone];
  const begun = tasks.some((each) => !["waiting", "planned"].includes(each.status));
  const counts = CHIPS.map(([key, word, always]) => [key, word, always && begun && !link.state?.unlisted?.finished, tasks.filter((each) => standing(each).key === key)]);
  return html`<div class="wrap">
    <a class="brand" href="#" aria-label="progress-bridge" @click=${app.home}>${ring(task)}<span>progress-bridge</span></a>
    <ul class="chips ${tasks.length > 1 ? "many" : ""}" aria-label="All tasks">${counts.filter(([, , always, found]) => always || found.length > 0).map(([key, word, , found]) => html`
      <li class="chip ${found.length ? "" : "zero"}">${found.length ? icon(standing(found[0]).icon) : nothing}<b>${found.length + (key === "running" ? link.state?.unlisted?.left_out ?? 0 : 0)}</b> <span>${word}</span></li>`)}</ul>
    <p class="conn ${tone}" id="connection">${link.outdated ? html`<button class="link" type="button" @click=${() => location.reload()}>another version: reload</button>` : nothing}${icon(shape, { live: "ok", poll: "run", off: "warn" }[tone])}<b>${words}</b>${tone === "live" ? html`<small>${clock(link.now(), true)}</small>` : nothing}</p>
    <button class="key" type="button" aria-label="Keyboard shortcuts" @click=${app.help}>?</button>
  </div>`;
}

function ring(task) {
  const done = (task?.percent ?? 0) / 100;
  const bad = task?.status === "failed";
  return svg`<svg viewBox="0 0 18 18" fill="none" stroke-width="3" aria-hidden="true"><circle class="ring0" cx="9" cy="9" r="7"/><circle class=${bad ? "ring bad" : "ring"} cx="9" cy="9" r="7" pathLength="1" stroke-dasharray="${done} 1" transform="rotate(-90 9 9)"/></svg>`;
}

/** So many cards are looked through by eye. */
const FEW = 12;

export function strip(app, link, current, now) {
  const { state } = link;
  const found = app.query ? link.ask("tasks", app.query) : null;
  const rest = (found ?? state).unlisted;
  const isFleet = state.tasks.some((task) => task.task_id.includes("/"));
  let tasks = found?.tasks ?? state.tasks.filter((task) => task.listed || app.all || task.task_id === current);
  // A hub has its own order, and tasks beyond those that it lists.
  if (!isFleet) tasks = [...tasks].sort(byNeed);
  // A report has all its tasks and no search.
  const many = app.find && (tasks.length > FEW || app.query);
  const shown = many && !app.all ? tasks.slice(0, FEW) : tasks;
  const hidden = tasks.length - shown.length;
  let words = rest ? [rest.finished && `${rest.finished} finished`, rest.planned && `${rest.planned} planned`, rest.left_out && `${rest.left_out} more`].filter(Boolean).join(", ") : "";
  const fold = hidden || (app.all && many) || (!isFleet && words && rest.finished + rest.planned);
  if (isFleet && many) words = `${shown.length} of ${tasks.length} tasks${words && `, and ${words}: search for them`}`;
  if (tasks.length < 2 && !words && !many) return nothing;
  return html`<nav aria-label="Tasks">${many ? finder(app) : nothing}
    <ul class="tasks">${shown.map((task) => card(app, task, task.task_id === current, now))}</ul>
    ${words || fold ? html`<p class="others">${words} ${fold ? html`<button class="link" type="button" aria-expanded=${app.all ? "true" : "false"} @click=${app.toggleAll}>${app.all ? "hide" : "show"}</button>` : nothing}</p>` : nothing}</nav>`;
}

function finder(app) {
  return html`<form class="bar tf" role="search" @input=${app.find} @submit=${(event) => event.preventDefault()}>
    <label class="find">${icon("find")}<input type="search" name="q" placeholder="Search tasks" aria-label="Search tasks" autocomplete="off" spellcheck="false"></label>
    <select class="btn" name="status" aria-label="Show"><option value="">All</option>${CHIPS.map(([key, word]) => html`<option value=${key}>${word}</option>`)}</select></form>`;
}

function card(app, task, current, now) {
  const { icon: shape, tone, word } = standing(task);
  return html`<li><a class="task" href=${app.address(task)} aria-current=${current ? "true" : nothing}>
    ${icon(shape)}<strong>${task.task_name}${task.qualifier ? html` <small>${task.qualifier}</small>` : nothing}</strong><span>${task.story_count == null ? task.stories_passed : `${task.stories_passed}/${task.story_count}`}</span>
    ${task.story_count == null ? html`<span class="nobar"></span>` : runBar(task)}
    <span class="w"><b class=${tone}>${word}</b>${doing(task, now)}</span><span class="r">${left(task, now)}</span></a></li>`;
}

function doing(task, now) {
  if (task.status === "passed") {
    const lasted = elapsed(task, now);
    return lasted == null ? "" : ` · in ${duration(lasted)}`;
  }
  if (task.attention) return ` · ${task.attention.reason}`;
  if (task.status === "ended" && task.end_reason) return ` · ${task.end_reason}`;
  const story = currentStory(task);
  return story ? ` · ${storyName(story)}${story.attempt_count > 1 ? `, attempt ${story.attempt_count}` : ""}` : "";
}

function left(task, now) {
  if (isOver(task)) return moment(millis(task.finished_at), now, task.finished_precision ?? "minute");
  if (task.attention) return `since ${moment(millis(task.attention.since), now, "minute")}`;
  return task.remaining.kind === "range" ? remainingWords(task.remaining)[0] : task.status === "running" ? "" : count(task.story_count ?? 0, "story", "stories");
}

