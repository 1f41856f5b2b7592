"""The table of clients: each real client through each situation of a stream's life. clients.py [CLIENT…]"""
import json
import shutil
import signal
import sys
import time

from lab import CACHE, HERE, Bridge, Client, Cut, Failed, Nginx, Project, check, eventually, names, stories, story, supports

CLIENTS = HERE / "clients"
NODE = CACHE / "node"
PYTHON = CACHE / "python/bin/python"
RUST = CACHE / "rust/release/extra-client"


def node(kind):
    return lambda port: ["node", CLIENTS / "event_source.mjs", kind, f"http://127.0.0.1:{port}/stream/progress", NODE]


def script(kind):
    return lambda port: [PYTHON, CLIENTS / "scripts.py", kind, f"http://127.0.0.1:{port}/stream/progress"]


def chromium(kind):
    return lambda port: [sys.executable, CLIENTS / "chromium.py", kind, f"http://127.0.0.1:{port}/"]


# What each is called, what it needs, how it is started.
TABLE = {
    "Chromium EventSource": (["chromium", "chromedriver"], chromium("EventSource")),
    "Chromium fetch": (["chromium", "chromedriver"], chromium("fetch")),
    "npm eventsource": (["node", NODE / "node_modules/eventsource"], node("eventsource")),
    "undici EventSource": (["node", NODE / "node_modules/undici"], node("undici")),
    "sseclient-py": ([PYTHON], script("sseclient-py")),
    "httpx-sse": ([PYTHON], script("httpx-sse")),
    "Rust reqwest-eventsource": ([RUST], lambda port: [RUST, f"http://127.0.0.1:{port}/stream/progress"]),
    "curl": (["curl", PYTHON], script("curl")),
}


