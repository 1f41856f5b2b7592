// The card that goes before all others: what failed, who is asked for, or that the bridge does not answer.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { agentAsks, agentDoing, agentName, attemptsOf, clock, count, duration, errorLine, errorMore, failedStory, isOver, millis, moment, place, storyName } from "../words.js";

/** One missed answer is no trouble yet. */
const TRIES = 2;

export function alertCard(app, link, task, now) {
  if (link.status.kind === "lost" && link.status.tries >= TRIES) return lost(link);
  if (link.status.kind === "refused") return refused(link);
  if (!task) return nothing;
  if (task.attention?.kind === "needs_you") return needed(task, now);
  const story = failedStory(task);
  if (story) return failure(app, task, story, now);
  return task.status === "failed" || task.status === "ended" ? stopped(app, task, now) : nothing;
}

function lost(link) {
  const wait = Math.max(0, Math.ceil((link.status.nextAt - Date.now()) / 1000));
  return html`<section class="alert w" aria-labelledby="al"><div>${icon("off")}<h2 id="al">The bridge does not answer<small>${wait > 0 ? `try ${link.status.tries + 1} in ${wait} s` : "trying"}</small></h2>
    <p>${Number.isNaN(link.asOf) ? "Nothing has come from it yet." : `What you see is as of ${clock(link.asOf, true)}. The run itself may be fine.`}</p>
    <p class="src">${link.bridge.base} · ${link.status.reason}</p>
    <div class="btns"><button class="btn" type="button" @click=${() => link.kick()}>Try now</button></div></div></section>`;
}

function refused(link) {
  return html`<section class="alert w" aria-labelledby="al"><div>${icon("off")}<h2 id="al">The bridge says no</h2><p>${link.status.reason}</p>${link.status.hint ? html`<p>${link.status.hint}</p>` : nothing}
    <div class="btns"><button class="btn" type="button" @click=${() => link.kick()}>Try now</button></div></div></section>`;
}

function needed(task, now) {
  const agent = task.agents?.find(agentAsks);
  const [words, thing] = agent ? agentDoing(agent) : ["", ""];
  return html`<section class="alert w" aria-labelledby="al"><div>${icon("needs")}<h2 id="al">The agent waits for you<small>for ${duration(now - millis(task.attention.since))}</small></h2>
    <p>${task.attention.reason}. This page only reads.</p>
    ${agent ? html`<p class="src">${agentName(agent)}: ${words} ${thing} · session ${agent.session} · ${agent.provenance}</p>` : nothing}</div></section>`;
}

function failure(app, task, story, now) {
  const error = story.last_error;
  const attempts = attemptsOf(story);
  const last = attempts.at(-1);
  const earlier = attempts.slice(0, -1).filter((attempt) => attempt.result === "failed" && attempt.path);
  const reason = error ? error.error_message : (last?.reason ?? story.status_reason ?? "no reason was written");
  const kind = error && error.error_type !== "unknown" ? `${error.error_type}: ` : "";
  const more = [...(error ? errorMore(error) : []), earlier.length && `earlier attempts: ${earlier.map(place).join(", ")}`].filter(Boolean).join(" · ");
  const where = place(error ?? last ?? {});
  const line = `${storyName(story)}: ${error ? errorLine(error) : reason}${where ? ` (${where})` : ""}`;
  return html`<section class="alert" aria-labelledby="al" role="alert"><div>${icon("failed")}
    <h2 id="al">${storyName(story)} failed<small>attempt ${story.attempt_count}${story.finished_at ? ` · ${moment(millis(story.finished_at), now, story.finished_precision)}` : ""}</small></h2>
    <p>${situation(task)}</p>
    <div class="btns"><button class="btn" type="button" @click=${(event) => app.copied(event, line)}>${icon("copy")}<span>Copy error</span></button><button class="btn" type="button" @click=${() => app.log.search(story.story_id ?? story.title)}>Show in log</button></div>
    <pre tabindex="0">${kind}${reason}${more ? `\n${more}` : ""}</pre>
    <p class="src">${[where, error?.provenance ?? last?.provenance].filter(Boolean).join(" · ")}</p></div></section>`;
}

function stopped(app, task, now) {
  const failed = task.status === "failed";
  return html`<section class="alert ${failed ? "" : "w"}" aria-labelledby="al" role="alert"><div>${icon(failed ? "failed" : "ended")}
    <h2 id="al">The run ${failed ? "failed" : "ended before it was complete"}<small>${moment(millis(task.finished_at), now, task.finished_precision)}</small></h2>
    <p>${situation(task)}</p>
    ${task.last_error ? html`<div class="btns"><button class="btn" type="button" @click=${(event) => app.copied(event, `${task.task_name}: ${errorLine(task.last_error)} (${place(task.last_error)})`)}>${icon("copy")}<span>Copy error</span></button></div>
      <pre tabindex="0">${errorLine(task.last_error)}</pre><p class="src">${place(task.last_error)} · ${task.last_error.provenance}</p>` : nothing}</div></section>`;
}

/** Of a run that goes on nothing that changes: what stands in an alert is read out again when it does. */
function situation(task) {
  if (!isOver(task)) return "The run goes on.";
  const open = task.stories.filter((story) => story.status === "open").length;
  const what = `The runner has stopped${task.end_reason ? `: ${task.end_reason}` : ""}.`;
  return `${what} ${count(task.stories_passed, "story", "stories")} passed${open ? `, ${open} not started` : ""}.`;
}
