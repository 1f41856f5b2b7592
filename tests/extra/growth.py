"""How time and memory grow: with the size of a log, with the stories that are known, with the clients, with the events of the log.
growth.py [size stories clients events]"""
import json
import os
import pathlib
import socket
import sys
import tempfile
import threading
import time

from cost import MB, Bridge, log
from lab import check, eventually, free_port, get
from peers import Machine, median

ROUNDS = int(os.environ.get("ROUNDS", "5"))


def line(number):
    return json.dumps({"type": "story_started", "story_id": f"N-{number}", "title": f"story {number} of the log"}) + "\n"


class Clients:
    """Of `/stream/progress`; they read, and count what they read."""

    def __init__(self, port, count):
        self.sockets, self.bytes = [], 0
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"GET /stream/progress HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            eventually("a stream begins", lambda: b"event: hello" in client.recv(65536, socket.MSG_PEEK))
            self.sockets.append(client)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        import selectors

        selector = selectors.DefaultSelector()
        for client in self.sockets:
            selector.register(client, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(1):
                data = key.fileobj.recv(1 << 20)
                self.bytes += len(data)
                if not data:
                    selector.unregister(key.fileobj)

    def end(self):
        for client in self.sockets:
            client.shutdown(socket.SHUT_RDWR)
            client.close()


def served(folder, name, *more):
    port = free_port()
    bridge = Bridge(folder, "--listen", f"127.0.0.1:{port}", "--max-rate", "0", "--max-clients", "5000", *more, name)
    eventually("it listens", lambda: answers(port), 30)
    bridge.rest()
    return bridge, port


def answers(port):
    try:
        return "ok" in get(f"http://127.0.0.1:{port}/healthz")
    except OSError:
        return False


def cpu_per_event(bridge, file, known, count, rate):
    """Milliseconds of an event that comes alone; the median of some rounds."""
    rounds = []
    for at in range(ROUNDS):
        used = bridge.cpu()
        for number in range(count):
            with file.open("a") as log_file:
                log_file.write(line(known + at * count + number))
            bridge.read(0)
            time.sleep(1 / rate)
        bridge.rest(0.6)
        rounds.append((bridge.cpu() - used) / count * 1e3)
    return median(rounds)


def size(folder):
    for megabytes in (1, 2.5, 5, 10, 20):
        head, entries, count = log(int(megabytes * MB))
        (folder / "progress.txt").write_text(head + entries)
        begun = time.monotonic()
        bridge = Bridge(folder, "progress.txt")
        bridge.rest(quiet=3)
        now, peak = bridge.memory()
        print(f"a log of {megabytes:g} MB, {count} entries: read with {bridge.cpu() * 1e3:.0f} ms CPU, {bridge.cpu() / count * 1e6:.1f} µs an entry; {now:.1f} MiB, peak {peak:.1f}", flush=True)
        bridge.end()
        check(time.monotonic() - begun < 120, "read within two minutes")


def stories(folder):
    for known in (10, 100, 1_000, 10_000):
        file = folder / f"events-{known}.jsonl"
        file.write_text("".join(map(line, range(known))))
        bridge, _ = served(folder, file.name)
        print(f"an event beside {known} known stories: {cpu_per_event(bridge, file, known, 20, 10):.2f} ms CPU at 10/s; {bridge.memory()[0]:.1f} MiB", flush=True)
        bridge.end()


def clients(folder):
    for number in (0, 1, 10, 100, 1_000):
        file = folder / f"clients-{number}.jsonl"
        file.write_text("")
        bridge, port = served(folder, file.name)
        before = bridge.memory()[0]
        readers = Clients(port, number)
        after = bridge.memory()[0]
        each = f", {(after - before) * 1024 / number:.1f} KiB each" if number else ""
        print(f"an event to {number} clients: {cpu_per_event(bridge, file, 0, 20, 20):.3f} ms CPU{each}", flush=True)
        readers.end()
        bridge.end()


def events(folder):
    file = folder / "events.jsonl"
    file.write_text("")
    bridge, _ = served(folder, file.name)
    for count in (1_000, 4_000, 5_000, 20_000):
        used = bridge.cpu()
        known = sum(1 for _ in file.open())
        with file.open("a") as log_file:
            log_file.write("".join(map(line, range(known, known + count))))
        bridge.rest()
        print(f"{count} events at once, {known + count} in all: {(bridge.cpu() - used) / count * 1e6:.1f} µs CPU an event; {bridge.memory()[0]:.1f} MiB (the log keeps the last 10,000)", flush=True)
    bridge.end()


PARTS = {"size": size, "stories": stories, "clients": clients, "events": events}


def main():
    names = sys.argv[1:] or list(PARTS)
    check(all(name in PARTS for name in names), f"parts are {' '.join(PARTS)}")
    for name in names:
        machine = Machine()
        with tempfile.TemporaryDirectory(prefix="extra-growth-") as folder:
            PARTS[name](pathlib.Path(folder).resolve())
        print(f"({name}: {machine})", flush=True)


if __name__ == "__main__":
    main()
