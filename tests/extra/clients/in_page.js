// Runs in a page: window.seen collects what `event_source.mjs` would say. `kind` is "EventSource" or "fetch".
window.follow = (kind, names) => {
  const url = "/stream/progress";
  window.seen = [];
  const say = (line) => window.seen.push({ at: Date.now(), ...line });
  let last = "";
  let retry = 2000;

  function source() {
    const stream = new EventSource(last ? `${url}?last_event_id=${encodeURIComponent(last)}` : url);
    stream.onopen = () => say({ k: "open" });
    stream.onerror = () => {
      say({ k: stream.readyState === 2 ? "dead" : "error" });
      if (stream.readyState === 2) setTimeout(source, 500);
    };
    for (const name of names) {
      stream.addEventListener(name, (event) => {
        last = event.lastEventId;
        say({ k: "event", type: event.type, id: event.lastEventId, data: event.data });
      });
    }
  }

  function frame(text) {
    const fields = { event: "message", data: [] };
    for (const line of text.split("\n")) {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      const value = line.slice(colon + 1).replace(/^ /, "");
      const name = line.slice(0, colon);
      if (name === "data") fields.data.push(value);
      else fields[name] = value;
    }
    if (fields.retry) retry = Number(fields.retry);
    if (fields.id) last = fields.id;
    if (fields.data.length) say({ k: "event", type: fields.event, id: last, data: fields.data.join("\n") });
  }

  async function fetching() {
    for (;;) {
      try {
        const answer = await fetch(url, { headers: last ? { "Last-Event-ID": last } : {}, cache: "no-store" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        say({ k: "open" });
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          const frames = (rest + value).split("\n\n");
          rest = frames.pop();
          frames.forEach(frame);
        }
        say({ k: "end" });
      } catch (trouble) {
        say({ k: "error", why: String(trouble) });
      }
      await new Promise((resolve) => setTimeout(resolve, retry));
    }
  }
  if (kind === "EventSource") source();
  else fetching();
};
