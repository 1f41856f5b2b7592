"""Thousands of clients, beside nchan in the same run: fanout.py [CLIENTS [SECONDS [ROUNDS [EVENTS_A_SECOND]]]]"""
import json
import pathlib
import subprocess
import sys
import tempfile

from peers import LAB, NCHAN, Load, Machine, Used, bridge, median, nchan, need, write_lines

# Makes nchan's frames as long as the bridge's, which carry an event's id, source and times: 426 bytes.
PAD = 350


def measure(name, rate, clients, seconds):
    count = rate * seconds
    with tempfile.TemporaryDirectory(prefix="extra-fanout-") as folder:
        file = pathlib.Path(folder) / "events.jsonl"
        file.touch()
        peer = bridge(file, clients) if name == "bridge" else nchan()
        machine = Machine()
        try:
            empty = Used(peer.process.pid)
            load = Load(peer, clients, count, "--wait-headers")
            full = Used(peer.process.pid)
            if name == "bridge":
                write_lines(file, rate, count)
                accepted = rate
            else:
                argv = [LAB / "http-pub", "--url", peer.publish, "--rate", rate, "--count", count, "--pad", PAD, "--max-seconds", seconds + 15]
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
        "memory": (full.memory - empty.memory) / clients,
        "closed": result["closed_early"],
    }
    print(
        "{server:7} {rate:4}/s: {connected} connected, {delivered:.2f} % delivered of {accepted:.0f} accepted/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {deliveries:.0f} deliveries/s, "
        "{cpu:.2f} CPU s per million, {memory:.1f} KiB a client, {closed} cut off".format(**row) + f" ({machine})",
        flush=True,
    )
    return row


def run(clients, seconds, rounds, rate):
    """Medians of each figure by server; `delivered` is the smallest, `closed` the largest of the bridge."""
    rows = [measure(name, rate, clients, seconds) for _ in range(rounds) for name in ("nchan", "bridge")]
    fields = ("p50", "p99", "deliveries", "cpu", "memory")
    medians = {name: {field: median([row[field] for row in rows if row["server"] == name]) for field in fields} for name in ("nchan", "bridge")}
    own = [row for row in rows if row["server"] == "bridge"]
    return medians | {"delivered": min(row["delivered"] for row in own), "closed": max(row["closed"] for row in own)}


def main():
    clients, seconds, rounds, *rates = [int(given) for given in sys.argv[1:]] + [10_000, 6, 5][len(sys.argv) - 1 :]
    need("sse-load", "http-pub", "line-writer")
    if not NCHAN.exists():
        print("NOT RUN: needs nginx with nchan")
        return
    is_whole = True
    for rate in rates or [10, 100]:
        of = run(clients, seconds, rounds, rate)
        ratio = lambda field: f"{of['bridge'][field]:.2f} / {of['nchan'][field]:.2f} = {of['bridge'][field] / max(of['nchan'][field], 1e-9):.2f}"
        print(
            f"bridge / nchan at {rate}/s, medians of {rounds}: p99 {ratio('p99')} ms, deliveries/s {ratio('deliveries')}, "
            f"CPU s per million {ratio('cpu')}, KiB a client {ratio('memory')}"
        )
        is_whole &= of["delivered"] >= 100 and not of["closed"]
    sys.exit(0 if is_whole else 1)


if __name__ == "__main__":
    main()
