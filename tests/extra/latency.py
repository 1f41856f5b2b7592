"""From the append to the client's hands, one client: the raw inotify-to-socket probe, websocketd and the bridge by turns. latency.py [ROUNDS]"""
import pathlib
import shutil
import sys
import tempfile

from peers import Load, Machine, bridge, median, need, raw_probe, websocketd, write_lines

# Lines a second, and how many.
LOADS = [(10, 100), (1000, 3000)]


def measure(name, rate, count):
    with tempfile.TemporaryDirectory(prefix="extra-latency-") as folder:
        file = pathlib.Path(folder) / "events.jsonl"
        file.touch()
        peer = {"raw probe": raw_probe, "websocketd": websocketd, "bridge": bridge}[name](file)
        machine = Machine()
        try:
            load = Load(peer, 1, count, *(["--ws"] if name == "websocketd" else ["--wait-headers"]))
            write_lines(file, rate, count)
            result = load.result()
        finally:
            peer.end()
    latency = result["latency"]
    row = {"server": name, "rate": rate, "p50": latency["p50_us"], "p90": latency["p90_us"], "p99": latency["p99_us"], "delivered": result["delivered_pct"]}
    print("{server:10} {rate:5}/s: p50 {p50:.0f} µs, p90 {p90:.0f}, p99 {p99:.0f}, {delivered:.1f} % delivered".format(**row) + f" ({machine})", flush=True)
    return row


def run(rounds):
    """By lines a second: medians of p50 and p99 by server, in µs, and whether the bridge delivered everything."""
    names = ("raw probe", "websocketd", "bridge")
    rows = [measure(name, rate, count) for rate, count in LOADS for _ in range(rounds) for name in names]
    medians = {}
    for rate, _ in LOADS:
        of = lambda name, field: [row[field] for row in rows if row["server"] == name and row["rate"] == rate]
        medians[rate] = {name: {field: median(of(name, field)) for field in ("p50", "p99")} for name in names}
        medians[rate]["delivered"] = min(of("bridge", "delivered"))
    return medians


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    need("sse-load", "line-writer", "limit-probe")
    if not shutil.which("websocketd"):
        print("NOT RUN: needs websocketd")
        return
    medians = run(rounds)
    for rate, of in medians.items():
        bridge, peer, probe = of["bridge"], of["websocketd"], of["raw probe"]
        values = "; ".join(f"{name} p50 {of[name]['p50']:.0f} µs, p99 {of[name]['p99']:.0f}" for name in ("raw probe", "websocketd", "bridge"))
        print(f"at {rate}/s, medians of {rounds}: {values}: p50 {bridge['p50'] / peer['p50']:.2f} x websocketd's; p99 {bridge['p99'] / probe['p99']:.2f} x the raw probe's")
    sys.exit(0 if all(of["delivered"] >= 100 for of in medians.values()) else 1)


if __name__ == "__main__":
    main()
