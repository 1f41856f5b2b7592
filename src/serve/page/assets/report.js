// The run as Markdown, to paste where people talk.

import {
  allStories, attemptsOf, count, countsWords, criterionWord, currentStory, duration, elapsed, errorLine, isOver, moment, millis, place, remainingWords,
  standing, storyName, storyTook, storyWord,
} from "./words.js";

const MARK = { passed: "✅", in_progress: "⏳", failed: "❌", blocked: "⛔", deferred: "➖", cancelled: "➖" };

export function report(task, now) {
  const { word } = standing(task);
  const lasted = elapsed(task, now);
  const [left, beside, basis] = remainingWords(task.remaining);
  const head = [
    task.story_count == null ? `${count(task.stories_passed, "story", "stories")} passed` : `**${task.percent} %**, ${task.stories_passed} of ${count(task.story_count, "story", "stories")} passed`,
    countsWords(task),
    lasted != null && `${duration(lasted)} ${isOver(task) ? "in all" : "so far"}`,
    !isOver(task) && `${left}${left === "unknown" ? "" : " left"}${beside ? ` (${beside})` : ""}, ${basis}`,
  ].filter(Boolean).join(" · ");
  const story = currentStory(task);
  const lines = [`## ${text(task.task_name)}: ${word.toLowerCase()}`, "", head, ""];
  if (task.attention) lines.push(`> ${text(task.attention.reason)}`, "");
  if (story?.last_error && story.status === "failed") lines.push(`> ${text(errorLine(story.last_error))} (${code(place(story.last_error))})`, "");
  lines.push("| | Story | Attempts | Took | Commits |", "|---|---|---|---|---|");
  for (const each of allStories(task)) {
    const took = storyTook(each, now);
    const attempts = attemptsOf(each).length || each.attempt_count;
    lines.push(`| ${MARK[each.status] ?? "○"} | ${text(storyName(each))}${task.unplanned?.includes(each) ? ", not in the plan" : ""}${each.status === "open" || MARK[each.status] === "✅" ? "" : ` (${storyWord(each).word})`} | ${attempts || ""} | ${took == null ? "" : duration(took)} | ${(each.commits ?? []).map(code).join(" ")} |`);
  }
  if (story?.criteria?.length) {
    lines.push("", `### ${text(storyName(story))}`, "");
    for (const criterion of story.criteria) lines.push(`- [${criterion.status === "done" ? "x" : " "}] ${text(criterion.text)}${criterion.status === "done" && criterion.provenance !== "inferred" ? "" : criterion.status === "open" ? "" : ` (${criterionWord(criterion)[1]})`}`);
  }
  lines.push("", `As of ${moment(now, 0)}${task.started_at ? `, begun ${moment(millis(task.started_at), 0, task.started_precision)}` : ""}.`);
  return `${lines.join("\n")}\n`;
}

/** Text from a log must stay text where this is pasted. */
function text(words) {
  return (words ?? "").replace(/[\\`*_{}[\]<>|#~@!&]/g, "\\$&");
}

function code(words) {
  return `\`${(words ?? "").replaceAll("`", "'").replaceAll("|", "/")}\``;
}
