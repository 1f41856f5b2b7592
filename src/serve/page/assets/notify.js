// Browser notifications, when a reader asked for them: a run is done, failed or ended, or a person is needed. Nothing leaves the browser.

import { passed } from "./announce.js";
import { standing } from "./words.js";

// Storage may be forbidden: then a reload asks again.
function kept(change) {
  try {
    if (change) localStorage.notify = change;
    return localStorage.notify === "on";
  } catch {
    return change === "on";
  }
}

export class BrowserNotifier {
  #before = new Map();
  #wanted = kept();

  /** Pages that are not loaded securely have none, and a browser that refused says so itself. */
  get possible() {
    return isSecureContext && "Notification" in window && Notification.permission !== "denied";
  }

  get on() {
    return this.#wanted && this.possible && Notification.permission !== "default";
  }

  async toggle() {
    const on = !this.on;
    if (on) await Notification.requestPermission();
    this.#wanted = kept(on ? "on" : "off");
  }

  /** What the first states show is no news. Several tabs tell the same: of one tag a browser shows one. */
  tasks(tasks) {
    for (const task of tasks) {
      const { key, word } = standing(task);
      const before = this.#before.get(task.task_id) ?? key;
      this.#before.set(task.task_id, key);
      if (before === key || !/passed|failed|ended|needs_you/.test(key) || !this.on) continue;
      const reason = task.attention?.reason ?? task.end_reason ?? "";
      new Notification(`${task.task_name}: ${word}`, { body: `${passed(task)}\n${reason}`, tag: `${task.task_id} ${key} ${task.last_activity_at}` });
    }
  }
}
