"""A fleet on real NATS servers: nothing lost, nothing twice, in order, whatever happens to the server, the bridges and the hubs. fleet.py [SCENARIO…]"""
import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from lab import BRIDGE, CACHE, OPENER, Failed, Project, check, eventually, free_port, get

try:
    import nats
except ImportError:
    python = CACHE / "python/bin/python"
    if not python.exists() or os.environ.get("FLEET_PYTHON"):
        print("NOT RUN: no nats-py; see setup")
        sys.exit(0)
    os.execve(python, [str(python), *sys.argv], os.environ | {"FLEET_PYTHON": "1"})
from nats.js.api import ConsumerConfig, DeliverPolicy

SERVERS = [found for found in (shutil.which("nats-server"), CACHE / "python/bin/nats-server") if found and pathlib.Path(found).exists()]


class Server:
    """A NATS server with its own store; the port stays the same."""

    def __init__(self, binary, config=""):
        self.binary, self.port = binary, free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fleet-"))
        self.store = self.folder / "store"
        self.config = self.folder / "server.conf"
        self.config.write_text(f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.store}" }}\n{config}')
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([str(self.binary), "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("a"))
        eventually(lambda: "the server listens: " + (self.folder / "log").read_text()[-500:], self.listens)
        return self

    def listens(self):
        import socket
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Process:
    """A bridge or a hub, with what it prints."""

    started = []

    def __init__(self, *arguments, folder=None, env=None):
        Process.started.append(self)
        self.log = tempfile.NamedTemporaryFile("w+", prefix="fleet-", suffix=".log")
        self.process = subprocess.Popen([str(BRIDGE), *map(str, arguments)], cwd=folder, stdout=subprocess.DEVNULL, stderr=self.log, env=os.environ | (env or {}))

    def printed(self):
        return pathlib.Path(self.log.name).read_text()

    def end(self, how=signal.SIGTERM, within=20):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(within)


def bridge(project, url, who="alice", state=None, options=(), env=None):
    state = state or project.folder / ".state"
    return Process("--watch", "events.jsonl", "--no-discover", "--listen", "127.0.0.1:0", "--publish", url, "--as", who, "--state", state, *options, folder=project.folder, env=env)


class Hub:
    def __init__(self, url, port=None, options=(), env=None):
        self.port = port or free_port()
        self.process = Process("fleet", "--nats", url, "--listen", f"127.0.0.1:{self.port}", "--max-rate", "0", *options, env=env)

    def state(self):
        try:
            return json.loads(get(f"http://127.0.0.1:{self.port}/api/state"))
        except OSError:
            return {"tasks": []}

    def wait(self):
        eventually(lambda: "the hub serves: " + self.process.printed(), lambda: "schema" in self.state(), 20)
        return self


class Client(threading.Thread):
    """Follows the events of a hub, reconnects with its cursor, and keeps what it gets."""

    def __init__(self, *ports):
        super().__init__(daemon=True)
        self.ports, self.cursor, self.events, self.gaps, self.over, self.turn = list(ports), None, [], 0, False, 0
        self.start()

    def run(self):
        while not self.over:
            try:
                self.follow()
            except OSError:
                pass
            time.sleep(0.2)

    def follow(self):
        port = self.ports[self.turn % len(self.ports)]
        headers = {"Last-Event-ID": self.cursor} if self.cursor else {}
        with OPENER.open(urllib.request.Request(f"http://127.0.0.1:{port}/stream/progress", headers=headers), timeout=20) as answer:
            kind = None
            for line in answer:
                line = line.decode().rstrip("\n")
                if line.startswith("id: "):
                    self.cursor = line[4:]
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    if kind == "gap":
                        self.gaps += 1
                    elif kind in ("story_started", "task_started"):
                        event = json.loads(line[6:])
                        self.events.append((event["origin"], event["id"], event["data"].get("story_id")))
                    if self.over or kind == "bye":
                        return

    def stories(self, origin=None):
        return [story for whose, _, story in dict.fromkeys(self.events) if story and (origin is None or whose.startswith(origin))]


async def read_stream(url, subject="pb.ev.>", **options):
    connection = await nats.connect(url, **options)
    try:
        stream = connection.jetstream()
        info = await stream.stream_info("PB_EVENTS")
        if not info.state.messages:
            return []
        found = []
        subscription = await stream.subscribe(subject, ordered_consumer=True, config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL))
        while True:
            try:
                message = await subscription.next_msg(timeout=2)
            except nats.errors.TimeoutError:
                break
            body = json.loads(message.data)
            found.append((message.subject, message.headers["ce-id"], body["data"].get("story_id")))
            if message.metadata.num_pending == 0:
                break
        return found
    finally:
        await connection.close()


def stream(server, **options):
    try:
        return asyncio.run(read_stream(server.url, **options))
    except Exception as error:
        return [("", "", str(error))]


def stories_of(messages):
    return [story for _, _, story in messages if story]


def complete(server, project, within=40, who="alice", **options):
    """The stream has every story of the bridge's project once and in order."""
    expected = [f"N-{number}" for number in range(1, project.lines + 1)]
    last = []

    def holds():
        last[:] = stories_of(stream(server, subject=f"pb.ev.{who}.*", **options))
        return last == expected
    eventually(lambda: f"{len(expected)} stories in the stream, not {len(last)} ({len(set(last))} different): {last[:5]} … {last[-5:]}", holds, within)
    return len(expected)


def writing(project, seconds, rate=50):
    """Appends from another thread."""
    def write():
        for _ in range(int(seconds * rate)):
            project.append(1)
            time.sleep(1 / rate)
    thread = threading.Thread(target=write)
    thread.start()
    return thread


def kills(server):
    """T2: kill -9 of the server, five times under load."""
    project, hub = Project(), Hub(server.url).wait()
    publisher = bridge(project, server.url)
    writer = writing(project, 10)
    for _ in range(5):
        time.sleep(1.5)
        server.kill()
        time.sleep(0.3)
        server.start()
    writer.join()
    count = complete(server, project)
    client = Client(hub.port)
    eventually(lambda: f"the hub has them, not {len(client.stories())}: {hub.process.printed()}", lambda: len(client.stories()) >= min(count, 100), 20)
    return [publisher, hub.process], f"{count} of {count} stories, in order, after 5 kills"


def freeze(server):
    """T3: SIGSTOP of the server for ten seconds."""
    project, hub = Project(), Hub(server.url).wait()
    publisher = bridge(project, server.url)
    writer = writing(project, 13)
    time.sleep(1)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(10)
    server.process.send_signal(signal.SIGCONT)
    writer.join()
    return [publisher, hub.process], f"{complete(server, project)} stories after a freeze of 10 s"


def setback(server):
    """T4: the store is set back to an older copy, as after a power loss."""
    projects, hub = {"alice": Project(), "bob": Project()}, Hub(server.url).wait()
    publishers = [bridge(project, server.url, who=who) for who, project in projects.items()]
    client = Client(hub.port)

    def written(counts):
        for who, count in counts.items():
            projects[who].append(count)
            complete(server, projects[who], who=who)

    def reached():
        return all(client.stories(f"{who}/") == [f"N-{number}" for number in range(1, project.lines + 1)] for who, project in projects.items())
    written({"alice": 50, "bob": 50})
    server.kill(signal.SIGTERM)
    shutil.copytree(server.store, server.folder / "copy")
    server.start()
    written({"alice": 60, "bob": 60})
    eventually(lambda: f"the client has 220, not {len(client.stories())}", reached, 20)
    server.kill()
    shutil.rmtree(server.store)
    (server.folder / "copy").rename(server.store)
    # One of the two is away, so that the numbers go to other events than before.
    publishers[0].end(signal.SIGKILL)
    projects["bob"].append(70)
    server.start()
    complete(server, projects["bob"], who="bob")
    publishers[0] = bridge(projects["alice"], server.url, who="alice")
    written({"alice": 5})
    eventually(lambda: f"the client has all, not {len(client.stories())}; {client.gaps} gaps: {hub.process.printed()}", reached, 40)
    client.over = True
    check(client.gaps > 0, "the client is told of a gap")
    count = sum(project.lines for project in projects.values())
    return [*publishers, hub.process], f"{count} stories of two bridges in the stream and at the client, {client.gaps} gap(s), after a set-back by 120"


def wiped(server):
    """T5: the streams are deleted; the hub makes them anew and the bridge sends everything again."""
    project, hub = Project(), Hub(server.url).wait()
    publisher = bridge(project, server.url)
    project.append(100)
    complete(server, project)

    async def delete():
        connection = await nats.connect(server.url)
        await connection.jetstream().delete_stream("PB_EVENTS")
        await connection.jetstream().delete_stream("KV_PB_STATE")
        await connection.close()
    asyncio.run(delete())
    time.sleep(1)
    project.append(10)
    return [publisher, hub.process], f"{complete(server, project)} stories after delete and create"


def restarts(server):
    """T7: kill -9 of the bridge, with its state and without."""
    project, hub = Project(), Hub(server.url).wait()
    publisher = bridge(project, server.url)
    writer = writing(project, 8)
    for turn in range(6):
        time.sleep(1)
        publisher.end(signal.SIGKILL)
        # Twice without what the earlier process kept: the same files give the same ids in the same order.
        publisher = bridge(project, server.url, state=project.folder / f".state{turn}" if turn in (2, 4) else None)
    writer.join()
    return [publisher, hub.process], f"{complete(server, project)} stories after 6 kills of the bridge"


def twins(server):
    """T8: two bridges under one name on the same files."""
    project, hub = Project(), Hub(server.url).wait()
    both = [bridge(project, server.url, state=project.folder / f".state-{n}") for n in range(2)]
    writing(project, 8, rate=100).join()
    count = complete(server, project)
    check(not any("another bridge" in one.printed() for one in both), "neither is fenced")
    return [*both, hub.process], f"{count} stories once, from two bridges"


def fenced(server):
    """T9: two bridges under one name on other files."""
    hub = Hub(server.url).wait()
    first, second = Project(), Project()
    second.lines = 1000
    shutil.rmtree(second.folder)
    # The same path, hence the same name of the task; other files.
    parked = first.folder.with_name(first.folder.name + "-parked")
    first.append(10)
    one = bridge(first, server.url, state=first.folder.with_name(first.folder.name + "-state1"))
    complete(server, first)
    # The second bridge gets the folder's path by a mount of its own.
    argv = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{first.folder}" && cd "{first.folder}" && for n in 1 2 3; do printf \'{{"type":"story_started","story_id":"M-%s","title":"other"}}\\n\' $n; done >events.jsonl && exec "{BRIDGE}" --watch events.jsonl --no-discover --listen 127.0.0.1:0 --publish {server.url} --as alice --state "{parked}"']
    log = tempfile.NamedTemporaryFile("w+", suffix=".log")
    other = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=log)
    try:
        time.sleep(2)
        if other.poll() is not None:
            return [one, hub.process], "NOT RUN: no mount of its own is allowed here: " + pathlib.Path(log.name).read_text().strip()[-80:]
        eventually(lambda: f"the second takes over: {stories_of(stream(server))[-5:]} {pathlib.Path(log.name).read_text()}", lambda: stories_of(stream(server))[-3:] == ["M-1", "M-2", "M-3"], 20)
        first.append(5)
        eventually(lambda: f"the first is fenced: {one.printed()}", lambda: "another bridge publishes as alice/" in one.printed(), 20)
        size = len(stream(server))
        first.append(20)
        time.sleep(8)
        check(len(stream(server)) == size, "the stream does not grow")
        check(one.printed().count("another bridge publishes") == 1, "one notice")
    finally:
        other.terminate()
        other.wait(20)
        shutil.rmtree(parked, ignore_errors=True)
    return [one, hub.process], f"one notice, {size} messages and no more"


