// Stories whole. The state leaves criteria and attempts out of those that have not moved for a while; they are asked for when a row is
// opened, or when several attempts are to be drawn, a few at a time, and again when the story has changed.

import { get } from "./feed.js";

const AT_ONCE = 2;

export class Wholes {
  #link;
  #changed;
  #known = new Map();
  #waiting = [];
  #asking = 0;

  constructor(link, changed) {
    this.#link = link;
    this.#changed = changed;
  }

  of(task, story, open) {
    if (!open && story.attempt_count < 2) return story;
    const lacks = (story.criteria_count > 0 && !story.criteria) || (story.attempt_count > 0 && !story.attempts);
    const name = story.story_id ?? story.title;
    if (!lacks || !name) return story;
    const key = keyOf(task, story);
    const mark = [task.run, story.status, story.attempt_count, story.criteria_done, story.criteria_count, story.finished_at, story.changed_at].join("\n");
    const known = this.#known.get(key);
    if (known?.mark === mark) return known.story ? { ...story, attempts: known.story.attempts, criteria: known.story.criteria } : story;
    this.#known.set(key, { mark });
    this.#waiting.push({ key, mark, path: `api/stories/${encodeURIComponent(task.task_id)}/${encodeURIComponent(name)}` });
    this.#next();
    return known?.story ? { ...story, attempts: known.story.attempts, criteria: known.story.criteria } : story;
  }

  trouble(task, story) {
    return this.#known.get(keyOf(task, story))?.trouble;
  }

  async #next() {
    if (this.#asking >= AT_ONCE || this.#waiting.length === 0) return;
    const { key, mark, path } = this.#waiting.shift();
    this.#asking += 1;
    try {
      const answer = await (await get(this.#link.bridge, path)).json();
      this.#known.set(key, { mark, story: answer.story ?? answer });
    } catch (trouble) {
      // Asked again when the story changes.
      this.#known.set(key, { mark, trouble: `not to be had: ${trouble.message}` });
    }
    this.#asking -= 1;
    this.#changed();
    this.#next();
  }
}

function keyOf(task, story) {
  return `${task.task_id}\n${story.story_id ?? story.title}`;
}
