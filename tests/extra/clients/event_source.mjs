// npm `eventsource` or undici's EventSource: node event_source.mjs eventsource|undici URL FOLDER_WITH_NODE_MODULES
// Says what it sees as JSON lines. When the class gives up for good, a new one goes on with the cursor in the query, as docs/deployment.md advises.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [kind, url, folder] = process.argv.slice(2);
const { EventSource } = createRequire(join(folder, "package.json"))(kind);
const names = JSON.parse(readFileSync(new URL("events.json", import.meta.url), "utf8"));

const say = (line) => process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);
let last = "";

function open() {
  const target = last ? `${url}${url.includes("?") ? "&" : "?"}last_event_id=${encodeURIComponent(last)}` : url;
  const source = new EventSource(target);
  source.onopen = () => say({ k: "open" });
  source.onerror = () => {
    say({ k: source.readyState === 2 ? "dead" : "error" });
    if (source.readyState === 2) setTimeout(open, 500);
  };
  for (const name of names) {
    source.addEventListener(name, (event) => {
      last = event.lastEventId;
      say({ k: "event", type: event.type, id: event.lastEventId, data: event.data });
    });
  }
  source.onmessage = (event) => say({ k: "nameless", data: event.data });
}
// A page stays open by itself, a script does not: while it waits to come back, nothing else keeps it alive.
setInterval(() => {}, 60_000);
open();