RIGHTS = """
authorization {
  users: [
    { user: alice, password: a, permissions: {
        publish: ["pb.ev.alice.>", "$KV.PB_STATE.alice.>", "$JS.API.DIRECT.GET.PB_EVENTS.pb.ev.alice.>"], subscribe: ["_INBOX_alice.>"] } }
    { user: hub, password: h, permissions: {
        publish: ["$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.PB_EVENTS", "$JS.API.STREAM.CREATE.KV_PB_STATE", "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.DELETE.*.>", "$JS.FC.>",
          "$JS.API.CONSUMER.CREATE.PB_EVENTS", "$JS.API.CONSUMER.CREATE.PB_EVENTS.>", "$JS.API.CONSUMER.CREATE.KV_PB_STATE", "$JS.API.CONSUMER.CREATE.KV_PB_STATE.>"],
        subscribe: ["_INBOX_hub.>"] } }
    { user: root, password: r }
  ]
}
"""


def rights(server):
    """T10: a bridge may write its own subjects only; the notice says which one it may not."""
    login = lambda user, password: {"PROGRESS_BRIDGE_NATS_USER": user, "PROGRESS_BRIDGE_NATS_PASSWORD": password}
    hub = Hub(server.url, env=login("hub", "h")).wait()
    project, other = Project(), Project()
    own = bridge(project, server.url, env=login("alice", "a"))
    project.append(20)
    count = complete(server, project, user="root", password="r")
    eventually(lambda: f"the hub shows the task: {hub.state()} {hub.process.printed()}", lambda: any(task["task_id"].startswith("alice/") for task in hub.state()["tasks"]), 20)
    client = Client(hub.port)
    eventually("the hub has the events", lambda: len(client.stories("alice/")) == count, 20)
    foreign = bridge(other, server.url, who="bob", env=login("alice", "a"))
    other.append(5)
    eventually(lambda: f"the notice: {foreign.printed()}", lambda: "this login may not use" in foreign.printed() and "as bob" in foreign.printed(), 30)
    wrong = bridge(other, server.url, who="carol", state=other.folder / ".state2", env=login("alice", "wrong"))
    eventually(lambda: f"the notice: {wrong.printed()}", lambda: "authorization violation" in wrong.printed().lower(), 20)
    check(not any(subject.startswith(("pb.ev.bob", "pb.ev.carol")) for subject, _, _ in stream(server, user="root", password="r")), "nothing of bob's")
    return [own, foreign, wrong, hub.process], f"alice {count} of {count}, bob and a wrong password nothing, with notices"


