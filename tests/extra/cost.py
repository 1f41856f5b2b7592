"""What the bridge itself costs, without a peer: CPU time and user instructions (exact, whatever else the machine does) of one change, memory, idling, start.
cost.py [flip idle top5 top10 top100 rewrites memory dense start build]"""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from lab import BRIDGE, ROOT, Failed, check, free_port, get
from peers import Machine, median

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MB = 1_000_000


def entry(number, title="Another step of the work"):
    """As agents write it under a heading; 270 bytes."""
    day = f"2026-{1 + number // 28 % 12:02}-{1 + number % 28:02} {number % 24:02}:{number % 60:02}"
    return (
        f"## {day} - US-{number:05}: {title}\n"
        f"- Implemented part {number} of the module and its tests\n"
        "- Files changed: src/handlers.rs, src/routes.rs\n"
        "- **Learnings for future iterations:**\n"
        "  - The fixtures must be rebuilt when the schema changes\n"
        "---\n\n"
    )


def log(size):
    """A log of about so many bytes, newest first; the head, and the entries."""
    head = "# Progress Log\nStarted: 2026-01-01\n\n"
    count = size // len(entry(1))
    return head, "".join(entry(number) for number in range(count, 0, -1)), count


def plan(stories, passed):
    story = lambda number: {
        "id": f"US-{number:05}", "title": f"Story {number} of the plan", "description": "As a user I want the thing done.",
        "acceptanceCriteria": [f"The thing {number} is done", "Tests pass", "Typecheck passes"], "priority": number, "passes": number in passed, "notes": "",
    }
    return json.dumps({"project": "Big", "branchName": "ralph/big", "userStories": [story(number) for number in range(1, stories + 1)]}, indent=2)


class Bridge:
    """A bridge whose events are read from its standard output."""

    def __init__(self, folder, *arguments, history=False):
        past = [] if history else ["--from", "end"]
        command = [str(BRIDGE), "--json", "--no-discover", *past, *arguments]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.partial = b""

    def rest(self, quiet=1.0, within=300):
        """Waits until it has used no CPU for a while."""
        end, last, since = time.time() + within, None, time.time()
        while time.time() < end:
            self.read(0.05)
            used = self.cpu()
            if last is None or used - last > 0.004:
                last, since = used, time.time()
            elif time.time() - since > quiet:
                return
        raise Failed("never rests")

    def read(self, wait):
        """What comes within so many seconds, as events."""
        ready, _, _ = select.select([self.process.stdout], [], [], wait)
        if not ready:
            return []
        *lines, self.partial = (self.partial + os.read(self.process.stdout.fileno(), 1 << 20)).split(b"\n")
        return [json.loads(line) for line in lines]

    def until(self, is_it, within=120):
        """Waits until such an event comes."""
        begun = time.monotonic()
        while time.monotonic() < begun + within:
            if any(map(is_it, self.read(1))):
                return
        raise Failed("no event")

    def cpu(self):
        """Seconds, user and system, of all threads."""
        of = lambda task: int((task / "schedstat").read_text().split()[0]) / 1e9
        return sum(of(task) for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir())

    def memory(self):
        """MiB: resident, and at the most so far."""
        return self.status("VmRSS"), self.status("VmHWM")

    def status(self, name):
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
        return int(status[name].split()[0]) / 1024

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)


class Instructions:
    """User instructions of a process between two moments; `None` without perf."""

    def __init__(self, pid):
        self.process = None
        if shutil.which("perf"):
            command = ["perf", "stat", "-x,", "-e", "instructions:u", "-p", str(pid)]
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            time.sleep(0.3)

    def end(self):
        if not self.process:
            return None
        self.process.send_signal(signal.SIGINT)
        count = self.process.communicate()[1].split(",")[0]
        return int(count) if count.isdigit() else None