class Trial:
    """One client through one situation after another. Each step leaves the client with everything it could have."""

    def __init__(self, start):
        self.start, self.project, self.ids = start, Project(), set()
        self.bridge = self.line = self.nginx = self.client = None

    def connect(self):
        """hello, then the last 100 of 101, the first within a second."""
        self.project.append(101)
        self.bridge = Bridge(self.project)
        self.line = Cut(self.bridge.port)
        self.client = Client(self.start(self.line.port))
        lines = self.story(101, 60)
        opened = next(line["at"] for line in lines if line["k"] == "open")
        events = [line for line in lines if line["k"] == "event"]
        check(names(lines)[0] == "hello", f"hello comes first: {names(lines)[:3]}")
        check(stories(lines) == list(range(2, 102)), f"the last hundred: {stories(lines)}")
        check(events[1]["at"] - opened < 1000, "the first event within a second")
        check(all(line["id"] for line in events), "every event shows its id")
        return f"{events[1]['at'] - opened} ms"

    def live(self):
        """Events appended one by one arrive once and in order."""
        delays = []
        for _ in range(8):
            wrote = time.time() * 1000
            [number] = self.project.append(1)
            lines = self.story(number)
            check(stories(lines) == [number], f"only {number}: {stories(lines)}")
            delays.append(lines[-1]["at"] - wrote)
            time.sleep(0.13)
        check(max(delays) < 1000, f"each at once: {delays}")
        return f"≤ {max(delays):.0f} ms"

    def burst(self):
        """40 in one write: all, in order, at most ten in any second."""
        time.sleep(1.2)
        start = time.time() * 1000
        numbers = self.project.append(40)
        lines = [line for line in self.story(numbers[-1]) if story(line)]
        check(stories(lines) == numbers, f"in order: {stories(lines)}")
        # A busy machine makes arrivals later, never earlier: so they are held against the start and not against each other.
        for second, line in enumerate(lines[::10]):
            check(line["at"] - start >= second * 1000, f"ten more than {second} s allow, after {line['at'] - start:.0f} ms")
        return f"in {(lines[-1]['at'] - lines[0]['at']) / 1000:.1f} s"

    def resume(self):
        """The connection is reset; what came meanwhile comes when it is back: no gap, nothing twice."""
        self.line.cut()
        numbers = self.project.append(5)
        eventually("the bridge knows them", lambda: self.bridge.events() >= self.project.lines)
        self.line.mend()
        lines = self.story(numbers[-1], 30)
        check("gap" not in names(lines) and "hello" in names(lines), f"no gap: {names(lines)}")
        check(stories(lines) == numbers, f"exactly these: {stories(lines)}")

    def past_the_log(self):
        """More is published while it is away than the log keeps: one gap, then the last hundred."""
        self.line.cut()
        numbers = self.project.append(10_100)
        eventually("the bridge knows them", lambda: self.bridge.events() >= self.project.lines, 30)
        self.line.mend()
        self.gap("expired", numbers[-100:])

    def restart(self):
        """kill -9 without stored state: the same port, another epoch; one gap, then the buffer, whose ids are the same as before."""
        self.bridge.end(signal.SIGKILL)
        numbers = self.project.append(3)
        self.bridge.start()
        lines = self.gap("restarted", list(range(numbers[-1] - 99, numbers[-1] + 1)))
        again = [json.loads(line["data"])["id"] for line in lines if story(line) and story(line) < numbers[0]]
        check(set(again) <= self.ids and len(again) == 97, "the ids of what it knew already are the same")

    def restart_with_state(self):
        """kill -9 with stored state: as if nothing had happened."""
        if not supports("--state"):
            return "NOT RUN: no --state"
        self.bridge.end()
        self.bridge.args += ["--state", str(self.project.folder / ".state")]
        self.bridge.start()
        [number] = self.project.append(1)
        self.story(number, 30)
        self.bridge.end(signal.SIGKILL)
        numbers = self.project.append(3)
        self.bridge.start()
        lines = self.story(numbers[-1], 30)
        check("gap" not in names(lines), f"no gap: {names(lines)}")
        check(stories(lines) == numbers, f"exactly these: {stories(lines)}")

    def end_of_program(self):
        """bye, and a clean end of the body."""
        code = self.bridge.end()
        check(code == 0, f"the bridge exits with {code}")
        self.client.next("bye", lambda line: line["k"] == "event" and line["type"] == "bye")
        if self.start is TABLE["curl"][1]:
            [*_, last] = self.client.next("curl's end", lambda line: line["k"] == "exit")
            check(last["code"] == 0, f"curl ends with {last['code']}")
            return "exit 0"
        # No event and no broken frame after it.
        check(names(self.client.seen[self.client.taken :]) == [], "nothing follows")

    def through_nginx(self):
        """nginx with nothing set: each event on time."""
        self.client.end()
        self.bridge.start()
        self.nginx = Nginx(self.bridge.port)
        self.client = Client(self.start(self.nginx.port))
        self.story(self.project.lines, 60)
        return self.live()

    def after_502(self):
        """The bridge goes and nginx says 502; it comes back, and so does the client."""
        self.bridge.end(signal.SIGKILL)
        trouble = self.client.next("it hears of it", lambda line: line["k"] == "dead" or "502" in line.get("why", ""), 30)
        numbers = self.project.append(2)
        self.bridge.start()
        if "--state" in self.bridge.args:
            check("gap" not in names(self.story(numbers[-1], 60)), "no gap")
        else:
            self.gap("restarted", list(range(numbers[-1] - 99, numbers[-1] + 1)), 60)
        died = any(line["k"] == "dead" for line in trouble)
        if self.start in (TABLE["Chromium EventSource"][1], TABLE["Chromium fetch"][1]):
            self.client.taken = 0
            newest = f"N-{numbers[-1]} "
            self.client.next("the bridge's own page is back as well", lambda line: line["k"] == "page" and "live" in line["says"] and newest in line["newest"], 30)
        return "gives up, a new one resumes by query" if died else "comes back"

    def gap(self, reason, expected, within=30.0):
        lines = self.story(expected[-1], within)
        gaps = [json.loads(line["data"]) for line in lines if line["k"] == "event" and line["type"] == "gap"]
        check([gap["reason"] for gap in gaps] == [reason], f"one gap, {reason}: {gaps}")
        after = [index for index, line in enumerate(lines) if line.get("type") == "gap"][0]
        check(stories(lines[after:]) == expected, f"the buffer after it: {stories(lines[after:])}")
        return lines

    def story(self, number, within=15.0):
        lines = self.client.story(number, within)
        self.ids |= {json.loads(line["data"])["id"] for line in lines if story(line)}
        return lines

    def run(self):
        """Name and outcome of each step; after a failure the rest is not tried."""
        steps = [self.connect, self.live, self.burst, self.resume, self.past_the_log, self.restart, self.restart_with_state, self.end_of_program, self.through_nginx, self.after_502]
        outcomes = {}
        try:
            for step in steps:
                if step == self.through_nginx and not shutil.which("nginx"):
                    outcomes["through_nginx"] = outcomes["after_502"] = "NOT RUN: no nginx"
                    break
                try:
                    outcomes[step.__name__] = step() or "ok"
                except Failed as trouble:
                    outcomes[step.__name__] = f"FAILED: {trouble}"
                    break
        finally:
            for part in (self.client, self.nginx, self.bridge):
                if part:
                    part.end()
            self.project.remove()
        return outcomes


def main():
    wrong = 0
    for name in sys.argv[1:] or TABLE:
        needs, start = TABLE[name]
        missing = [str(need) for need in needs if not (shutil.which(need) if isinstance(need, str) else need.exists())]
        if missing:
            print(f"{name}: NOT RUN, needs {', '.join(missing)}", flush=True)
            continue
        outcomes = Trial(start).run()
        wrong += any(outcome.startswith("FAILED") for outcome in outcomes.values())
        print(f"{name}: " + "; ".join(f"{step.replace('_', ' ')}: {outcome}" for step, outcome in outcomes.items()), flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