def takeover(server):
    """T11: a client goes from one hub to another with its cursor, again and again."""
    project = Project()
    hubs = [Hub(server.url).wait() for _ in range(2)]
    publisher = bridge(project, server.url)
    client = Client(*(hub.port for hub in hubs))
    writer = writing(project, 15)
    turns = 0
    while writer.is_alive():
        time.sleep(1)
        victim = client.turn % 2
        client.turn += 1
        hubs[victim].process.end(signal.SIGKILL)
        hubs[victim] = Hub(server.url, port=hubs[victim].port)
        hubs[1 - victim].wait()
        turns += 1
    writer.join()
    count = complete(server, project)
    expected = [f"N-{number}" for number in range(1, count + 1)]
    eventually(lambda: f"{count} at the client, not {len(client.stories())}", lambda: client.stories() == expected, 20)
    twice = len(client.events) - len(set(client.events))
    client.over = True
    # Also at a hub that has just begun, or is behind the other one by a moment.
    check(twice == 0 and client.gaps == 0, f"{twice} events twice, {client.gaps} gap(s)")
    return [publisher, *(hub.process for hub in hubs)], f"{count} stories once, {turns} hubs killed under the client, no gap, no event twice"


def slowhub(server):
    """T12: SIGSTOP of a hub for fifteen seconds."""
    project, hub = Project(), Hub(server.url).wait()
    publisher = bridge(project, server.url)
    client = Client(hub.port)
    writer = writing(project, 18)
    time.sleep(1)
    hub.process.process.send_signal(signal.SIGSTOP)
    time.sleep(15)
    hub.process.process.send_signal(signal.SIGCONT)
    writer.join()
    count = complete(server, project)
    eventually(lambda: f"{count} at the client, not {len(client.stories())}", lambda: client.stories() == [f"N-{number}" for number in range(1, count + 1)], 30)
    client.over = True
    return [publisher, hub.process], f"{count} stories once at the client, {client.gaps} gap(s)"


