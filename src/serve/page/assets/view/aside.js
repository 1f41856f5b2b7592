// The cards at the end: what was read and as what, earlier runs, and how to put the panel elsewhere.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { icon, triangle } from "../icons.js";
import { sr } from "../parts.js";
import { count, duration, millis, moment } from "../words.js";

const STATE = { waiting: "not there yet", reading: "reading", gone: "gone", unreadable: "cannot be read" };

export function sources(task, notices, now) {
  const unknown = task.sources.reduce((sum, source) => sum + (source.unit === "lines" ? source.unknown : 0), 0);
  return html`<section class="card so" aria-labelledby="h-so"><header><h2 id="h-so">Sources</h2><p>${unknown ? `${count(unknown, "line")} not understood` : task.status === "waiting" ? "what is looked for" : "what was read, and as what"}</p></header>
    <div class="srcs">${task.sources.map((source) => sourceRow(source, now))}${notices.map((notice) => html`<p class="notice">${notice.kind === "found" ? icon("check") : icon("needs", "warn")}<span>${notice.message}${notice.path ? html` <code>${notice.path}</code>` : nothing}</span><small>${moment(millis(notice.at), now, "minute")}</small></p>`)}</div></section>`;
}

function sourceRow(source, now) {
  const { path, kind, state, unit, understood, unknown, record_like: like, unknown_lines: lines = [] } = source;
  const words = `${kind === "unknown" ? "not known yet" : kind.replaceAll("_", " ")} · ${STATE[state] ?? state}${source.changed_at ? ` · ${moment(millis(source.changed_at), now, "minute")}` : ""}`;
  const all = understood + unknown;
  const numbers = all === 0 ? "" : unit === "lines" ? `${understood} of ${count(all, "line")}` : count(understood, unit === "stories" ? "story" : "record", unit);
  const mark = lines.length ? triangle : state === "reading" ? icon("check") : state === "waiting" ? icon("waiting") : icon("needs");
  const summary = html`${mark}<code>${path}</code><small>${words}</small><b>${numbers}${unknown > 0 ? html`<span class="warn block">${unknown} not understood</span>` : nothing}</b>`;
  if (lines.length === 0) return html`<div class="row">${summary}</div>`;
  return html`<details><summary>${summary}</summary>
    <ol class="unk" aria-label="Not understood in ${path}">${lines.map(({ line, text }) => html`<li><span>${line}</span><span>${text}</span></li>`)}</ol>
    ${like > 0 ? html`<p class="unk">${count(like, "of them looks", "of them look")} like a record and ${like === 1 ? "was" : "were"} not taken for one.</p>` : nothing}</details>`;
}

export function earlier(task, now) {
  if (!task.runs?.length) return nothing;
  return html`<section class="card plain er" aria-labelledby="h-er"><header><h2 id="h-er">Earlier runs</h2></header><ul>${task.runs.map((run) => {
    const [from, to] = [millis(run.started_at), millis(run.ended_at)];
    return html`<li>${icon(run.status)}<span>${run.name}${sr(`, ${run.status}`)}</span><span class="dim">${from != null && to != null ? duration(to - from) : ""}</span><small>${run.total == null ? `${run.passed} passed` : `${run.passed} of ${run.total}`}${to != null ? ` · ${moment(to, now, "minute")}` : ""}</small></li>`;
  })}</ul></section>`;
}

export function embed(base) {
  const src = base.replace(/\/$/, "");
  const lines = `<script type="module" src="${src}/panel.js"></script>\n<progress-panel src="${src}"></progress-panel>`;
  return html`<section class="card sharec sh" aria-labelledby="h-sh"><header><h2 id="h-sh">Put it elsewhere</h2></header><div class="share"><p>These two lines show the panel in any page that the bridge was told of with <code>--allow-origin</code>.</p><pre tabindex="0">${lines}</pre></div></section>`;
}

