// One resource of the bridge, kept up to date: its stream by `fetch` (only that can carry a token and see why a connection failed),
// polled where streams do not get through. Revives by itself for ever; what the frames mean is not known here.

import { createParser } from "./vendor/eventsource-parser/index.js";

const FIRST_FRAME_MS = 5_000;
const ANSWER_MS = 6_000;
const POLL_EVERY_MS = 5_000;
/** Between two tries of a stream while polling works. */
const TRY_STREAM_MS = [2_000, 10_000, 30_000];
/** Between two tries when nothing answers, then the last for ever; a fifth more or less, so that not all come at once. */
const TRY_AGAIN_MS = [500, 1_000, 2_000, 4_000, 6_000];
/** A stream that falls silent sooner than this is held back by something in between, not cut. */
const SHORT_LIFE_MS = 20_000;

/** An answer that says no for good: asking again the same way would get the same. */
class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/** A GET with the token; anything but 200 and 304 is thrown. */
export async function get({ base, token }, path, headers = {}, signal = AbortSignal.timeout(ANSWER_MS)) {
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(new URL(path, base), { headers, signal, cache: "no-store", credentials: "omit" });
  if (response.ok || response.status === 304) return response;
  const said = await response.json().catch(() => null);
  if (said?.error) throw new Refusal(response.status, said.error.message, said.error.hint);
  throw response.status === 401 ? new Refusal(401, "the bridge asks for its token", "") : new Error(`the answer is ${response.status}`);
}

// Options: `bridge` {base, token}; `stream` → path and headers to ask with; `silentAfter` ms without a byte; `onFrame(type, data, id)`;
// `poll()` asks once and takes what comes; `prepare()` before every stream; `onStatus(status)`.
export class Feed {
  #options;
  #abort = null;
  #heard = 0;
  #wake = null;
  #polling = null;
  #retry = TRY_AGAIN_MS[0];
  closed = false;

  constructor(options) {
    this.#options = options;
    this.#run();
  }

  close() {
    this.closed = true;
    this.#abort?.abort();
    this.kick();
  }

  /** Somebody looks, or the network came back: try now. A stream that has been silent for too long is given up first. */
  kick() {
    if (this.#abort && Date.now() - this.#heard > this.#options.silentAfter) this.#abort.abort();
    this.#wake?.();
  }

  async #run() {
    let failures = 0;
    let tries = 0;
    while (!this.closed) {
      const outcome = await this.#stream();
      if (this.closed) return;
      if (outcome.refusal) {
        this.#options.onStatus({ kind: outcome.refusal.status === 401 ? "denied" : "refused", reason: outcome.refusal.message, hint: outcome.refusal.hint });
        await this.#pause(30_000);
        continue;
      }
      if (outcome.lived) {
        failures = outcome.held ? failures + 1 : 0;
        tries = 0;
        this.#options.onStatus({ kind: "lost", reason: outcome.reason, tries, nextAt: Date.now() });
      }
      if (!this.#polling && (await this.#asks())) {
        // It answers. A stream that was only cut comes back at once; one that does not get through is replaced by asking.
        tries = 0;
        if (!outcome.lived || outcome.held) this.#startPolling();
      }
      if (this.#polling) {
        await this.#pause(TRY_STREAM_MS[Math.min(failures++, TRY_STREAM_MS.length - 1)]);
      } else {
        const pause = outcome.bye ? this.#retry : TRY_AGAIN_MS[Math.min(tries, TRY_AGAIN_MS.length - 1)];
        const wait = pause * (0.8 + Math.random() * 0.4);
        if (!outcome.lived || tries > 0) tries += 1;
        this.#options.onStatus({ kind: "lost", reason: outcome.reason, tries, nextAt: Date.now() + wait });
        await this.#pause(wait);
      }
    }
  }

  /** One life of the stream. */
  async #stream() {
    const { bridge, stream, silentAfter, onFrame, onStatus, prepare } = this.#options;
    const outcome = { lived: false, held: false, bye: false, refusal: null, reason: "it was cut off" };
    const abort = new AbortController();
    this.#abort = abort;
    const began = Date.now();
    this.#heard = began;
    let silent = false;
    const watch = setInterval(() => {
      if (Date.now() - this.#heard <= (outcome.lived ? silentAfter : FIRST_FRAME_MS)) return;
      silent = true;
      abort.abort();
    }, 500);
    try {
      await prepare?.();
      this.#heard = Date.now();
      const { path, headers } = stream();
      const response = await get(bridge, path, { Accept: "text/event-stream", ...headers }, abort.signal);
      if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Error("the answer is no event stream");
      const parser = createParser({
        onRetry: (ms) => { this.#retry = Math.min(ms, 5_000); },
        onEvent: ({ id, event, data }) => {
          // No seat, or the end: what is left is to ask, and to come back.
          if (event === "bye") outcome.bye = true;
          else if (event === "busy") outcome.reason = "the bridge has too many readers";
          else {
            if (!outcome.lived) {
              outcome.lived = true;
              this.#stopPolling();
              onStatus({ kind: "live" });
            }
            onFrame(event, data, id);
          }
        },
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        this.#heard = Date.now();
        parser.feed(value);
      }
      if (outcome.bye) outcome.reason = "it has ended";
    } catch (trouble) {
      if (trouble instanceof Refusal) outcome.refusal = trouble;
      else outcome.reason = silent ? "nothing comes" : plain(trouble);
      outcome.held = outcome.lived && silent && Date.now() - began < SHORT_LIFE_MS;
    } finally {
      clearInterval(watch);
      this.#abort = null;
    }
    return outcome;
  }

  /** Whether plain asking gets an answer. */
  async #asks() {
    try {
      await this.#options.poll();
      return true;
    } catch {
      return false;
    }
  }

  #startPolling() {
    const polling = { timer: 0 };
    this.#polling = polling;
    const say = () => this.#options.onStatus({ kind: "polling", every: POLL_EVERY_MS });
    const again = async () => {
      if (this.#polling !== polling || this.closed) return;
      if (await this.#asks()) {
        if (this.#polling !== polling) return;
        say();
        polling.timer = setTimeout(again, POLL_EVERY_MS);
      } else if (this.#polling === polling) {
        this.#polling = null;
        this.#wake?.();
      }
    };
    say();
    polling.timer = setTimeout(again, POLL_EVERY_MS);
  }

  #stopPolling() {
    clearTimeout(this.#polling?.timer);
    this.#polling = null;
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

/** Browsers say "Failed to fetch" and the like, each in its own words. */
function plain(trouble) {
  if (trouble instanceof TypeError) return "no answer";
  return trouble.name === "TimeoutError" || trouble.name === "AbortError" ? "nothing comes" : trouble.message;
}
