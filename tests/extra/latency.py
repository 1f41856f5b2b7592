"""From the append to the client's hands, one client: the raw inotify-to-socket probe, websocketd and the bridge by turns. latency.py [ROUNDS]"""
import pathlib
import shutil
import sys
import tempfile

from peers import Load, Machine, bridge, need, raw_probe, websocketd, write_lines

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
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


def main():
    need("sse-load", "line-writer", "limit-probe")
    if not shutil.which("websocketd"):
        print("NOT RUN: needs websocketd")
        return
    names = ("raw probe", "websocketd", "bridge")
    rows = [measure(name, rate, count) for rate, count in LOADS for _ in range(ROUNDS) for name in names]
    for rate, _ in LOADS:
        median = lambda name, field: sorted(row[field] for row in rows if row["server"] == name and row["rate"] == rate)[(ROUNDS - 1) // 2]
        ratios = (median("bridge", "p50") / median("websocketd", "p50"), median("bridge", "p99") / median("raw probe", "p99"))
        values = "; ".join(f"{name} p50 {median(name, 'p50'):.0f} µs, p99 {median(name, 'p99'):.0f}" for name in names)
        print(f"at {rate}/s, medians of {ROUNDS}: {values}: p50 {ratios[0]:.2f} x websocketd's; p99 {ratios[1]:.2f} x the raw probe's")
    sys.exit(0 if all(row["delivered"] >= 100 for row in rows if row["server"] == "bridge") else 1)


if __name__ == "__main__":
    main()
