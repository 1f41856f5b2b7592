// The link between this tab and a bridge: the newest state, the log, and whether they are live. The tab that leads holds the streams and
// passes everything on to the others; all of them take the same messages. Nothing is counted here: what a run is, the bridge says.

import { Clock } from "./clock.js";
import { Feed, get } from "./feed.js";
import { elect } from "./lead.js";

/** Without a sign for so long it is not live; the bridge gives one every 5 s. */
const SILENT_MS = 8_000;
/** The log's stream has a comment every 15 s. */
const LOG_SILENT_MS = 35_000;
const ALIVE_MS = 2_000;
const MOST_EVENTS = 11_000;
const PAGE_OF_EVENTS = 1_000;
const ASK_EVERY_MS = 1_000;

const links = new Map();

/** Two bridges of a fleet may have equal ids. */
const idOf = (event) => `${event.origin ?? ""} ${event.id}`;

/** One link for every reader of the same bridge in this tab. */
export function linkTo(base, token = "") {
  const key = `${base} ${token}`;
  if (!links.has(key)) links.set(key, new Link({ base, token }));
  return links.get(key);
}

export class Link {
  bridge;
  clock = new Clock();
  state = null;
  events = [];
  /** `connecting`, `live`, `polling`, `lost`, `denied` or `refused`, with what is known about it. */
  status = { kind: "connecting" };
  /** The server's time at the last sign of it. */
  asOf = NaN;
  /** The bridge's when this page was loaded, and whether another one answers now: its page may be another, too. */
  version = null;
  outdated = false;
  #readers = new Set();
  #channel = null;
  #election = null;
  #feeds = [];
  #leads = false;
  #wantsLog = false;
  #heard = Date.now();
  #timer = 0;
  #etag = null;
  #cursor = null;
  #known = new Set();
  #asked = new Map();

  constructor(bridge) {
    this.bridge = bridge;
  }

