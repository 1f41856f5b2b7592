// The state in words for people: the same ones in the panel, the page, the report and the live region.

import { clock, day, duration, millis, moment, rough, sameDay } from "./clock.js";

const TASK = {
  needs_you: ["needs", "warn", "Needs you"],
  quiet: ["quiet", "warn", "Quiet"],
  failed: ["failed", "bad", "Failed"],
  ended: ["ended", "warn", "Ended"],
  running: ["running", "run", "Running"],
  passed: ["passed", "ok", "Passed"],
  planned: ["waiting", "dim", "Planned, not started"],
  waiting: ["waiting", "dim", "Waiting for the run"],
};

/** What needs a look comes first. */
const ORDER = Object.keys(TASK);

/** `attention` goes before `status`: it is what a person must know. */
export function standing(task) {
  const key = task.attention?.kind ?? task.status;
  const [icon, tone, word] = TASK[key] ?? ["waiting", "dim", key];
  return { key, icon, tone, word };
}

export function byNeed(a, b) {
  const order = ORDER.indexOf(standing(a).key) - ORDER.indexOf(standing(b).key);
  return order || (millis(b.last_activity_at) ?? 0) - (millis(a.last_activity_at) ?? 0);
}

export const isOver = (task) => ["passed", "failed", "ended"].includes(task.status);
export const hasBegun = (task) => !["waiting", "planned"].includes(task.status);

const STORY = {
  open: ["open", "not started"],
  in_progress: ["running", "under way"],
  passed: ["passed", "passed"],
  failed: ["failed", "failed"],
  blocked: ["blocked", "blocked"],
  deferred: ["dropped", "deferred"],
  cancelled: ["dropped", "cancelled"],
};

export function storyWord(story) {
  const [icon, word] = STORY[story.status] ?? ["open", story.status];
  return { icon, word };
}

export const storyName = (story) => [story.story_id, story.title].filter(Boolean).join(" ");

/** The plan's, then the work that it does not list. */
export const allStories = ({ stories, unplanned = [] }) => [...stories, ...unplanned];

/** The story to show large: the one under way, else the one the run stopped at. */
export function currentStory(task) {
  const { kind, index } = task.current_story ?? {};
  if (kind === "known" || kind === "unplanned") return (kind === "known" ? task.stories : task.unplanned)[index];
  if (task.status === "failed" || task.status === "ended") {
    return failedStory(task);
  }
  return null;
}

export function failedStory(task) {
  const failed = allStories(task).filter((story) => story.status === "failed");
  return failed.find((story) => story.story_id && story.story_id === task.last_error?.story_id) ?? failed.at(-1) ?? null;
}

/** Of the story under way; a light cell in the run's bar. */
export function criteriaShare(task) {
  const story = currentStory(task);
  return story && story.status === "in_progress" && story.in_plan && story.criteria_count ? story.criteria_done / story.criteria_count : 0;
}

export function criterionWord(criterion) {
  if (criterion.status === "done") return criterion.provenance === "inferred" ? ["inferred", "done, inferred"] : ["passed", "done"];
  return criterion.status === "in_progress" ? ["running", "current"] : ["open", "open"];
}

/** `1 failed, 5 not started`. */
export function countsWords(task) {
  const { stories, story_count: count, stories_passed: passed, stories_failed: failed, stories_blocked: blocked, stories_dropped: dropped } = task;
  if (count != null && passed === count) return "all of them";
  if (!hasBegun(task)) return "none started";
  const active = stories.filter((story) => story.status === "in_progress").length;
  const open = stories.filter((story) => story.status === "open").length;
  return [
    failed && `${failed} failed`,
    blocked && `${blocked} blocked`,
    active && `${active} under way`,
    open && `${open} ${isOver(task) ? "not started" : "to go"}`,
    dropped && `${dropped} deferred or cancelled`,
  ].filter(Boolean).join(", ");
}

/** `12m – 45m`. */
function between(low, high) {
  if (high < 60) return rough(high);
  return low < 60 ? `up to ${rough(high)}` : `${rough(low)} – ${rough(high)}`;
}

/** Main words, words beside them, words below. */
export function remainingWords(remaining) {
  switch (remaining.kind) {
    case "range":
      if (remaining.rough) return [remaining.text, "", remaining.basis];
      return [(remaining.p50 < 60 ? "" : "~") + rough(remaining.p50), remaining.p90 <= 60 ? "" : between(remaining.p10, remaining.p90), remaining.basis];
    case "longer_than_usual":
      return ["longer than usual", `usual ${between(remaining.usual_p10, remaining.usual_p90)}`, remaining.basis];
    case "none":
      return ["none", "", remaining.reason];
    default:
      return ["unknown", "", remaining.reason];
  }
}

/** How long the run has lasted: as the bridge has it when it is over. */
export function elapsed(task, now) {
  if (task.duration_ms != null) return task.duration_ms;
  const start = millis(task.started_at);
  if (start == null || task.started_precision === "day") return null;
  return (millis(task.finished_at) ?? now) - start;
}

const AGENTS = { "claude-code": "Claude Code", codex: "Codex" };
export const agentName = (agent) => AGENTS[agent.agent] ?? agent.agent;

const ASKS = { permission: "permission", answer: "an answer", plan: "a word on its plan" };

