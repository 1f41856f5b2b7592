"""Half of 500 clients killed with -9, ten times: descriptors, threads and streams return to where they were, and memory stops growing. leaks.py [ROUNDS]"""
import os
import pathlib
import signal
import subprocess
import sys
import time

from lab import Bridge, Project, check, eventually, metric

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
CLIENTS, PROCESSES = 500, 20

# Reads 25 streams and throws away what it reads.
CROWD = """
import selectors, socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
readers = selectors.DefaultSelector()
for number in range(count):
    reader = socket.create_connection(("127.0.0.1", port))
    reader.sendall(b"GET /stream/%s HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n" % (b"progress" if number % 5 else b"state"))
    reader.recv(100)
    readers.register(reader, selectors.EVENT_READ)
print("ready", flush=True)
while readers.get_map():
    for key, _ in readers.select():
        if not key.fileobj.recv(65536):
            readers.unregister(key.fileobj)
"""


def crowd(port, processes):
    started = [subprocess.Popen([sys.executable, "-c", CROWD, str(port), str(CLIENTS // PROCESSES)], stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    for process in started:
        check(process.stdout.readline() == "ready\n", "every client has its first bytes")
    return started


class Usage:
    def __init__(self, bridge):
        proc = pathlib.Path(f"/proc/{bridge.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        self.descriptors = len(os.listdir(proc / "fd"))
        self.threads = int(status["Threads"])
        self.memory = int(status["VmRSS"].split()[0])
        self.streams = sum(metric(bridge.port, f'streams{{stream="{name}"}}') for name in ("progress", "state"))

    def __str__(self):
        return f"{self.descriptors} descriptors, {self.threads} threads, {self.streams:g} streams, {self.memory / 1024:.1f} MiB"


def settled(bridge, streams):
    eventually(f"{streams} streams are left", lambda: Usage(bridge).streams == streams, 20)
    # Connections that are not streams, such as the one that asks, go with their own end.
    eventually("their connections are gone", lambda: metric(bridge.port, "connections") <= streams + 1, 20)
    return Usage(bridge)


def main():
    project = Project()
    project.append(20)
    bridge = Bridge(project)
    clients = []
    try:
        print(f"before: {Usage(bridge)}")
        clients = crowd(bridge.port, PROCESSES)
        rows = [settled(bridge, CLIENTS)]
        print(f"{CLIENTS} clients: {rows[0]}")
        for round_number in range(ROUNDS):
            project.append(7)
            doomed, clients = clients[: PROCESSES // 2], clients[PROCESSES // 2 :]
            for process in doomed:
                process.send_signal(signal.SIGKILL)
            for process in doomed:
                process.wait()
            half = settled(bridge, CLIENTS // 2)
            clients += crowd(bridge.port, PROCESSES // 2)
            rows.append(settled(bridge, CLIENTS))
            print(f"round {round_number + 1}: half of them left: {half}; all again: {rows[-1]}")
        for process in clients:
            process.send_signal(signal.SIGKILL)
            process.wait()
        clients = []
        end = settled(bridge, 0)
        print(f"after: {end}")
        first, last = rows[0], rows[-1]
        # The connection that asks may still be open at one of the two.
        check(last.descriptors <= first.descriptors + 1, "as many descriptors as with the first 500")
        check(last.threads == first.threads, "as many threads")
        # The allocator keeps what it was given once, so the first rounds still fill its pools; a leak would go on.
        middle = rows[len(rows) // 2]
        check(last.memory <= middle.memory * 1.05 + 512, "memory has stopped growing")
        check(end.descriptors <= first.descriptors - CLIENTS, "every descriptor came back")
        print(f"ok: after {ROUNDS} x {CLIENTS // 2} killed clients as at the start")
    finally:
        for process in clients:
            process.kill()
            process.wait()
        bridge.end()
        project.remove()


if __name__ == "__main__":
    start = time.time()
    main()
    print(f"{time.time() - start:.0f} s")
