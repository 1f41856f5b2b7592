"""One client in a hundred never reads: nobody else notices, it is reset within 30 s and its memory comes back. stuck.py [CLIENTS [EVENTS_A_SECOND]]

The readers' delays are taken without and with the stuck ones, in one run. Over a thousand clients the readers are the load tools' (README.md)."""
import os
import pathlib
import resource
import selectors
import socket
import sys
import threading
import time

from lab import Bridge, Project, check, eventually, metric
from peers import Load, need, write_lines

CLIENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
RATE = int(sys.argv[2]) if len(sys.argv) > 2 else 25
SECONDS = 10
MANY = CLIENTS > 1_000
# Without and with them by turns: a full machine is too uneven for once.
ROUNDS = 3 if MANY else 1
# So that a stuck client is stuck after seconds: each event carries this much, and the reader's side of the kernel holds little.
PADDING = 4_000 if MANY else 8_000


def request(port):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096 if port[1] else 65536)
    client.connect(("127.0.0.1", port[0]))
    client.sendall(b"GET /stream/progress HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


class Readers:
    """Read everything and note how long after its writing each event was there."""

    def __init__(self, port, count):
        self.selector, self.delays, self.events, self.ended = selectors.DefaultSelector(), [], 0, False
        for _ in range(count):
            client = request((port, False))
            self.selector.register(client, selectors.EVENT_READ, bytearray())
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.ended:
            for key, _ in self.selector.select(0.2):
                data = key.fileobj.recv(1 << 20)
                now = time.time()
                check(data, "no reader is cut off")
                tail = key.data
                tail += data
                at = 0
                while (start := tail.find(b"stamp=", at)) >= 0 and (stop := tail.find(b"=", start + 6)) >= 0:
                    self.delays.append(now - float(tail[start + 6 : stop]))
                    self.events += 1
                    at = stop
                del tail[: max(at, len(tail) - 64)]

    def end(self):
        self.ended = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


def write(project, seconds):
    """In the open file, one line at a time; returns how many."""
    start, count = time.time(), 0
    with project.file.open("a") as file:
        while (now := time.time()) < start + seconds:
            due = start + count / RATE
            if now < due:
                time.sleep(due - now)
            project.lines += 1
            count += 1
            line = f'{{"type":"story_started","story_id":"N-{project.lines}","title":"stamp={time.time():.6f}={"x" * PADDING}"}}\n'
            os.write(file.fileno(), line.encode())
    return count


class LoadReaders:
    """The same with the load tools: a program of its own per measurement."""

    def __init__(self, port, count):
        self.url, self.count = f"http://127.0.0.1:{port}/stream/progress", count

    def measure(self, project):
        count = RATE * SECONDS
        load = Load(self, self.count, count, "--wait-headers")
        write_lines(project.file, RATE, count, '{"type":"story_started","story_id":"N-{seq}","title":"seq={seq} t={t} ' + "x" * PADDING + '"}')
        result = load.result()
        check(result["delivered_pct"] >= 100, f"every reader has everything: {result['delivered_pct']} %")
        return result["latency"]["p50_us"] / 1000, result["latency"]["p99_us"] / 1000

    def end(self):
        pass


def kernel_memory():
    """MiB of all TCP sockets of this machine."""
    line = next(line for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:"))
    return int(line.split()[-1]) * resource.getpagesize() / 1024**2


def own_memory(bridge):
    status = pathlib.Path(f"/proc/{bridge.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))) / 1024


def measure(project, readers):
    if MANY:
        return readers.measure(project)
    readers.delays, readers.events = [], 0
    count = write(project, SECONDS)
    eventually(lambda: f"every reader has everything: {readers.events} of {count * (CLIENTS - CLIENTS // 100)}", lambda: readers.events >= count * (CLIENTS - CLIENTS // 100), 30)
    delays = sorted(readers.delays)
    return delays[len(delays) // 2] * 1000, delays[len(delays) * 99 // 100] * 1000


def median(rows):
    return sorted(rows, key=lambda row: row[1])[len(rows) // 2]


def main():
    if MANY:
        need("sse-load", "line-writer")
    project = Project()
    stuck_count = CLIENTS // 100
    bridge = Bridge(project, args=["--max-rate", "0", "--no-source-text", "--buffer", "0"], max_clients=CLIENTS + 10)
    readers = (LoadReaders if MANY else Readers)(bridge.port, CLIENTS - stuck_count)
    stuck = []
    try:
        MANY or eventually("all are streaming", lambda: metric(bridge.port, 'streams{stream="progress"}') == CLIENTS - stuck_count)
        controls, besides = [], []
        for _ in range(ROUNDS):
            for client in stuck:
                client.close()
            controls.append(measure(project, readers))
            kernel, own = kernel_memory(), own_memory(bridge)
            stuck = [request((bridge.port, True)) for _ in range(stuck_count)]
            began = time.time()
            besides.append(measure(project, readers))
        control, beside = median(controls), median(besides)
        pinned = kernel_memory() - kernel
        print(f"readers, p50 / p99 in ms: {control[0]:.1f} / {control[1]:.1f} without, {beside[0]:.1f} / {beside[1]:.1f} beside {stuck_count} that never read")
        print(f"the stuck ones pin {pinned / stuck_count:.2f} MiB each in the kernel; the bridge grew from {own:.1f} to {own_memory(bridge):.1f} MiB")
        eventually("they are reset", lambda: write(project, 0.2) and metric(bridge.port, "stuck_total") >= stuck_count, 120 if MANY else 45)
        print(f"reset within {time.time() - began:.0f} s of their first request, of which {SECONDS} s were the measurement")
        eventually("their memory comes back", lambda: kernel_memory() <= kernel + pinned / 4, 20)
        check(all(isinstance(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), int) for client in stuck), "the sockets can be asked")
        print(f"kernel memory: {kernel:.1f} MiB before, {kernel + pinned:.1f} with them, {kernel_memory():.1f} after")
        check(pinned / stuck_count <= 1, "at most 1 MiB each")
        check(beside[1] <= control[1] * 1.5 + 5, "nobody else notices")
        print("ok")
    finally:
        readers.end()
        for client in stuck:
            client.close()
        bridge.end()
        project.remove()


if __name__ == "__main__":
    main()
