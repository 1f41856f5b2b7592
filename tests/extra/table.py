"""Every figure that docs/performance.md holds, in one run, beside its peer and its bound: table.py [--quick | --bounds] [PART…]

Some twenty minutes on a quiet machine, seven with --quick (two rounds instead of five, no clean build, no bench, no log of 100 MB). A part that cannot run says
NOT RUN and why, and the others go on. The exit status is 1 when a bound is missed. With --bounds nothing is run and the bounds are printed: they stand here alone."""
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import activity
import cost
import fanout
import latency
from lab import BRIDGE, HERE, ROOT, check
from peers import LAB, NCHAN, Machine

QUICK = "--quick" in sys.argv[1:]
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# A client takes two descriptors of the bridge's budget.
CLIENTS = min(10_000, (DESCRIPTORS - 1_000) // 2 // 100 * 100)
ROUNDS = 2 if QUICK else 5


class NotRun(Exception):
    """Something that a part needs is missing."""


@dataclasses.dataclass
class Row:
    """A figure with its bounds; `least` turns the bounds round."""

    what: str
    key: str
    unit: str
    hold: float
    aim: float
    peer: str = ""
    least: bool = False

    def verdict(self, value):
        within = lambda bound: value >= bound if self.least else value <= bound
        return "aim" if within(self.aim) else "held" if within(self.hold) else "MISSED"

    def bounds(self):
        sign = "≥" if self.least else "≤"
        return f"{sign} {self.hold:g} {self.unit} | {sign} {self.aim:g} {self.unit}"


def tools(*names):
    missing = [str(name) for name in names if not (pathlib.Path(name).exists() or shutil.which(str(name)))]
    if missing:
        raise NotRun(f"needs {', '.join(missing)} (README.md)")


def in_folder(part):
    with tempfile.TemporaryDirectory(prefix="extra-table-") as folder:
        return part(pathlib.Path(folder).resolve())


def delays():
    tools(LAB / "sse-load", LAB / "line-writer", LAB / "limit-probe", "websocketd")
    slow, fast = latency.run(ROUNDS).values()
    return {
        "p50": slow["bridge"]["p50"] / slow["websocketd"]["p50"],
        "p99": max(slow["bridge"]["p99"], fast["bridge"]["p99"]) / 1000,
        "fast": fast["bridge"]["p99"] / fast["raw probe"]["p99"],
        "delivered": min(slow["delivered"], fast["delivered"]),
        "peer p50": f"{slow['bridge']['p50']:.0f} / {slow['websocketd']['p50']:.0f} µs",
        "peer fast": f"{fast['bridge']['p99']:.0f} / {fast['raw probe']['p99']:.0f} µs",
    }


def clients(rate):
    def run():
        tools(LAB / "sse-load", LAB / "http-pub", LAB / "line-writer", NCHAN)
        of = fanout.run(CLIENTS, 4, ROUNDS, rate)
        own, peer = of["bridge"], of["nchan"]
        ratios = {field: own[field] / max(peer[field], 1e-9) for field in own}
        both = {f"peer {field}": f"{own[field]:.1f} / {peer[field]:.1f}" for field in own}
        return ratios | both | {"p99 ms": own["p99"], "delivered": of["delivered"] if not of["closed"] else 0, "KiB": own["memory"]}

    return run


def never_reads():
    """Of stuck.py's three hundred clients."""
    text = subprocess.run([sys.executable, "stuck.py"], cwd=HERE, capture_output=True, text=True, check=False).stdout
    found = re.search(r"p50 / p99 in ms: \S+ / (\S+) without, \S+ / (\S+) beside.*\n.*pin (\S+) MiB.*\n(?:reset within (\d+) s)?", text)
    if not found or not found[4]:
        raise NotRun(text or "stuck.py ended early")
    return {"pinned": float(found[3]), "reset": int(found[4]), "others": float(found[2]) / max(float(found[1]), 1e-9), "peer others": f"{found[2]} / {found[1]} ms"}


def parse():
    """The bench: bytes to facts, beside a bare split into lines and jq."""
    size = "128" if QUICK else "256"
    command = ["cargo", "bench", "--locked", "--quiet", "--bench", "parse", "--", size]
    text = subprocess.run(command, cwd=ROOT, env=os.environ | {"BRIDGE": str(BRIDGE.resolve())}, capture_output=True, text=True, check=True).stdout
    print(text, flush=True)
    of = lambda row: float(re.search(rf"{row}: progress-bridge --once\s+\S+\s+(\S+)x", text)[1])
    jq = re.search(r"progress-bridge ÷ jq\s+(\S+)x", text)
    return {"mixed": of("runner's terminal log"), "foreign": of("log of no runner")} | ({"jq": float(jq[1])} if jq else {})


def agent():
    place = activity.Place()
    try:
        return activity.delay(place, 15 if QUICK else 40)
    finally:
        place.remove()


def size():
    return cost.packed(BRIDGE)


# What a part runs, and its rows: what, figure, unit, bound that must hold, aim, what stands beside it.
PARTS = {
    "latency": (delays, [
        Row("append → client, 10 lines/s: p50 ÷ websocketd's", "p50", "×", 1.2, 1.0, "peer p50"),
        Row("the same at 1,000 lines/s: p99 ÷ the raw probe's", "fast", "×", 2.0, 1.3, "peer fast"),
        Row("append → client: larger p99 of the two", "p99", "ms", 10, 5),
        Row("delivered of it", "delivered", "%", 100, 100, least=True),
    ]),
    "fanout10": (clients(10), [
        Row(f"{CLIENTS:,} clients, 10 events/s: CPU a delivery ÷ nchan's", "cpu", "×", 1.1, 0.9, "peer cpu"),
        Row("p99 ÷ nchan's", "p99", "×", 1.1, 0.9, "peer p99"),
        Row("memory a client", "KiB", "KiB", 12, 9, "peer memory"),
        Row("delivered", "delivered", "%", 100, 100, least=True),
    ]),
    "fanout100": (clients(100), [
        Row(f"{CLIENTS:,} clients, 100 events/s: p99", "p99 ms", "ms", 250, 150, "peer p99"),
        Row("deliveries a second ÷ nchan's", "deliveries", "×", 4, 6, "peer deliveries", least=True),
        Row("delivered", "delivered", "%", 100, 100, least=True),
    ]),
    "stuck": (never_reads, [
        Row("a client that never reads: the kernel's memory", "pinned", "MiB", 1, 0.4),
        Row("its reset, counted from its request: 30 s after its buffers are full", "reset", "s", 60, 45),
        Row("the others' p99 ÷ theirs without it", "others", "×", 1.5, 1.1, "peer others"),
    ]),
    "flip": (lambda: in_folder(cost.flip), [Row("a flip in a plan of 5,000 stories: to the event", "delay", "ms", 28, 3), Row("its CPU, the snapshot included", "cpu", "ms", 28, 5)]),
    "top5": (lambda: in_folder(cost.PARTS["top5"]), [Row("an entry on top of a log of 5 MB: to the event", "delay", "ms", 10, 10)]),
    "rewrites": (lambda: in_folder(cost.rewrites), [
        Row("an entry on top of a log of 10 MB once a second: CPU a rewrite", "cpu", "ms", 362, 20),
        Row("to the event", "delay", "ms", 530, 30),
    ]),
    "top100": (lambda: in_folder(cost.PARTS["top100"]), [Row("an entry on top of a log of 100 MB: to the event", "delay", "ms", 150, 150)]),
    "memory": (lambda: in_folder(cost.memory), [
        Row("memory that the program wrote to, beside a log of 10 MB full of entries, by the entry", "entry", "B", 600, 600),
        Row("500 logs of 20 kB", "logs", "MiB", 171, 40),
    ]),
    "dense": (lambda: in_folder(cost.dense), [Row("a log full of entries read once: CPU an entry", "entry", "µs", 15, 5)]),
    "idle": (lambda: in_folder(cost.idle), [
        Row("idle for 30 s with 500 files: CPU", "many", "ms", 105, 10),
        Row("idle with one file: CPU", "one", "ms", 10, 0.5),
        Row("its memory", "resident", "MiB", 10, 6),
    ]),
    "start": (lambda: in_folder(cost.start), [Row("start → port open", "open", "ms", 15, 6)]),
    "activity": (agent, [Row("an agent's call → `activity` at a client: p99", "p99", "ms", 250, 50)]),
    "parse": (parse, [
        Row("a runner's log: speed ÷ a bare split into lines", "mixed", "×", 0.2, 0.3, least=True),
        Row("a log of no runner: the same", "foreign", "×", 0.2, 0.3, least=True),
        Row("JSON lines: speed ÷ `jq -c`", "jq", "×", 15, 25, least=True),
    ]),
    "size": (size, [Row("the binary, stripped", "size", "MB", 9.2, 8), Row("crates", "crates", "", 180, 114)]),
    "build": (lambda: in_folder(cost.build), [Row("a clean release build", "seconds", "s", 123, 82)]),
}
SLOW = ("top100", "parse", "build")


def measured(name):
    """The lines of the table that a part gives; `None` for those that did not run."""
    part, rows = PARTS[name]
    machine, begun = Machine(), time.monotonic()
    try:
        figures = part()
    except Exception as error:  # One broken part must not cost the others.
        print(f"{name}: NOT RUN: {type(error).__name__}: {error}", flush=True)
        return [(name, row, None, "", "") for row in rows]
    print(f"-- {name}: {time.monotonic() - begun:.0f} s ({machine})", flush=True)
    return [(name, row, figures.get(row.key), figures.get(row.peer, ""), str(machine)) for row in rows]


def main():
    names = [argument for argument in sys.argv[1:] if argument not in ("--quick", "--bounds")] or [name for name in PARTS if not (QUICK and name in SLOW)]
    check(all(name in PARTS for name in names), f"parts are {' '.join(PARTS)}")
    if "--bounds" in sys.argv[1:]:
        print("| what | `table.py …` | must hold | aim |\n|---|---|---|---|")
        for name, row in ((name, row) for name in names for row in PARTS[name][1]):
            print(f"| {row.what} | `{name}` | {row.bounds()} |")
        return
    check(BRIDGE.exists(), f"build it first: {BRIDGE}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    cost.ROUNDS = 3 if QUICK else 5
    begun, machine = time.monotonic(), Machine()
    lines = [line for name in names for line in measured(name)]
    print("\n| what | `table.py …` | measured | beside it | must hold | aim | | machine |\n|---|---|---|---|---|---|---|---|")
    is_missed = False
    for name, row, value, peer, load in lines:
        verdict = "NOT RUN" if value is None else row.verdict(value)
        is_missed |= verdict == "MISSED"
        shown = "" if value is None else f"{value:.3g} {row.unit}" if abs(value) < 100 else f"{value:.0f} {row.unit}"
        print(f"| {row.what} | `{name}` | {shown} | {peer} | {row.bounds()} | {verdict} | {load} |")
    print(f"\n{ROUNDS} rounds beside a peer, {cost.ROUNDS} of a change; {BRIDGE.name} of {time.ctime(BRIDGE.stat().st_mtime)}; {(time.monotonic() - begun) / 60:.1f} min; {machine}")
    sys.exit(is_missed)


if __name__ == "__main__":
    main()
