// Reads /stream/progress with fetch and not with EventSource: only fetch can carry a token, and it sees why a connection failed.
"use strict";

const SHOWN = 500;
const SILENT_AFTER = 40_000;

const list = document.getElementById("events");
const connection = document.getElementById("connection");

// The printed link carries the token behind #; it is kept out of the address bar, the history and every request line.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname + location.search);
}

let cursor = null;
let retry = 2000;
const known = new Set();

function subject(data) {
  const name = [data.story_id, data.title].filter(Boolean).join(" ");
  const what = data.ac_text ?? data.error_message ?? data.task_name ?? (name ? "" : data.task_id) ?? "";
  // "failed (failed)" would say nothing.
  const reason = data.reason && data.reason !== data.status ? ` (${data.reason})` : "";
  return [name, what, data.status && data.status + reason].filter(Boolean).join(" — ");
}

// The time of day, with the date before it when that is not today's; a record without a time of day is its date alone.
function when(event) {
  if (event.timestamp_precision === "day") return event.timestamp.slice(0, 10);
  const two = (number) => String(number).padStart(2, "0");
  const at = new Date(event.timestamp);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

function cell(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function show(event) {
  // After a gap the buffer comes again: what is known is not shown twice.
  if (known.has(event.id)) return;
  known.add(event.id);
  const row = document.createElement("li");
  row.className = event.type === "error_occurred" ? "failed" : (event.data.status ?? "");
  const time = cell("time", when(event));
  time.dateTime = event.timestamp;
  const type = cell("span", event.type);
  type.className = "type";
  row.append(time, type, cell("span", subject(event.data)));
  list.prepend(row);
  while (list.childElementCount > SHOWN) list.lastElementChild.remove();
}

function dispatch(type, data) {
  if (type === "gap") connection.textContent = "live; some events in between are no longer to be had";
  else if (type === "busy") connection.textContent = "the bridge has too many readers; trying again later";
  else if (type === "bye") connection.textContent = "the bridge has ended; waiting for it to come back";
  else if (type === "hello") connection.textContent = "live";
  else show(JSON.parse(data));
}

// Fields as the EventSource standard has them; our frames have one line of data and end in LF.
function frame(text) {
  let type = "message";
  const data = [];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "event") type = value;
    else if (name === "data") data.push(value);
    else if (name === "id") cursor = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) retry = Number(value);
  }
  if (data.length > 0) dispatch(type, data.join("\n"));
}

// What the bridge says itself; a proxy in between may answer something else.
async function refusal(response) {
  try {
    const { error } = await response.json();
    return `${error.message}; ${error.hint}`;
  } catch {
    return `the answer is ${response.status}`;
  }
}

async function read() {
  const headers = { Accept: "text/event-stream" };
  if (cursor) headers["Last-Event-ID"] = cursor;
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_AFTER);
  try {
    const response = await fetch("/stream/progress", { headers, cache: "no-store", signal: silence.signal });
    if (response.status === 401) throw new Error("the bridge asks for its token: open the link it printed");
    if (!response.ok) throw new Error(await refusal(response));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENT_AFTER);
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      frames.forEach(frame);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function follow() {
  for (;;) {
    try {
      await read();
    } catch (trouble) {
      connection.textContent = `not connected: ${trouble.message}; trying again`;
    }
    await new Promise((resolve) => setTimeout(resolve, retry));
  }
}

follow();
