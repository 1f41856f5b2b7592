"""Clients that never read a state of several MiB, each begun at another version: what one of them costs. states.py [CLIENTS]"""
import json
import pathlib
import socket
import sys
import time

from lab import Bridge, Project, check, eventually, get, metric
from stuck import kernel_memory, own_memory

CLIENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
STORIES = 6_000
# What all large states together may take (src/hub/large_payloads.rs), and what a megabyte of state costs while it is made.
SHARED_MIB = 32
ROUTES = ("/stream/state", "/api/state")


def plan(passed):
    stories = [{"id": f"US-{number}", "title": f"{number} " + "x" * 490, "passes": number < passed} for number in range(STORIES)]
    return json.dumps({"branchName": "big", "userStories": stories})


def stuck_client(port, route):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {route} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def version(port):
    return json.loads(get(f"http://127.0.0.1:{port}/api/state"))["tasks"][0]["stories_passed"]


def peak_memory(bridge):
    status = pathlib.Path(f"/proc/{bridge.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) / 1024


def run(with_clients):
    project = Project()
    path = project.folder / "prd.json"
    path.write_text(plan(0))
    bridge = Bridge(project, args=["--watch", "prd.json", "--buffer", "0"])
    clients = []
    try:
        size = len(get(f"http://127.0.0.1:{bridge.port}/api/state")) / 1024**2
        kernel = kernel_memory()
        for number in range(1, CLIENTS + 1):
            (project.folder / "new").write_text(plan(number))
            (project.folder / "new").rename(path)
            eventually(f"the state has {number} passed", lambda: version(bridge.port) == number, 20)
            if with_clients:
                clients.append(stuck_client(bridge.port, ROUTES[number % len(ROUTES)]))
                time.sleep(0.05)
        return size, own_memory(bridge), peak_memory(bridge), kernel_memory() - kernel
    finally:
        for client in clients:
            client.close()
        bridge.end()
        project.remove()


def main():
    size, alone, alone_peak, _ = run(with_clients=False)
    _, beside, beside_peak, kernel = run(with_clients=True)
    print(f"a state of {size:.1f} MiB, {CLIENTS} versions: the bridge has {alone:.0f} MiB (peak {alone_peak:.0f}) alone, {beside:.0f} (peak {beside_peak:.0f}) beside {CLIENTS} that never read")
    each = (beside - alone - SHARED_MIB) / CLIENTS + kernel / CLIENTS
    print(f"beside the {SHARED_MIB} MiB that all share, each costs {each:.2f} MiB, of it {kernel / CLIENTS:.2f} in the kernel")
    check(each <= 1, "at most 1 MiB each")
    print("ok")


if __name__ == "__main__":
    main()
