// Which of the tabs that look at one bridge holds its streams: one, because six connections freeze an origin. Web Locks decide; pages
// that are not loaded securely have none, and take turns by telling each other that they are there.

const BEAT_MS = 2_000;
const GONE_MS = 5_000;

/** `lead` is called when it is our turn, `follow` when somebody else has taken it. */
export function elect(name, channel, { lead, follow }) {
  if (navigator.locks) return byLock(name, lead, follow);
  if (channel) return byBeat(channel, lead, follow);
  queueMicrotask(lead);
  return { take() {}, close() {} };
}

function byLock(name, lead, follow) {
  let release = null;
  let closed = false;
  const ask = (options) => {
    navigator.locks.request(name, options, () => {
      if (closed) return undefined;
      lead();
      return new Promise((resolve) => { release = resolve; });
    }).catch(() => {
      // It was taken from us: a tab that is looked at does not wait for one that sleeps.
      release = null;
      if (closed) return;
      follow();
      ask({});
    });
  };
  ask({});
  return {
    take() { if (!release) ask({ steal: true }); },
    close() { closed = true; release?.(); },
  };
}

function byBeat(channel, lead, follow) {
  const own = Math.random();
  let leads = false;
  let heard = Date.now();
  let isAnswered = false;
  const beat = () => channel.postMessage({ type: "beat", from: own });
  const take = () => {
    if (leads) return;
    leads = true;
    beat();
    lead();
  };
  const hear = ({ data }) => {
    if (data?.type === "beat?" && leads) beat();
    if (data?.type !== "beat") return;
    heard = Date.now();
    isAnswered = true;
    // Two began at once: the lower one stays.
    if (leads && data.from < own) {
      leads = false;
      follow();
    } else if (leads) beat();
  };
  channel.addEventListener("message", hear);
  const patience = GONE_MS * (0.4 + Math.random() * 0.6);
  const timer = setInterval(() => (leads ? beat() : Date.now() - heard > patience && take()), BEAT_MS / 2);
  channel.postMessage({ type: "beat?", from: own });
  // Nobody there: no reason to wait for long.
  const first = setTimeout(() => isAnswered || take(), 400 + Math.random() * 200);
  return {
    take,
    close() {
      clearInterval(timer);
      clearTimeout(first);
      channel.removeEventListener("message", hear);
    },
  };
}
