"""What the runs share: the bridge, a line that can be cut, nginx, and clients that say what they see. Everything on 127.0.0.1, everything ended by its own pid."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BRIDGE = pathlib.Path(os.environ.get("BRIDGE") or ROOT / "target/release/progress-bridge")
CACHE = pathlib.Path(os.environ.get("EXTRA_CACHE") or pathlib.Path(tempfile.gettempdir()) / "progress-bridge-extra")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """A check did not hold."""


def check(holds, what):
    if not holds:
        raise Failed(what)


def eventually(what, condition, within=10.0):
    end = time.time() + within
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise Failed(f"not within {within:g} s: {what() if callable(what) else what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, headers=None):
    with OPENER.open(urllib.request.Request(url, headers=headers or {}), timeout=10) as answer:
        return answer.read().decode()


def metric(port, name):
    """A sample without labels, or with the labels as part of the name."""
    line = next(line for line in get(f"http://127.0.0.1:{port}/metrics").splitlines() if line.startswith(f"progress_bridge_{name} "))
    return float(line.rsplit(" ", 1)[1])


def supports(flag):
    return flag in subprocess.run([BRIDGE, "--help"], capture_output=True, text=True, check=True).stdout


class Project:
    """A folder with a file of native events; story N-7 is line 7."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="extra-"))
        self.file = self.folder / "events.jsonl"
        self.lines = 0
        self.file.touch()

    def append(self, count):
        """In one write; returns the numbers."""
        numbers = range(self.lines + 1, self.lines + count + 1)
        text = "".join(json.dumps({"type": "story_started", "story_id": f"N-{number}", "title": f"story {number} 认证"}) + "\n" for number in numbers)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(text)
        self.lines += count
        return list(numbers)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Bridge:
    def __init__(self, project, port=None, args=(), max_clients=None, token=None):
        self.project, self.port, self.args, self.token = project, port or free_port(), list(args), token
        if max_clients:
            self.args += ["--max-clients", str(max_clients)]
        self.start()

    def start(self):
        argv = [BRIDGE, "--watch", "events.jsonl", "--no-discover", "--listen", f"127.0.0.1:{self.port}", *self.args]
        self.process = subprocess.Popen([str(arg) for arg in argv], cwd=self.project.folder, stderr=subprocess.DEVNULL, env=os.environ | ({"PROGRESS_BRIDGE_TOKEN": self.token} if self.token else {}))
        eventually("the bridge listens", self.answers)
        if not self.token:
            eventually("the bridge has read the file", lambda: self.events() >= self.project.lines or self.restored())

    def answers(self):
        try:
            return "ok" in get(f"http://127.0.0.1:{self.port}/healthz")
        except OSError:
            return False

    def events(self):
        names = ("task_started", "story_started")
        return sum(metric(self.port, f'events_total{{type="{name}"}}') for name in names)

    def restored(self):
        return "--state" in self.args and json.loads(get(f"http://127.0.0.1:{self.port}/api/state"))["seq"] >= self.project.lines

    def end(self, how=signal.SIGTERM):
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(10)


class Cut:
    """A line to the bridge that can be cut and mended, on a port that stays the same."""

    def __init__(self, target):
        self.target, self.port = target, free_port()
        self.pairs, self.listener = [], None
        self.mend()

    def mend(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        pairs, self.pairs = self.pairs, []
        for end in (end for pair in pairs for end in pair):
            # A reset, as when the network goes away.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            self.pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    @staticmethod
    def pump(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (one, other):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Nginx:
    """In front of the bridge with nothing set but where to pass requests to."""

    CONF = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{ access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{target}; }} }} }}
"""

    def __init__(self, target):
        self.port, self.folder = free_port(), tempfile.mkdtemp(prefix="extra-nginx-")
        conf = pathlib.Path(self.folder) / "nginx.conf"
        conf.write_text(self.CONF.format(folder=self.folder, port=self.port, target=target))
        self.process = subprocess.Popen(["nginx", "-c", conf, "-e", f"{self.folder}/error.log"], stderr=subprocess.DEVNULL)
        eventually("nginx listens", self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    """A program that says as JSON lines what it sees."""

    def __init__(self, argv, env=None):
        self.seen, self.taken = [], 0
        self.process = subprocess.Popen([str(arg) for arg in argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env=env)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.seen.append(json.loads(line))

    def next(self, what, is_it, within=15.0):
        """What comes up to and with the first line that is it."""

        def look():
            for index in range(self.taken, len(self.seen)):
                if is_it(self.seen[index]):
                    lines, self.taken = self.seen[self.taken : index + 1], index + 1
                    return lines
            check(self.process.poll() is None, f"{what}: the client itself has ended with {self.process.returncode}")
            return None

        return eventually(lambda: f"{what}; since the last step: {[short(line) for line in self.seen[self.taken :]][:12]}", look, within)

    def story(self, number, within=15.0):
        """The lines up to the event about this story."""
        return self.next(f"story {number}", lambda line: line["k"] == "event" and story(line) == number, within)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)


def story(line):
    """Its number, or None."""
    identity = json.loads(line["data"]).get("data", {}).get("story_id", "") if line["k"] == "event" else ""
    return int(identity[2:]) if identity.startswith("N-") else None


def stories(lines):
    return [number for line in lines if (number := story(line)) is not None]


def names(lines):
    return [line["type"] for line in lines if line["k"] == "event"]


def short(line):
    return (line.get("type") or line["k"], story(line) or line.get("why") or line.get("says") or "")
