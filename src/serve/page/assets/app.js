// The page: puts the parts together, and keeps what the reader chose, opened and looks for. All that it shows comes from the link's state.

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { Announcer, favicon, title } from "./announce.js";
import { linkTo } from "./link.js";
import { BrowserNotifier } from "./notify.js";
import "./panel.js";
import { copy } from "./parts.js";
import { icon } from "./icons.js";
import { report } from "./report.js";
import { keepToken, login as exchange, storedToken, takeCode } from "./session.js";
import { alertCard } from "./view/alert.js";
import { earlier, embed, sources } from "./view/aside.js";
import { burnup } from "./view/burnup.js";
import { events, Log } from "./view/events.js";
import { help, keys } from "./view/help.js";
import { login } from "./view/login.js";
import { stories } from "./view/stories.js";
import { strip, topBar } from "./view/top.js";
import { Wholes } from "./wholes.js";
import { allStories, byNeed, count, failedStory, hasBegun, isOver, millis, moment } from "./words.js";

const BASE = new URL(".", import.meta.url).href;
const $ = (id) => document.getElementById(id);
const nameOf = (story) => story?.story_id ?? story?.title;

class App {
  all = false;
  query = "";
  folds = new Map();
  log = new Log(() => this.draw());
  #link = null;
  #leave = null;
  #opened = new Map();
  #wholes = null;
  #chosen = null;
  #kept = null;
  #due = false;
  #trouble = "";
  #tried = false;
  #token = "";
  #size = 640;
  #announcer = new Announcer($("say"));
  #notifier = new BrowserNotifier();
  #shown = "";
  #resize = new ResizeObserver(([entry]) => {
    this.#size = Math.max(240, Math.round(entry.contentRect.width));
    this.draw();
  });
  #observed = null;

  async start() {
    const code = takeCode();
    let token = storedToken();
    if (code) {
      try {
        token = await exchange(BASE, code);
        keepToken(token);
      } catch (trouble) {
        // A token from before may still do.
        this.#trouble = `The link did not work: ${trouble.message}. It is good once, for ten minutes.`;
      }
    }
    this.#readAddress();
    this.#join(token);
    addEventListener("hashchange", () => this.#readAddress(true));
    document.addEventListener("visibilitychange", () => {
      // The frame that was asked for may not come.
      this.#due = false;
      this.draw();
    });
    addEventListener("beforeprint", () => this.#render());
    keys(this);
    setInterval(() => this.draw(), 1000);
  }

  #join(token) {
    this.#leave?.();
    this.#token = token;
    this.#link = linkTo(BASE, token);
    this.#wholes = new Wholes(this.#link, () => this.draw());
    this.#leave = this.#link.subscribe((what) => {
      if (what === "status" && this.#link.status.kind === "denied" && this.#token) this.#tried = true;
      if (what === "status" && this.#link.live) [this.#tried, this.#trouble] = [false, ""];
      this.draw();
    }, { log: true });
    this.draw();
  }

  draw() {
    if (this.#due) return;
    this.#due = true;
    const now = () => {
      this.#due = false;
      this.#render();
    };
    // A hidden page has no frames; its title goes on.
    if (document.visibilityState === "hidden") setTimeout(now, 250);
    else requestAnimationFrame(now);
  }

  #render() {
    const began = performance.now();
    const link = this.#link;
    const { state } = link;
    const tasks = state?.tasks ?? [];
    const task = this.task();
    const now = link.now();
    render(topBar(this, link, tasks.filter((each) => each.listed || each === task), task), $("top"));
    render(this.#main(link, state, task, now), $("main"));
    if (link.live) this.#notifier.tasks(tasks);
    if (task) render(help.foot, $("foot"));
    if (task) {
      this.#announcer.task(task, link.live);
      const shown = [title(task, link.live), favicon(task, link.live)];
      if (document.title !== shown[0]) [document.title] = shown;
      if (this.#shown !== shown[1]) document.querySelector("link[rel=icon]").href = this.#shown = shown[1];
    }
    const burn = $("burn");
    if (burn !== this.#observed) {
      if (this.#observed) this.#resize.unobserve(this.#observed);
      if (burn) this.#resize.observe(burn);
      this.#observed = burn;
    }
    this.log.attach();
    // For whoever measures; a page is left open for days.
    if (performance.getEntriesByName("drawn").length >= 60) performance.clearMeasures("drawn");
    performance.measure("drawn", { start: began });
  }

  #main(link, state, task, now) {
    if (link.status.kind === "denied" && !link.live) return login(this, this.#trouble, this.#tried);
    if (!task) return this.#nothing(link, state);
    const whole = (story) => this.#wholes.of(task, story, this.isOpen(task, story));
    task = { ...task, stories: task.stories.map(whole), unplanned: task.unplanned?.map(whole) };
    this.log.update(link.events, task);
    const frozen = !link.live;
    const begun = hasBegun(task);
    return html`${strip(this, link, task.task_id, now)}
      <div class="runhead"><h1>${task.task_name}</h1><p class="meta">${this.#meta(task, now)}</p>
        <div class="acts">${this.#bell()}<button class="btn" type="button" aria-label="Copy as Markdown" @click=${(event) => this.copied(event, report(task, now))}>${icon("copy")}<span>Copy as Markdown</span></button><button class="btn" type="button" @click=${() => print()}>Print</button></div></div>
      <div class="page ${begun ? "" : "idle"}">
        ${alertCard(this, link, task, now)}
        <div class="now"><progress-panel untitled src=${BASE} task=${task.task_id} .token=${this.#token}></progress-panel></div>
        ${stories(this, task, now)}
        ${begun ? burnup(task, now, frozen, this.#size) : nothing}
        ${sources(task, state.notices, now)}
        ${begun || this.log.all.length ? events(this.log, task, now) : nothing}
        ${earlier(task, now)}
        ${embed(BASE)}
      </div>`;
  }

  #bell() {
    if (!this.#notifier.possible) return nothing;
    const notify = () => this.#notifier.toggle().then(() => this.draw());
    return html`<button class="btn ${this.#notifier.on ? "done" : ""}" type="button" aria-label="Notify me" aria-pressed=${this.#notifier.on} @click=${notify}>${icon("flag", "")}<span>Notify me</span></button>`;
  }

  #meta(task, now) {
    const commits = new Set(allStories(task).flatMap((story) => story.commits ?? [])).size;
    const started = millis(task.started_at);
    return [
      task.task_id.includes("/") && task.qualifier,
      task.branch ?? (task.run && task.run !== task.task_name ? task.run.replace(/^[# ]+/, "") : null),
      task.folder !== "." && task.folder.split("/").at(-1),
      task.runs?.length > 0 && `run ${task.runs.length + 1}`,
      started != null && `${task.started_source === "observed" ? "watched since" : "started"} ${moment(started, now, task.started_precision ?? "minute")}`,
      commits > 0 && count(commits, "commit"),
    ].filter(Boolean).map((words) => html`<span>${words}</span>`);
  }

  #nothing(link, state) {
    if (link.status.kind === "connecting") return html`<p class="first">Connecting …</p>`;
    return html`<h1 class="sr">progress-bridge</h1><div class="page bare">${alertCard(this, link, null, NaN)}${state
      ? html`<section class="card login"><header>${icon("waiting")}<h2>Nothing is watched yet</h2></header><p>Start the bridge in a project's folder, or name files with <code>--watch</code>.</p></section>` : nothing}</div>`;
  }

  /** The chosen task; else what needs a look first, and that one from then on: nothing is taken away from under a reader's eyes. */
  task() {
    const link = this.#link;
    const tasks = link.state?.tasks ?? [];
    // A hub lists most of its tasks in short, and not all.
    const id = this.#chosen ?? this.#kept;
    link.ask("task", id?.includes("/") ? `task=${encodeURIComponent(id)}` : "");
    const known = link.task(this.#chosen) ?? link.task(this.#kept);
    if (known) return known;
    const listed = tasks.filter((task) => task.listed);
    const first = listed.filter((task) => !isOver(task) && hasBegun(task)).sort(byNeed)[0] ?? [...(listed.length ? listed : tasks)].sort(byNeed)[0] ?? null;
    if (first && hasBegun(first)) this.#kept = first.task_id;
    return first;
  }

  // What the reader does.

  address(task, story) {
    const address = new URLSearchParams({ task: task.task_id });
    if (story) address.set("story", nameOf(story));
    return `#${address}`;
  }

  #readAddress(moved = false) {
    const address = new URLSearchParams(location.hash.slice(1));
    this.#chosen = address.get("task") ?? this.#chosen;
    const story = address.get("story");
    if (story) {
      this.#opened.set(`${this.#chosen ?? ""} ${story}`, true);
      this.#wanted = story;
    }
    if (moved) {
      this.draw();
      // Below many cards nothing would seem to happen.
      if (!story) requestAnimationFrame(() => document.querySelector("h1")?.scrollIntoView({ block: "center" }));
    }
    this.#showWanted();
  }

  #wanted = null;

  /** Brings the story of a deep link into sight, once it is there. */
  #showWanted(tries = 50) {
    if (!this.#wanted) return;
    requestAnimationFrame(() => {
      const row = [...document.querySelectorAll(".srow > summary")].find((summary) => summary.dataset.story === this.#wanted);
      if (row) {
        this.#wanted = null;
        row.scrollIntoView({ block: "center" });
        row.focus({ preventScroll: true });
      } else if (tries > 0) setTimeout(() => this.#showWanted(tries - 1), 100);
    });
  }

  isOpen(task, story) {
    const name = nameOf(story);
    return this.#opened.get(`${task.task_id} ${name}`) ?? this.#opened.get(` ${name}`) ?? (isOver(task) && nameOf(failedStory(task)) === name);
  }

  toggle(task, story, open) {
    if (this.isOpen(task, story) === open) return;
    this.#opened.set(`${task.task_id} ${nameOf(story)}`, open);
    history.replaceState(null, "", open ? this.address(task, story) : this.address(task));
    this.draw();
  }

  fold(task, group, open) {
    const name = `${task.task_id} ${group}`;
    if (this.folds.get(name) === open) return;
    this.folds.set(name, open);
    this.draw();
  }

  loading(task, story) {
    return this.#wholes.trouble(task, story) ?? "being fetched …";
  }

  async copied(event, text) {
    const button = event.currentTarget;
    await copy(text);
    this.#announcer.say("Copied.");
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 2000);
  }

  login = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token").trim();
    event.target.reset();
    keepToken(token);
    this.#trouble = "";
    this.#tried = false;
    this.#join(token);
  };

  toggleAll = () => {
    this.all = !this.all;
    this.draw();
  };

  /** Of the form above the tasks. */
  find = (event) => {
    const asked = [...new FormData(event.currentTarget)].filter(([, value]) => value.trim());
    this.query = String(new URLSearchParams(asked));
    this.draw();
  };

  home = (event) => {
    event.preventDefault();
    this.#chosen = this.#kept = null;
    history.replaceState(null, "", location.pathname + location.search);
    scrollTo(0, 0);
    this.draw();
  };

  help = () => help.open($("help"));
}

new App().start();
