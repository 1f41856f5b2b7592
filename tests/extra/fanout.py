"""Thousands of clients, beside nchan in the same run: fanout.py [CLIENTS [SECONDS [ROUNDS [EVENTS_A_SECOND]]]]"""
import json
import pathlib
import subprocess
import sys
import tempfile

from peers import LAB, NCHAN, Load, Machine, Used, bridge, nchan, need, write_lines

CLIENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 6
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
RATES = [int(sys.argv[4])] if len(sys.argv) > 4 else [10, 100]
# Makes nchan's frames as long as the bridge's, which carry an event's id, source and times: 426 bytes.
PAD = 350


def measure(name, rate):
    count = rate * SECONDS
    with tempfile.TemporaryDirectory(prefix="extra-fanout-") as folder:
        file = pathlib.Path(folder) / "events.jsonl"
        file.touch()
        peer = bridge(file, CLIENTS) if name == "bridge" else nchan()
        machine = Machine()
        try:
            empty = Used(peer.process.pid)
            load = Load(peer, CLIENTS, count, "--wait-headers")
            full = Used(peer.process.pid)
            if name == "bridge":
                write_lines(file, rate, count)
                accepted = rate
            else:
                argv = [LAB / "http-pub", "--url", peer.publish, "--rate", rate, "--count", count, "--pad", PAD, "--max-seconds", SECONDS + 15]
                accepted = json.loads(subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, timeout=200, check=True).stdout)["rate"]
            result = load.result()
            end = Used(peer.process.pid)
        finally:
            peer.end()
    row = {
        "server": name,
        "rate": rate,
        "connected": result["status_ok"],
        "delivered": result["delivered_pct"],
        "accepted": accepted,
        "p50": result["latency"]["p50_us"] / 1000,
        "p99": result["latency"]["p99_us"] / 1000,
        "deliveries": result["events_per_s"],
        "cpu": (end.seconds - full.seconds) / max(1, result["events"]) * 1e6,
        "memory": (full.memory - empty.memory) / CLIENTS,
        "closed": result["closed_early"],
    }
    print(
        "{server:7} {rate:4}/s: {connected} connected, {delivered:.2f} % delivered of {accepted:.0f} accepted/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {deliveries:.0f} deliveries/s, "
        "{cpu:.2f} CPU s per million, {memory:.1f} KiB a client, {closed} cut off".format(**row) + f" ({machine})",
        flush=True,
    )
    return row


def main():
    need("sse-load", "http-pub", "line-writer")
    if not NCHAN.exists():
        print("NOT RUN: needs nginx with nchan")
        return
    rows = [measure(name, rate) for rate in RATES for _ in range(ROUNDS) for name in ("nchan", "bridge")]
    for rate in RATES:
        median = lambda name, field: sorted(row[field] for row in rows if row["server"] == name and row["rate"] == rate)[(ROUNDS - 1) // 2]
        ratio = lambda field: median("bridge", field) / max(median("nchan", field), 1e-9)
        both = lambda field: f"{median('bridge', field):.2f} / {median('nchan', field):.2f} = {ratio(field):.2f}"
        print(
            f"bridge / nchan at {rate}/s, medians of {ROUNDS}: p99 {both('p99')} ms, deliveries/s {both('deliveries')}, "
            f"CPU s per million {both('cpu')}, KiB a client {both('memory')}"
        )
    sys.exit(0 if all(row["delivered"] >= 100 and not row["closed"] for row in rows if row["server"] == "bridge") else 1)


if __name__ == "__main__":
    main()
