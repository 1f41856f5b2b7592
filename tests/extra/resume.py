"""kill -9 of a bridge with --state while 200 clients follow: each comes back with its cursor and has every event once. resume.py [KILLS]"""
import json
import os
import random
import signal
import socket
import selectors
import sys
import tempfile
import threading
import time

from lab import Bridge, Project, check, eventually

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
CLIENTS = 200


class Follower:
    """One client: its cursor, and the next event that it must get."""

    def __init__(self):
        self.cursor, self.next_seq, self.reader, self.data, self.trouble = "", 1, None, bytearray(), None

    def connect(self, port):
        self.data = bytearray()
        self.reader = socket.create_connection(("127.0.0.1", port), 5)
        header = f"Last-Event-ID: {self.cursor}\r\n" if self.cursor else ""
        self.reader.sendall(f"GET /stream/progress HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())

    def take(self, data):
        self.data += data
        while (stop := self.data.find(b"\n\n")) >= 0:
            frame, self.data = bytes(self.data[:stop]), self.data[stop + 2 :]
            # The chunks of the body begin with their sizes, on lines of their own.
            fields = dict(line.split(": ", 1) for line in frame.decode().splitlines() if ": " in line and not line.startswith(":"))
            if "data" not in fields:
                continue
            self.cursor = fields["id"]
            if fields["event"] == "gap":
                self.trouble = self.trouble or f"a gap after {self.next_seq - 1}: {fields['data']}"
            elif fields["event"] not in ("hello", "bye", "busy"):
                seq = json.loads(fields["data"])["seq"]
                if seq != self.next_seq:
                    self.trouble = self.trouble or f"{seq} instead of {self.next_seq}"
                self.next_seq = seq + 1


class Crowd(threading.Thread):
    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over, self.returns = port, False, 0
        self.followers = [Follower() for _ in range(CLIENTS)]
        self.readers = selectors.DefaultSelector()

    def run(self):
        away = list(self.followers)
        while not self.over:
            still_away = []
            for follower in away:
                try:
                    follower.connect(self.port)
                    self.readers.register(follower.reader, selectors.EVENT_READ, follower)
                    self.returns += 1
                except OSError:
                    still_away.append(follower)
            away = still_away
            for key, _ in self.readers.select(0.05):
                try:
                    data = key.fileobj.recv(1 << 16)
                except OSError:
                    data = b""
                if data:
                    key.data.take(data)
                else:
                    self.readers.unregister(key.fileobj)
                    key.fileobj.close()
                    away.append(key.data)


def main():
    project, chance = Project(), random.Random(11)
    state = tempfile.mkdtemp(prefix="extra-state-")
    bridge = Bridge(project, args=["--state", state, "--max-rate", "0"])
    crowd = Crowd(bridge.port)
    crowd.start()
    try:
        eventually("all have come", lambda: all(follower.cursor for follower in crowd.followers), 20)
        for kill in range(KILLS):
            end = time.time() + chance.uniform(0.5, 2)
            while time.time() < end:
                project.append(chance.randrange(1, 8))
                time.sleep(0.02)
            bridge.end(signal.SIGKILL)
            project.append(3)
            bridge.start()
        project.append(5)
        # One event more than stories: the start of the task.
        last = project.lines + 1
        behind = lambda: sum(follower.next_seq <= last for follower in crowd.followers)
        eventually(lambda: f"everybody has all {last}: {behind()} have not", lambda: behind() == 0 or any(follower.trouble for follower in crowd.followers), 60)
        troubled = [follower.trouble for follower in crowd.followers if follower.trouble]
        check(not troubled, f"{len(troubled)} of {CLIENTS}: {troubled[:3]}")
        print(f"ok: {KILLS} kills, {CLIENTS} clients, {crowd.returns - CLIENTS} returns, {last} events each: nothing lost, nothing twice; load {os.getloadavg()}")
    finally:
        crowd.over = True
        bridge.end()
        project.remove()


if __name__ == "__main__":
    main()
