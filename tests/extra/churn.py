"""A log that is written anew all the time while 50 clients come and go: memory, descriptors and threads stay level. churn.py [MINUTES]"""
import os
import random
import selectors
import socket
import sys
import threading
import time

from lab import Bridge, Project, check, eventually
from leaks import Usage, settled

MINUTES = float(sys.argv[1]) if len(sys.argv) > 1 else 10
CLIENTS = 50
TARGETS = (b"/stream/progress", b"/stream/progress", b"/stream/state", b"/api/events?limit=10000", b"/api/state?wait=5")


class Rewriter(threading.Thread):
    """Writes the whole log again and again, by a new file or in place, a story longer each time; after 40 the log is emptied for the next run."""

    def __init__(self, project):
        super().__init__(daemon=True)
        self.project, self.over, self.rewrites = project, False, 0

    def run(self):
        while not self.over:
            self.rewrites += 1
            stories = self.rewrites % 41
            text = "".join(f'{{"type":"story_started","story_id":"S-{number}","title":"story {number} {"x" * 200}"}}\n' for number in range(stories))
            if self.rewrites % 3:
                new = self.project.folder / "new"
                new.write_text(text)
                os.replace(new, self.project.file)
            else:
                self.project.file.write_text(text)
            time.sleep(0.02)


class Visitors(threading.Thread):
    """Each connects, reads for a moment, some of them slowly, and leaves without a word."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over, self.visits, self.random = port, False, 0, random.Random(7)
        self.readers = selectors.DefaultSelector()

    def arrive(self):
        reader = socket.create_connection(("127.0.0.1", self.port))
        reader.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % self.random.choice(TARGETS))
        self.visits += 1
        self.readers.register(reader, selectors.EVENT_READ, (time.time() + self.random.uniform(0.2, 5), self.random.choice((100, 1 << 16))))

    def run(self):
        while not self.over:
            while len(self.readers.get_map()) < CLIENTS:
                self.arrive()
            now = time.time()
            for key, _ in self.readers.select(0.05):
                if not key.fileobj.recv(key.data[1]):
                    self.leave(key.fileobj)
            for key in list(self.readers.get_map().values()):
                if key.data[0] < now:
                    self.leave(key.fileobj)
            time.sleep(0.01)
        for key in list(self.readers.get_map().values()):
            self.leave(key.fileobj)

    def leave(self, reader):
        self.readers.unregister(reader)
        reader.close()


def main():
    project = Project()
    # More than the log of events holds, so that it does not grow any more.
    project.append(10_050)
    bridge = Bridge(project)
    rewriter, visitors = Rewriter(project), Visitors(bridge.port)
    try:
        before = settled(bridge, 0)
        print(f"before: {before}")
        rewriter.start()
        visitors.start()
        end, rows = time.time() + MINUTES * 60, []
        while time.time() < end:
            time.sleep(MINUTES * 60 / 20)
            rows.append(Usage(bridge))
            print(f"{len(rows):3}/20: {rows[-1]}; {rewriter.rewrites} rewrites, {visitors.visits} visits", flush=True)
            check(rewriter.is_alive() and visitors.is_alive(), "writer and clients go on")
        rewriter.over = visitors.over = True
        rewriter.join()
        visitors.join()
        after = settled(bridge, 0)
        print(f"after: {after}; load {os.getloadavg()}")
        early, late = rows[len(rows) // 2 : 3 * len(rows) // 4], rows[3 * len(rows) // 4 :]
        check(max(row.memory for row in late) <= max(row.memory for row in early) * 1.05 + 1024, "memory has stopped growing")
        check(len({row.threads for row in rows}) == 1, "as many threads all the time")
        check(max(row.descriptors for row in rows) <= before.descriptors + CLIENTS + 12, "descriptors are those of the clients")
        # A replaced file is held for some seconds, because its writer may go on.
        eventually("every descriptor comes back", lambda: Usage(bridge).descriptors <= before.descriptors + 2, 20)
        print(f"ok: level after {rewriter.rewrites} rewrites and {visitors.visits} visits")
    finally:
        rewriter.over = visitors.over = True
        bridge.end()
        project.remove()


if __name__ == "__main__":
    main()