def offline(server):
    """T14: the bridge and the hub start before the server, which has no streams yet."""
    server.remove()
    fresh = Server(server.binary)
    project = Project()
    project.append(30)
    publisher, hub = bridge(project, fresh.url), Hub(fresh.url)
    eventually(lambda: f"a notice: {publisher.printed()}", lambda: "nats:" in publisher.printed(), 15)
    time.sleep(3)
    fresh.start()
    hub.wait()
    count = complete(fresh, project)
    publisher.end()
    hub.process.end()
    fresh.remove()
    return [], f"{count} stories, the server came last"


def late(server):
    """T13: a hub that comes late has the cards of 10,000 tasks, 200 in its list."""
    hub = Hub(server.url).wait()
    hub.process.end()

    async def fill():
        connection = await nats.connect(server.url)
        js = connection.jetstream()
        for n in range(10_000):
            card = {"schema": 1, "task_id": "t", "title": f"task {n}", "run": "r", "status": "running" if n % 2 else "passed", "passed": n % 7, "failed": 0, "total": 9, "sent_at": "2026-01-01T00:00:00.000Z", "live": True}
            await connection.publish(f"$KV.PB_STATE.who{n % 50}.t{n}.card", json.dumps(card).encode())
            if n % 500 == 0:
                await connection.flush()
        await connection.flush()
        while (await js.stream_info("KV_PB_STATE")).state.messages < 10_000:
            await asyncio.sleep(0.1)
        await connection.close()
    asyncio.run(fill())
    started = time.time()
    hub = Hub(server.url, port=hub.port)

    def shown():
        state = hub.state()
        others = state.get("unlisted", {})
        return len(state["tasks"]) == 200 and sum(others.values()) == 9_800
    eventually(lambda: f"all cards: {len(hub.state()['tasks'])} {hub.state().get('unlisted')} {hub.process.printed()}", shown, 30)
    took = time.time() - started
    memory = next(line for line in pathlib.Path(f"/proc/{hub.process.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    size = len(get(f"http://127.0.0.1:{hub.port}/api/state"))
    return [hub.process], f"10,000 cards {took:.2f} s after the start of the hub, {memory.split()[1]} kB, a state of {size} bytes"


def credentials(server):
    """T16: a signing key with a template of rights, and .creds files made with it: each bridge may write what is its own."""
    import base64
    import nkeys
    server.remove()
    if "v2.9." in subprocess.run([str(server.binary), "--version"], capture_output=True, text=True).stdout:
        return [], "NOT RUN: 2.9 fills templates in where they are a whole token only"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fleet-"))

    def key(kind):
        seed = nkeys.encode_seed(os.urandom(32), kind)
        return seed.decode(), nkeys.from_seed(seed)

    def signed(issuer, subject, name, claims):
        part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")
        plain = {"jti": os.urandom(8).hex(), "iat": int(time.time()), "iss": issuer.public_key.decode(), "sub": subject.public_key.decode(), "name": name, "nats": claims | {"version": 2}}
        text = part(b'{"typ":"JWT","alg":"ed25519-nkey"}') + b"." + part(json.dumps(plain).encode())
        return (text + b"." + part(issuer.sign(text))).decode()
    (_, operator), (_, system), (_, account), (_, scope) = key(nkeys.PREFIX_BYTE_OPERATOR), *(key(nkeys.PREFIX_BYTE_ACCOUNT) for _ in range(3))
    limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
    template = {"pub": {"allow": ["pb.ev.{{name()}}.>", "$KV.PB_STATE.{{name()}}.>", "$JS.API.DIRECT.GET.PB_EVENTS.pb.ev.{{name()}}.>"]}, "sub": {"allow": ["_INBOX_{{name()}}.>"]}, "subs": -1, "data": -1, "payload": -1}
    fleet = {"type": "account", "limits": limits | {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1},
             "signing_keys": [{"kind": "user_scope", "key": scope.public_key.decode(), "role": "bridge", "template": template}]}
    accounts = {system: signed(operator, system, "SYS", {"type": "account", "limits": limits}), account: signed(operator, account, "FLEET", fleet)}

    def login(name, issuer, rights):
        seed, user = key(nkeys.PREFIX_BYTE_USER)
        file = folder / f"{name}.creds"
        token = signed(issuer, user, name, {"type": "user", "issuer_account": account.public_key.decode()} | rights)
        file.write_text(f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n")
        return ["--nats-creds", file]
    preload = "".join(f"{each.public_key.decode()}: {token}\n" for each, token in accounts.items())
    fresh = Server(server.binary, f'operator: {signed(operator, operator, "O", {"type": "operator"})}\nsystem_account: {system.public_key.decode()}\nresolver: MEMORY\nresolver_preload {{ {preload} }}\n').start()
    hub = Hub(fresh.url, options=login("hub", account, {"subs": -1, "data": -1, "payload": -1})).wait()
    project, other = Project(), Project()
    alice = login("alice", scope, {})
    publisher = bridge(project, fresh.url, options=alice)
    project.append(20)
    client = Client(hub.port)
    eventually(lambda: f"20 at the client, not {len(client.stories())}: {publisher.printed()} {hub.process.printed()}", lambda: len(client.stories("alice/")) == 20, 30)
    foreign = bridge(other, fresh.url, who="bob", options=alice)
    other.append(5)
    eventually(lambda: f"the notice: {foreign.printed()}", lambda: "this login may not use" in foreign.printed(), 30)
    check(not client.stories("bob/"), "nothing of bob's")
    client.over = True
    for one in (publisher, foreign, hub.process):
        one.end()
    fresh.remove()
    shutil.rmtree(folder, ignore_errors=True)
    return [], "20 stories with a .creds file of one signing key; as bob none, with a notice"


def secured(server):
    """T16: TLS with a certificate of our own, and an nkey."""
    server.remove()
    if not shutil.which("openssl"):
        return [], "NOT RUN: no openssl"
    import nkeys
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(seed).public_key.decode()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fleet-"))
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"], check=True, capture_output=True)
    (folder / "seed").write_text(seed.decode() + "\n")
    fresh = Server(server.binary, f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\nauthorization {{ users: [{{ nkey: {public} }}] }}\n').start()
    url = fresh.url.replace("nats://", "tls://")
    options = ["--nats-nkey", folder / "seed", "--nats-ca", certificate]
    project, hub = Project(), Hub(url, options=options).wait()
    publisher = bridge(project, url, options=options)
    project.append(20)
    client = Client(hub.port)
    eventually(lambda: f"20 at the client, not {len(client.stories())}: {publisher.printed()} {hub.process.printed()}", lambda: len(client.stories()) == 20, 20)
    untrusting = bridge(project, url, who="bob", state=folder / "state", options=["--nats-nkey", folder / "seed"])
    eventually(lambda: f"a notice: {untrusting.printed()}", lambda: "nats:" in untrusting.printed(), 20)
    client.over = True
    for one in (publisher, untrusting, hub.process):
        one.end()
    fresh.remove()
    return [], "20 stories over TLS with an nkey; without the certificate none, with a notice"


def full(server):
    """T6: a stream at its limit, a server at its limit, and a disk that is really full, then free again."""
    server.remove()
    counts = []
    # A stream of 2 MB, made by somebody else: the oldest go, nobody is refused.
    capped = Server(server.binary).start()

    async def make():
        connection = await nats.connect(capped.url)
        await connection.jetstream().add_stream(name="PB_EVENTS", subjects=["pb.ev.*.*"], max_bytes=2_000_000, discard="old", allow_direct=True)
        await connection.close()
    asyncio.run(make())
    project, hub = Project(), Hub(capped.url).wait()
    publisher = bridge(project, capped.url)
    client = Client(hub.port)
    project.append(6_000)
    newest = lambda: stories_of(stream(capped))
    eventually(lambda: f"the newest is there: {newest()[-1:]} {publisher.printed()}", lambda: newest()[-1:] == ["N-6000"], 60)
    kept = newest()
    check(100 < len(kept) < 6_000 and kept == [f"N-{number}" for number in range(6_001 - len(kept), 6_001)], f"the oldest are gone, the others in order: {len(kept)}")
    eventually(lambda: f"the client has the last: {client.stories()[-1:]}", lambda: client.stories()[-1:] == ["N-6000"], 20)
    client.over = True
    counts.append(f"{len(kept)} newest of 6000 in 2 MB")
    for one in (publisher, hub.process):
        one.end()
    capped.remove()
    # A server that may use 40 MB: the streams reserve less.
    small = Server(server.binary)
    small.config.write_text(small.config.read_text().replace("store_dir:", "max_file: 40MB, store_dir:"))
    small.start()
    project, hub = Project(), Hub(small.url).wait()
    publisher = bridge(project, small.url)
    project.append(500)
    counts.append(f"{complete(small, project)} with 40 MB for the server")
    for one in (publisher, hub.process):
        one.end()
    small.remove()
    # A disk of 24 MB: full, then free and the server started again.
    disk = Server(server.binary)
    disk.store.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", disk.store], capture_output=True).returncode:
        disk.remove()
        return [], ", ".join(counts) + "; NOT RUN: no mount is allowed here"
    try:
        disk.start()
        project, hub = Project(), Hub(disk.url).wait()
        publisher = bridge(project, disk.url)
        project.append(200)
        complete(disk, project)
        ballast = disk.store / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(bytes(65_536))
                    file.flush()
            except OSError:
                pass
        project.append(700)
        eventually(lambda: f"a notice: {publisher.printed()}", lambda: "nats:" in publisher.printed(), 40)
        stalled = len(stories_of(stream(disk)))
        ballast.unlink()
        disk.kill(signal.SIGTERM)
        disk.start()
        counts.append(f"{complete(disk, project, within=90)} after a full disk ({stalled} before), room and a restart")
        for one in (publisher, hub.process):
            one.end()
    finally:
        disk.kill()
        subprocess.run(["umount", disk.store], capture_output=True)
        disk.remove()
    return [], ", ".join(counts)


class SlowLink:
    """Passes bytes on with a delay each way; a hundredth of the pieces comes 200 ms later, as after a loss."""

    def __init__(self, port, delay=0.025):
        import random
        import socket
        self.chance = random.Random(1)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.target, self.delay = self.listener.getsockname()[1], port, delay
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        import socket
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    def carry(self, source, sink):
        import queue
        pieces = queue.Queue()

        def deliver():
            while (piece := pieces.get())[1]:
                time.sleep(max(0, piece[0] - time.monotonic()))
                try:
                    sink.sendall(piece[1])
                except OSError:
                    return
            sink.close()
        threading.Thread(target=deliver, daemon=True).start()
        data = b"x"
        while data:
            try:
                data = source.recv(65_536)
            except OSError:
                data = b""
            pieces.put((time.monotonic() + self.delay + (0.2 if self.chance.random() < 0.01 else 0), data))


def wan(server):
    """T15: 50 ms there and back, one piece in a hundred late."""
    project, hub = Project(), Hub(server.url).wait()
    link = SlowLink(server.port)
    publisher = bridge(project, f"nats://127.0.0.1:{link.port}")
    writing(project, 20, rate=10).join()
    started = time.time()
    count = complete(server, project)
    behind = time.time() - started
    project.append(200)
    started = time.time()
    count = complete(server, project)
    burst = 200 / (time.time() - started)
    link.listener.close()
    return [publisher, hub.process], f"{count} stories; 10 a second were {behind:.1f} s behind at the end, a burst went at {burst:.0f} a second"


def many(server):
    """Section 1.6: as many connections as this machine lets us have, each with an event a second or two, and one hub."""
    import resource
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(10_000, hard - 500)
    server.kill()
    server.start()
    hub, project = Hub(server.url).wait(), Project()
    # What a real bridge sends is what they send.
    publisher = bridge(project, server.url, who="sample")
    project.append(1)
    complete(server, project, who="sample")
    publisher.end()

    async def sample():
        connection = await nats.connect(server.url)
        message = await connection.jetstream().get_last_msg("PB_EVENTS", "pb.ev.sample.*")
        await connection.close()
        return json.loads(message.data), dict(message.headers)
    body, headers = asyncio.run(sample())
    load = subprocess.Popen([sys.executable, __file__, "load", str(server.port), str(connections), os.environ.get("FLEET_SECONDS", "30"), os.environ.get("FLEET_INTERVAL", "1")],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    load.stdin.write(json.dumps([body, {name: value for name, value in headers.items() if name.startswith(("ce-", "Pb-"))}]) + "\n")
    load.stdin.flush()
    check(load.stdout.readline() == "connected\n", "all are connected")
    ticks = lambda process: sum(map(int, pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    rss = lambda process: int(next(line for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1]) // 1024
    processes = (server.process, hub.process.process)
    latencies, last, wrong, got = [], {}, [], 0
    before, began = [ticks(each) for each in processes], time.time()
    load.stdin.write("go\n")
    load.stdin.flush()
    with OPENER.open(urllib.request.Request(f"http://127.0.0.1:{hub.port}/stream/progress"), timeout=60) as answer:
        expected_of, kind = [], None
        threading.Thread(target=lambda: expected_of.append(int(load.stdout.readline())), daemon=True).start()
        for line in answer:
            if line.startswith(b"event: "):
                kind = line[7:-1]
                check(kind != b"gap", "no gap")
            elif line.startswith(b"data: ") and kind == b"story_started":
                event = json.loads(line[6:])
                if event["origin"].startswith("sample"):
                    continue
                number, sent = event["data"]["title"].split()
                if int(number) != last.get(event["origin"], 0) + 1:
                    wrong.append((event["origin"], last.get(event["origin"]), number))
                last[event["origin"]] = int(number)
                latencies.append(time.time() - float(sent))
                got += 1
            if expected_of and got >= expected_of[0]:
                break
    took = time.time() - began
    used = [(ticks(each) - start) / took for each, start in zip(processes, before)]
    load.wait(30)
    check(not wrong and len(last) == connections, f"each once and in order: {wrong[:5]}, {len(last)} of {connections}")
    latencies.sort()
    p = lambda share: 1000 * latencies[int(share * (len(latencies) - 1))]
    return [hub.process], (f"{connections} connections, {got} events in {took:.0f} s, all once and in order; p50 {p(.5):.1f} ms, p99 {p(.99):.0f} ms; "
                           f"server {used[0]:.2f} core {rss(processes[0])} MB, hub {used[1]:.2f} core {rss(processes[1])} MB")


def load(port, connections, seconds, interval):
    """The connections of `many`: each sends, waits for the acknowledgement, and sends again when it is time."""
    import uuid
    body, headers = json.loads(sys.stdin.readline())
    count = [0]

    class Publisher(asyncio.Protocol):
        def __init__(self, number):
            self.number, self.sent, self.sequence, self.waiting, self.buffer = number, 0, 0, False, b""

        def connection_made(self, transport):
            self.transport = transport
            transport.write(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.%d.* 1\r\nPING\r\n' % self.number)

        def data_received(self, data):
            self.buffer += data
            while b"\r\n" in self.buffer:
                line, rest = self.buffer.split(b"\r\n", 1)
                if line.startswith(b"MSG "):
                    size = int(line.split()[-1])
                    if len(rest) < size + 2:
                        return
                    ack, rest = json.loads(rest[:size]), rest[size + 2:]
                    assert "error" not in ack, ack
                    self.sequence, self.waiting = ack["seq"], False
                    count[0] += 1
                elif line == b"PING":
                    self.transport.write(b"PONG\r\n")
                elif line == b"PONG" and not ready.done():
                    connected[0] += 1
                    if connected[0] == connections:
                        ready.set_result(None)
                self.buffer = rest

        def publish(self):
            self.sent += 1
            self.waiting = True
            identity = str(uuid.uuid4())
            event = body | {"id": identity, "seq": self.sent, "data": body["data"] | {"title": f"{self.sent} {time.time()}"}}
            own = headers | {"ce-id": identity, "Pb-Seq": str(self.sent), "Nats-Expected-Last-Subject-Sequence": str(self.sequence), "Nats-Expected-Stream": "PB_EVENTS"}
            head = ("NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in own.items()) + "\r\n").encode()
            payload = json.dumps(event).encode()
            self.transport.write(b"HPUB pb.ev.m%d.task _INBOX.%d.a %d %d\r\n" % (self.number, self.number, len(head), len(head) + len(payload)) + head + payload + b"\r\n")

    async def run():
        nonlocal ready
        ready = asyncio.get_running_loop().create_future()
        publishers = []
        for start in range(0, connections, 200):
            made = [asyncio.get_running_loop().create_connection(lambda number=number: Publisher(number), "127.0.0.1", port) for number in range(start, min(start + 200, connections))]
            publishers += [publisher for _, publisher in await asyncio.gather(*made)]
        await ready
        print("connected", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        began, sent = time.monotonic(), 0
        # Evenly over the interval; whoever still waits for an answer is passed over.
        while time.monotonic() - began < seconds:
            due = int((time.monotonic() - began) * connections / interval)
            for turn in range(sent, due):
                publisher = publishers[turn % connections]
                if not publisher.waiting:
                    publisher.publish()
            sent = due
            await asyncio.sleep(0.002)
        for _ in range(200):
            if not any(publisher.waiting for publisher in publishers):
                break
            await asyncio.sleep(0.1)
        print(count[0], flush=True)
        await asyncio.sleep(15)
    ready, connected = None, [0]
    asyncio.run(run())


def typed(server):
    """The five commands of docs/fleet.md, as they stand there but for the ports and the store's folder."""
    server.remove()
    text = (pathlib.Path(__file__).parents[2] / "docs/fleet.md").read_text().split("## In five commands")[1]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    check(len(lines) == 5, f"five lines: {lines}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fleet-"))
    ports = {"4222": free_port(), "7333": free_port()}
    lines[0] = lines[0].replace("nats-server", f"{server.binary} --port 4222")
    lines[1] = lines[1].replace("fleet", "fleet --listen 127.0.0.1:7333")
    lines[4] = lines[4].replace("curl", "curl --max-time 60")
    script = "\nsleep 1\n".join(lines).replace("/tmp/nats", str(folder / "store"))
    for usual, free in ports.items():
        script = script.replace(usual, str(free))
    (folder / "bin").mkdir()
    (folder / "bin/progress-bridge").symlink_to(pathlib.Path(BRIDGE).resolve())
    home = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    shell = subprocess.Popen(["bash", "-c", script], cwd=folder, env=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        kind, event = None, None
        for line in shell.stdout:
            kind = line[7:-1].decode() if line.startswith(b"event: ") else kind
            if kind == "story_started" and line.startswith(b"data: "):
                event = json.loads(line[6:])
                break
        check(event and event["origin"].count("/") == 1 and event["data"]["story_id"] == "US-001", f"its origin: {event}")
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    return [], f"the five commands end with an event of {event['origin']}"


SCENARIOS = [typed, kills, freeze, setback, wiped, full, restarts, twins, fenced, rights, takeover, slowhub, offline, late, wan, secured, credentials, many]


def main():
    wanted = [scenario for scenario in SCENARIOS if scenario.__name__ in sys.argv[1:] or not sys.argv[1:]]
    wrong = not SERVERS
    for binary in SERVERS:
        version = subprocess.run([str(binary), "--version"], capture_output=True, text=True).stdout.split()[-1]
        for scenario in wanted:
            server = Server(binary, RIGHTS if scenario is rights else "").start()
            started = time.time()
            processes = []
            try:
                processes, words = scenario(server)
                for one in processes:
                    check(one.end() in (0, 143), "a clean end")
                print(f"ok    {version} {scenario.__name__}: {words} ({time.time() - started:.0f} s, load {os.getloadavg()[0]:.1f})", flush=True)
            except Failed as failed:
                wrong = True
                print(f"WRONG {version} {scenario.__name__}: {failed}", flush=True)
            finally:
                for one in Process.started:
                    one.end(signal.SIGKILL)
                Process.started.clear()
                server.remove()
    sys.exit(1 if wrong else 0)


if sys.argv[1:2] == ["load"]:
    load(*map(int, sys.argv[2:4]), *map(float, sys.argv[4:6]))
else:
    main()