  /** `reader(what)` is told of every change: `state`, `events` or `status`. */
  subscribe(reader, { log = false } = {}) {
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#open();
    if (log && !this.#wantsLog) this.#openLog();
    return () => {
      this.#readers.delete(reader);
      if (this.#readers.size === 0) this.#close();
    };
  }

  get live() {
    return this.status.kind === "live" || this.status.kind === "polling";
  }

  /** The time to show: it stands still while nothing is heard. */
  now() {
    return this.live ? this.clock.now() : this.asOf;
  }

  /** Try now, whoever holds the streams. */
  kick() {
    this.#feeds.forEach((feed) => feed.kick());
    if (!this.#leads) this.#channel?.postMessage({ type: "kick" });
  }

  /** A state of some tasks, asked for now and after each change, for one `purpose` at a time; null until it is there. */
  ask(purpose, query) {
    let asked = this.#asked.get(purpose);
    if (asked?.query === query) return asked.state;
    asked = { query, state: null, at: 0 };
    this.#asked.set(purpose, asked);
    if (query) this.#ask(purpose, asked);
    return null;
  }

  async #ask(purpose, asked) {
    if (!asked.query || Date.now() - asked.at < ASK_EVERY_MS) return;
    asked.at = Infinity;
    try {
      asked.state = await (await get(this.bridge, `api/state?${asked.query}`)).json();
    } catch {
      // With the next state again.
    }
    asked.at = Date.now();
    if (this.#asked.get(purpose) === asked) this.#say("asked");
  }

  /** The task: whole, where it is asked for; a fleet lists most in short. */
  task(id) {
    return [this.#asked.get("task")?.state, this.state].flatMap((state) => state?.tasks ?? []).find((task) => task.task_id === id);
  }

  #open() {
    if (typeof BroadcastChannel !== "undefined") {
      this.#channel = new BroadcastChannel(`progress-bridge ${fingerprint(`${this.bridge.base} ${this.bridge.token}`)}`);
      this.#channel.addEventListener("message", this.#hear);
    }
    this.#election = elect(this.#channel?.name ?? this.bridge.base, this.#channel, {
      lead: () => this.#lead(),
      follow: () => this.#follow(),
    });
    this.#channel?.postMessage({ type: "join", log: this.#wantsLog });
    this.#timer = setInterval(() => this.#check(), ALIVE_MS);
    addEventListener("online", this.#awake);
    addEventListener("pageshow", this.#awake);
    document.addEventListener("visibilitychange", this.#awake);
  }

  #close() {
    clearInterval(this.#timer);
    removeEventListener("online", this.#awake);
    removeEventListener("pageshow", this.#awake);
    document.removeEventListener("visibilitychange", this.#awake);
    this.#follow();
    this.#election.close();
    this.#channel?.close();
    this.#channel = null;
    this.#wantsLog = false;
    links.delete(`${this.bridge.base} ${this.bridge.token}`);
  }

  #lead() {
    this.#leads = true;
    this.#heard = Date.now();
    this.#feeds.push(new Feed({
      bridge: this.bridge,
      stream: () => ({ path: "stream/state" }),
      silentAfter: SILENT_MS,
      onFrame: (type, data) => {
        if (type === "state") this.#tell({ type: "state", state: JSON.parse(data) });
        else {
          const { server_time: at, version } = JSON.parse(data);
          this.#tell({ type: "clock", at, version });
        }
      },
      poll: async () => {
        const response = await get(this.bridge, "api/state", this.#etag ? { "If-None-Match": this.#etag } : {});
        this.#etag = response.headers.get("ETag");
        if (response.status === 200) this.#tell({ type: "state", state: await response.json() });
        else this.#tell({ type: "alive" });
      },
      onStatus: (status) => {
        this.#tell({ type: "status", status });
        // One of them noticed: the other does not wait for its own patience to end.
        if (status.kind === "live") this.#feeds.slice(1).forEach((feed) => feed.kick());
      },
    }));
    if (this.#wantsLog) this.#leadLog();
  }

  #leadLog() {
    const page = async (cursor) => {
      const after = cursor ? `after=${encodeURIComponent(cursor)}&` : "";
      return (await get(this.bridge, `api/events?${after}limit=${PAGE_OF_EVENTS}`)).json();
    };
    const rest = async () => {
      for (;;) {
        const { events, cursor } = await page(this.#cursor);
        this.#tell({ type: "events", events, cursor });
        if (events.length === 0) return;
      }
    };
    // Events in between are not to be had, or their numbers begin anew: what is kept is read once more, and known by its ids.
    const again = async () => {
      const mark = this.events.length;
      const kept = [];
      let cursor = null;
      for (;;) {
        const answer = await page(cursor);
        if (answer.events.length === 0) break;
        kept.push(...answer.events);
        ({ cursor } = answer);
      }
      const ids = new Set(kept.map(idOf));
      const other = (event) => !ids.has(idOf(event));
      this.#tell({ type: "events", events: [...this.events.slice(0, mark).filter(other), ...kept, ...this.events.slice(mark).filter(other)], whole: true });
    };
    this.#feeds.push(new Feed({
      bridge: this.bridge,
      stream: () => ({ path: "stream/progress", headers: this.#cursor ? { "Last-Event-ID": this.#cursor } : {} }),
      silentAfter: LOG_SILENT_MS,
      prepare: () => (this.#cursor ? undefined : rest()),
      onFrame: (type, data, id) => {
        if (type === "gap") again().catch(() => { this.#cursor = null; });
        else if (type !== "hello") this.#tell({ type: "events", events: [JSON.parse(data)], cursor: id });
      },
      poll: rest,
      onStatus: () => {},
    }));
  }

  #openLog() {
    this.#wantsLog = true;
    if (this.#leads) this.#leadLog();
    else this.#channel?.postMessage({ type: "join", log: true });
  }

  #follow() {
    this.#leads = false;
    this.#feeds.forEach((feed) => feed.close());
    this.#feeds = [];
    this.#etag = null;
  }

  /** Takes a message and passes it on: what the others see is what we see. */
  #tell(message) {
    this.#take(message);
    this.#channel?.postMessage(message);
  }

  #hear = ({ data: message }) => {
    if (message?.type === "join") {
      if (message.log && !this.#wantsLog) this.#openLog();
      if (!this.#leads) return;
      this.#channel.postMessage({ type: "status", status: this.status, at: new Date(this.clock.now() || 0).toISOString(), asOf: this.asOf });
      if (this.state) this.#channel.postMessage({ type: "state", state: this.state });
      if (message.log) this.#channel.postMessage({ type: "events", events: this.events, cursor: this.#cursor, whole: true });
    } else if (message?.type === "kick") {
      this.#feeds.forEach((feed) => feed.kick());
    } else if (!this.#leads) this.#take(message);
  };

  #take(message) {
    this.#heard = Date.now();
    if (message.type === "state") {
      this.state = message.state;
      this.clock.set(message.state.server_time);
      this.#asked.forEach((asked, purpose) => this.#ask(purpose, asked));
      this.#say("state");
    } else if (message.type === "clock") {
      this.clock.set(message.at);
      this.version ??= message.version;
      this.outdated ||= message.version != null && message.version !== this.version;
    } else if (message.type === "events") {
      this.#cursor = message.cursor ?? this.#cursor;
      if (message.whole ? this.#replace(message.events) : this.#add(message.events)) this.#say("events");
    } else if (message.type === "status") {
      if (message.at && Number.isNaN(this.clock.now())) this.clock.set(message.at);
      this.asOf = message.asOf ?? this.asOf;
      this.status = message.status;
      this.#say("status");
    }
    if (this.live) this.asOf = this.clock.now();
  }

  #add(events) {
    const news = events.filter((event) => !this.#known.has(idOf(event)));
    if (news.length === 0) return false;
    if (this.events.length + news.length > MOST_EVENTS) return this.#replace(this.events.concat(news));
    news.forEach((event) => this.#known.add(idOf(event)));
    this.events = this.events.concat(news);
    return true;
  }

  /** The oldest go first, a tenth at a time. */
  #replace(events) {
    this.events = events.length > MOST_EVENTS ? events.slice(-0.9 * MOST_EVENTS) : events;
    this.#known = new Set(this.events.map(idOf));
    return true;
  }

  #say(what) {
    this.#readers.forEach((reader) => reader(what));
  }

  /** The leader shows that it is there; a follower that is looked at does not wait for a leader that sleeps. */
  #check() {
    if (this.#leads) this.#channel?.postMessage({ type: "alive" });
    else if (document.visibilityState === "visible" && Date.now() - this.#heard > SILENT_MS) {
      this.#heard = Date.now();
      setTimeout(() => Date.now() - this.#heard > ALIVE_MS / 2 && this.#election.take(), ALIVE_MS * (0.6 + Math.random()));
    }
  }

  #awake = () => {
    if (document.visibilityState === "hidden") return;
    this.kick();
    this.#check();
  };
}

/** Tells tokens apart in a name that scripts of this page can read; 53 bits, of which no token can be made again (cyrb53, public domain). */
function fingerprint(text) {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (const letter of text) {
    const code = letter.codePointAt(0);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(16);
}
