"""What the measurements share: the load tools, the peers, and what a process has used. The tools come from outside (README.md): LAB names their folder."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from statistics import median

from lab import BRIDGE, eventually, free_port

LAB = pathlib.Path(os.environ.get("LAB") or "/nonexistent")
NCHAN = pathlib.Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
TICK = os.sysconf("SC_CLK_TCK")


def need(*tools):
    """Ends the script when something is missing, and says so."""
    missing = [tool for tool in tools if not (LAB / tool).exists()]
    if missing:
        print(f"NOT RUN: needs LAB, the folder of the load tools, with {', '.join(missing)}")
        sys.exit(0)


def tree(pid):
    children = [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(grandchild for child in children for grandchild in tree(child))]


class Used:
    """Processor seconds and proportional memory of a process and its children."""

    def __init__(self, pid):
        self.seconds = self.memory = 0
        for each in tree(pid):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            self.seconds += (int(fields[11]) + int(fields[12])) / TICK
            rollup = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            self.memory += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


class Machine:
    """How much of the machine others took meanwhile: judge only what was measured side by side."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        return [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]

    def __str__(self):
        spent = [after - before for before, after in zip(self.before, self.read())]
        total = sum(spent) or 1
        load = pathlib.Path("/proc/loadavg").read_text().split()[0]
        return f"load {load}, idle {spent[3] * 100 // total} %, stolen {spent[7] * 100 // total} %"


class Peer:
    """A server under measurement: what to connect to, and how to make it send."""

    def __init__(self, argv, port, path, **settings):
        self.url = f"http://127.0.0.1:{port}{path}"
        self.folder = None
        self.process = subprocess.Popen([str(arg) for arg in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings)
        eventually("it listens", lambda: listens(port), 15)

    def end(self):
        self.process.terminate()
        self.process.wait(15)


def listens(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def bridge(file, clients=100):
    port = free_port()
    argv = [BRIDGE, "--watch", file, "--no-discover", "--no-source-text", "--max-rate", "0", "--max-clients", clients + 100, "--listen", f"127.0.0.1:{port}"]
    return Peer(argv, port, "/stream/progress")


def websocketd(file):
    port = free_port()
    return Peer(["websocketd", f"--port={port}", "--address=127.0.0.1", "tail", "-n0", "-F", file], port, "/")


def raw_probe(file):
    port = free_port()
    return Peer([LAB / "limit-probe", "--file", file, "--port", port], port, "/")


def nchan():
    port = free_port()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="extra-nchan-"))
    (folder / "nginx.conf").write_text(f"""
load_module {NCHAN};
worker_processes 2; worker_rlimit_nofile 19900; daemon off; pid {folder}/pid; error_log {folder}/error.log; user root;
events {{ worker_connections 19000; multi_accept on; }}
http {{ access_log off; tcp_nodelay on; keepalive_timeout 3600; nchan_shared_memory_size 1024M;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location = /publish {{ nchan_publisher; nchan_channel_id progress; nchan_message_buffer_length 1000; nchan_message_timeout 5m; }}
    location = /stream {{ nchan_subscriber eventsource; nchan_channel_id progress; nchan_subscriber_first_message newest; nchan_eventsource_ping_interval 15; }} }} }}
""")
    peer = Peer(["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"], port, "/stream")
    peer.publish = f"http://127.0.0.1:{port}/publish"
    return peer


LINE = '{"type":"story_started","story_id":"N-{seq}","title":"seq={seq} t={t} {pad}"}'


def write_lines(file, rate, count, template=LINE):
    argv = [LAB / "line-writer", "--file", file, "--rate", str(rate), "--count", str(count), "--template", template]
    return subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, timeout=300, check=True)


class Load:
    """Clients that measure from the stamp in what they read."""

    def __init__(self, peer, clients, count, *more):
        self.ready = pathlib.Path(tempfile.mkdtemp(prefix="extra-load-")) / "ready"
        argv = [LAB / "sse-load", "--url", peer.url, "-n", clients, "--expect", count, "--duration", 120, "--idle", 5, "--connect-timeout", 60, "--ready-file", self.ready, "--json", *more]
        self.process = subprocess.Popen([str(arg) for arg in argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        eventually("the clients are there", lambda: self.ready.exists() or self.process.poll() is not None, 90)
        time.sleep(1)

    def result(self):
        text, _ = self.process.communicate(timeout=200)
        return json.loads(text)