def save(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    at = time.monotonic()
    new.rename(path)
    return at


def measured(bridge, change, is_it):
    """One change: seconds from its last system call to the event, CPU seconds until a moment after, instructions."""
    counter, used = Instructions(bridge.process.pid), bridge.cpu()
    changed = change()
    bridge.until(is_it)
    delay = time.monotonic() - changed
    bridge.rest(0.6)
    return delay, bridge.cpu() - used, counter.end()


def show(name, rows):
    delay, cpu = median([row[0] for row in rows]) * 1e3, median([row[1] for row in rows]) * 1e3
    counts = [row[2] for row in rows if row[2]]
    instructions = f"{median(counts) / 1e6:.1f} M instructions" if counts else "no count of instructions here"
    print(f"{name}: {delay:.1f} ms to the event, {cpu:.1f} ms CPU, {instructions} (median of {len(rows)})", flush=True)
    return {"delay": delay, "cpu": cpu}


def top(folder, size):
    head, entries, count = log(size)
    file = folder / "progress.txt"
    file.write_text(head + entries)
    bridge = Bridge(folder, "progress.txt")
    bridge.rest()
    rows = []
    for number in range(count + 1, count + 1 + ROUNDS):
        entries = entry(number) + entries
        is_it = lambda event: event["type"] == "story_completed" and event["data"].get("story_id") == f"US-{number:05}"
        rows.append(measured(bridge, lambda: save(file, head + entries), is_it))
    bridge.end()
    return show(f"an entry on top of a log of {size / MB:g} MB", rows)


def rewrites(folder, size=10 * MB, seconds=10):
    """The log is written anew with an entry more on top, once a second."""
    head, entries, count = log(size)
    file = folder / "progress.txt"
    file.write_text(head + entries)
    bridge = Bridge(folder, "progress.txt")
    bridge.rest()
    begun, used, delays = time.monotonic(), bridge.cpu(), []
    for number in range(seconds):
        entries = entry(count + 1 + number) + entries
        is_it = lambda event: event["type"] == "story_completed" and event["data"].get("story_id") == f"US-{count + 1 + number:05}"
        time.sleep(max(0, begun + number - time.monotonic()))
        saved = save(file, head + entries)
        bridge.until(is_it)
        delays.append((time.monotonic() - saved) * 1e3)
    bridge.rest(0.6)
    cpu = (bridge.cpu() - used) * 1e3 / seconds
    bridge.end()
    print(f"a log of {size / MB:g} MB rewritten once a second: {median(delays):.1f} ms to the event, {cpu:.1f} ms CPU a rewrite ({seconds} rewrites)", flush=True)
    return {"delay": median(delays), "cpu": cpu}


def flip(folder, stories=5000):
    file, passed = folder / "prd.json", {1, 2, 3}
    file.write_text(plan(stories, passed))
    bridge = Bridge(folder, "--no-infer", "prd.json")
    bridge.rest()
    rows = []
    for number in range(10, 10 + ROUNDS):
        passed.add(number)
        text = plan(stories, passed)
        is_it = lambda event: event["type"] == "story_completed" and event["data"].get("story_id") == f"US-{number:05}"
        rows.append(measured(bridge, lambda: save(file, text), is_it))
    bridge.end()
    return show(f"a flip in a plan of {stories} stories", rows)


def idle(folder, files=500, seconds=30):
    """CPU time beside so many files, and of a bridge with one file, which is otherwise how a bridge is run."""
    for number in range(files):
        (folder / f"agent-{number:03}.log").write_text("# Progress Log\n\n" + entry(number))
    names = sorted(path.name for path in folder.iterdir())
    bridges = {files: Bridge(folder, "--listen", f"127.0.0.1:{free_port()}", *names), 1: Bridge(folder, "--listen", f"127.0.0.1:{free_port()}", names[0])}
    [bridge.rest() for bridge in bridges.values()]
    # Files that moved lately are the costly ones.
    for number in range(files):
        with (folder / names[number]).open("a") as file:
            file.write(entry(number + files))
    # Until all of it was told: their output holds less than that, and a stalled bridge would do the rest while it is measured.
    [bridge.rest(3) for bridge in bridges.values()]
    used = {count: bridge.cpu() for count, bridge in bridges.items()}
    time.sleep(seconds)
    cpu = {count: (bridge.cpu() - used[count]) * 1e3 for count, bridge in bridges.items()}
    resident = bridges[1].memory()[0]
    [bridge.end() for bridge in bridges.values()]
    print(f"idle for {seconds} s, files that moved just before: {cpu[files]:.1f} ms CPU with {files}, {cpu[1]:.1f} ms with one, which takes {resident:.1f} MiB", flush=True)
    return {"many": cpu[files], "one": cpu[1], "resident": resident}


# The allocator gives back what stays unused for ten seconds, a part of it every moment until then.
GIVEN_BACK = 25


def memory(folder, size=10 * MB, files=500):
    head, entries, count = log(size)
    (folder / "progress.txt").write_text(head + entries)
    bridge = Bridge(folder, "--listen", f"127.0.0.1:{free_port()}", "progress.txt")
    bridge.rest()
    time.sleep(GIVEN_BACK)
    now, peak = bridge.memory()
    # What it has written to, all of it: the pages of its file are there without a log, too.
    own = bridge.status("RssAnon")
    print(f"a log of {size / MB:g} MB, {count} entries: {now:.1f} MiB, peak {peak:.1f}; {own:.1f} its own, {own * 1024 * 1024 / count:.0f} bytes an entry", flush=True)
    figures = {"log": now, "entry": own * 1024 * 1024 / count}
    bridge.end()
    small = size // files
    names = []
    for number in range(files):
        folder.joinpath(f"log-{number:03}").mkdir()
        head, entries, count = log(small)
        names.append(f"log-{number:03}/progress.txt")
        (folder / names[-1]).write_text(head + entries)
    bridge = Bridge(folder, "--listen", f"127.0.0.1:{free_port()}", *names)
    bridge.rest()
    time.sleep(GIVEN_BACK)
    now, peak = bridge.memory()
    print(f"{files} logs of {small / 1000:g} kB, {count} entries each: {now:.1f} MiB, peak {peak:.1f}; {bridge.status('RssAnon'):.1f} its own", flush=True)
    bridge.end()
    return figures | {"logs": now}


def dense(folder, size=10 * MB):
    """CPU time of reading a log once, by the entry."""
    head, entries, count = log(size)
    (folder / "progress.txt").write_text(head + entries)
    costs = []
    for _ in range(ROUNDS):
        used = os.times()
        subprocess.run([str(BRIDGE), "--no-discover", "--once", "--json", "progress.txt"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        spent = os.times()
        costs.append((spent.children_user + spent.children_system - used.children_user - used.children_system) * 1e6 / count)
    print(f"dense log of {count} entries, --once --json: {median(costs):.1f} µs CPU an entry (median of {ROUNDS})", flush=True)
    return {"entry": median(costs)}


def start(folder):
    (folder / "progress.txt").write_text("# Progress Log\n\n" + entry(1))
    times = []
    for _ in range(ROUNDS):
        port = free_port()
        begun = time.monotonic()
        bridge = subprocess.Popen([str(BRIDGE), "--no-discover", "--listen", f"127.0.0.1:{port}", "progress.txt"], cwd=folder, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        bridge.stderr.readline()
        times.append((time.monotonic() - begun) * 1e3)
        get(f"http://127.0.0.1:{port}/healthz")
        bridge.send_signal(signal.SIGTERM)
        bridge.communicate(timeout=30)
    print(f"start to open port: {median(times):.1f} ms (median of {len(times)})", flush=True)
    return {"open": median(times)}


def build(folder):
    """A clean release build of what is committed, into a folder of its own: minutes."""
    target, begun, used = folder / "target", time.monotonic(), os.times()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--bin", "progress-bridge"], cwd=ROOT, env=os.environ | {"CARGO_TARGET_DIR": str(target)}, check=True)
    taken, spent = time.monotonic() - begun, os.times()
    cpu = spent.children_user + spent.children_system - used.children_user - used.children_system
    figures = {"seconds": taken, "cpu": cpu, **packed(target / "release/progress-bridge")}
    print(f"a clean release build: {taken:.0f} s, {cpu:.0f} s CPU; {figures['crates']} crates in the program; {figures['size']:.1f} MB stripped", flush=True)
    return figures


def packed(binary):
    """The size of the binary in MB, and the crates in it."""
    tree = subprocess.run(["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {"size": binary.stat().st_size / MB, "crates": len({line.split(" (")[0] for line in tree.splitlines() if line})}


PARTS = {
    "flip": flip,
    "idle": idle,
    "top5": lambda folder: top(folder, 5 * MB),
    "top10": lambda folder: top(folder, 10 * MB),
    "top100": lambda folder: top(folder, 100 * MB),
    "rewrites": rewrites,
    "memory": memory,
    "dense": dense,
    "start": start,
    "build": build,
}


def main():
    names = sys.argv[1:] or [name for name in PARTS if name != "build"]
    check(all(name in PARTS for name in names), f"parts are {' '.join(PARTS)}")
    machine = Machine()
    for name in names:
        with tempfile.TemporaryDirectory(prefix="extra-cost-") as folder:
            PARTS[name](pathlib.Path(folder).resolve())
    print(f"({machine})")


if __name__ == "__main__":
    main()
