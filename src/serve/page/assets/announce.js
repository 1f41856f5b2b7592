// What is said beside the page: one polite sentence for those who hear it, the title and the icon of the tab.

import { allStories, count, currentStory, standing, storyName, storyWord } from "./words.js";

const QUIET_MS = 10_000;

/** At most one sentence in ten seconds; of several the newest, because it holds the others' outcome. */
export class Announcer {
  #element;
  #next = "";
  #timer = 0;
  #spoke = -QUIET_MS;
  #before = null;

  constructor(element) {
    this.#element = element;
  }

  /** Compares with what was last seen of this task: state changes and ended stories are worth a word. */
  task(task, live) {
    const all = allStories(task);
    const now = { id: task.task_id, state: standing(task).key, stories: all.map((story) => story.status), live };
    const before = this.#before;
    this.#before = now;
    if (!before || before.id !== now.id) return this.say(`${task.task_name}: ${standing(task).word}, ${passed(task)}.`);
    if (before.live !== live) this.say(live ? "Live again." : "Not live: the bridge does not answer.");
    if (before.state !== now.state) return this.say(`${task.task_name}: ${standing(task).word}, ${passed(task)}.`);
    const ended = all.findLast((story, index) => story.status !== before.stories[index] && ["passed", "failed", "blocked"].includes(story.status));
    if (ended && before.stories.length > 0) this.say(`${storyName(ended)} ${storyWord(ended).word}, ${passed(task)}.`);
  }

  say(sentence) {
    this.#next = sentence;
    if (this.#timer) return;
    const wait = Math.max(0, this.#spoke + QUIET_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#spoke = performance.now();
      if (this.#element.textContent !== this.#next) this.#element.textContent = this.#next;
    }, wait);
  }
}

export const passed = ({ stories_passed: done, story_count: all }) => (all == null ? `${count(done, "story", "stories")} passed` : `${done} of ${count(all, "story", "stories")} passed`);

/** `50% US-007 · Corner Shop`; what needs a look stands first. */
export function title(task, live) {
  const { key, word } = standing(task);
  const urgent = ["failed", "ended", "needs_you", "quiet"].includes(key) ? `${word} ` : "";
  const story = currentStory(task);
  const head = [urgent.trim(), task.percent != null && `${task.percent}%`, story && key !== "passed" && (story.story_id ?? story.title)].filter(Boolean).join(" ");
  return `${live ? "" : "(not live) "}${head ? `${head} · ` : ""}${task.task_name}`;
}

const COLOURS = { failed: "#d8415a", needs_you: "#c67d00", quiet: "#c67d00", ended: "#c67d00" };

export function favicon(task, live) {
  const colour = live ? (COLOURS[standing(task).key] ?? "#379a72") : "#8a939d";
  const done = standing(task).key === "failed" ? Math.max(0.05, (task.percent ?? 0) / 100) : (task.percent ?? 0) / 100;
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 18 18" fill="none" stroke-width="4"><circle cx="9" cy="9" r="7" stroke="#8a939d" opacity=".4"/><circle cx="9" cy="9" r="7" stroke="${colour}" pathLength="1" stroke-dasharray="${done} 1" transform="rotate(-90 9 9)"/></svg>`)}`;
}