/** What the agent does: words, and the thing it does it to. */
export function agentDoing(agent) {
  const thing = agent.command ?? agent.target ?? "";
  switch (agent.phase) {
    case "tool": return [`${agent.verb ?? "working"}${!thing && agent.tool ? ` (${agent.tool})` : ""}`, thing];
    case "waiting": {
      if (!agent.waiting) return ["waiting", ""];
      const asks = agent.waiting.for === "permission" && (thing || agent.tool);
      return [`${agent.waiting.certain ? "" : "perhaps "}waiting for ${ASKS[agent.waiting.for] ?? agent.waiting.for}${asks ? ":" : ""}`, asks || ""];
    }
    case "retrying": return [`trying again, ${agent.retry?.attempt ?? "?"}${agent.retry?.max ? ` of ${agent.retry.max}` : ""}${agent.retry?.status ? ` (HTTP ${agent.retry.status})` : ""}`, ""];
    case "limited": return [`stopped by its ${agent.limit?.kind ?? ""} limit${agent.limit?.resets_at ? ` until ${clock(millis(agent.limit.resets_at))}` : ""}`, ""];
    case "compacting": return ["compacting its context", ""];
    case "ended": return ["the session has ended", ""];
    case "unknown": return ["no sign", ""];
    default: return [agent.phase, ""];
  }
}

export const agentAsks = (agent) => agent.phase === "limited" || (agent.phase === "waiting" && agent.waiting?.certain === true);

export function agentDetails(agent, now) {
  const { tests, files, children } = agent;
  const numbers = tests && [tests.passed != null && `${tests.passed} passed`, tests.failed != null && `${tests.failed} failed`].filter(Boolean).join(", ");
  return [
    agent.ours ? agentName(agent) : `${agentName(agent)}, another session`,
    agent.longer_than_usual && "longer than usual",
    tests && `tests ${numbers || tests.last} at ${moment(millis(tests.at), now, "minute")}`,
    files?.touched && count(files.touched, "file"),
    children?.active && count(children.active, "sub-agent"),
    agent.denials && `${count(agent.denials, "call")} denied`,
    agent.provenance === "inferred" && "inferred",
  ].filter(Boolean).join(" · ");
}

export const count = (number, noun, many = `${noun}s`) => `${number} ${number === 1 ? noun : many}`;

export const place = ({ path, line }) => (path ? (line ? `${path}:${line}` : path) : "");

/** `timeout: API call timed out after 30s (exit code 124, retryable)`. */
export function errorLine(error) {
  const more = errorMore(error).join(", ");
  const kind = error.error_type === "unknown" ? "" : `${error.error_type}: `;
  return `${kind}${error.error_message}${more ? ` (${more})` : ""}`;
}

export function errorMore(error) {
  return [error.exit_code != null && `exit code ${error.exit_code}`, error.retryable === true && "retryable", error.retryable === false && "not retryable"].filter(Boolean);
}

/** The link between reader and bridge, as one line. */
export function linkWords(link) {
  const asOf = Number.isNaN(link.asOf) ? "" : `as of ${clock(link.asOf, true)}`;
  switch (link.status.kind) {
    case "live": return ["live", "live"];
    case "polling": return ["poll", `polling every ${link.status.every / 1000} s`];
    case "connecting": return ["off", "connecting"];
    case "denied": return ["off", "needs the token"];
    case "refused": return ["off", "not allowed"];
    default: return ["off", [asOf, "reconnecting"].filter(Boolean).join(" · ")];
  }
}

/** Sum of the attempts where they are known, else the last one's duration; a story under way counts on. */
export function storyTook(story, now) {
  const attempts = attemptsOf(story);
  const known = attempts.filter((attempt) => attempt.from != null && attempt.to != null);
  const running = attempts.find((attempt) => attempt.result === "in_progress" && attempt.from != null);
  const sum = known.reduce((total, attempt) => total + attempt.to - attempt.from, 0) + (running ? Math.max(0, now - running.from) : 0);
  return sum > 0 || running ? sum : (story.duration_ms ?? null);
}

const known = new WeakMap();

/** Attempts with times in milliseconds; of a story that came without them, the one that its own fields tell of. A snapshot never changes. */
export function attemptsOf(story) {
  if (!known.has(story)) known.set(story, spansOf(story));
  return known.get(story);
}

function spansOf(story) {
  if (story.attempts) {
    return story.attempts.map((attempt) => span(attempt, millis(attempt.started_at), millis(attempt.ended_at), attempt.precision, attempt.result));
  }
  if (story.attempt_count === 0) return [];
  const running = story.status === "in_progress";
  const result = running ? "in_progress" : story.status === "passed" || story.status === "failed" ? story.status : "stopped";
  const precision = story.finished_precision ?? story.started_precision;
  return [span({ n: story.attempt_count, provenance: story.provenance, duration_ms: story.duration_ms }, millis(story.started_at), running ? null : millis(story.finished_at), precision, result)];
}

function span(attempt, from, to, precision, result) {
  // Not known better than to the day: nothing to draw.
  if (precision === "day") return { ...attempt, from: null, to: null, result, precision };
  const begun = from ?? (to != null && attempt.duration_ms ? to - attempt.duration_ms : null);
  return { ...attempt, from: begun, to, result, precision };
}

export { clock, day, duration, millis, moment, rough, sameDay };
