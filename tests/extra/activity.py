"""What agents do, measured: append to client, a folder that appears later, 500 old sessions, a line of 12 MB, a transcript of 2 GiB, idle, what is opened, a second user.

Alone: activity.py delay late old large idle traced users. `users` needs root. All of it takes four minutes: `delay` two (STEPS calls, 1.1 s
each), `old` and `idle` half a minute each.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from lab import BRIDGE, Failed, check, eventually, free_port, get

SESSION = "4cf8931b-0c1d-4e2f-8a3b-5c6d7e8f9a0b"
PLAN = '{"project": "shop", "userStories": [{"id": "US-1", "title": "Cart", "passes": false}]}'


class Place:
    """A project, and a home with agents' folders beside it."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="extra-agent-")).resolve()
        self.project, self.agents = self.root / "shop", self.root / "agents"
        (self.project / ".git").mkdir(parents=True)
        (self.project / "prd.json").write_text(PLAN)
        self.sessions = self.agents / "projects" / re.sub("[^A-Za-z0-9]", "-", str(self.project))
        self.sessions.mkdir(parents=True)
        self.processes = []

    def record(self, kind, message, session=SESSION):
        return json.dumps({"type": kind, "sessionId": session, "cwd": str(self.project), "entrypoint": "sdk-cli", "version": "2.1.150",
                           "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "message": message}, separators=(",", ":")) + "\n"

    def start(self, *arguments, before=(), roots=True):
        port = free_port()
        command = [*before, str(BRIDGE), str(self.project), "--listen", f"127.0.0.1:{port}", *arguments]
        if roots:
            command += ["--agent-root", str(self.agents)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        eventually("it answers", lambda: answers(port))
        return process, port

    def remove(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        shutil.rmtree(self.root, ignore_errors=True)


def answers(port):
    try:
        return get(f"http://127.0.0.1:{port}/healthz")
    except OSError:
        return None


def agents(port):
    return json.loads(get(f"http://127.0.0.1:{port}/api/state"))["tasks"][0].get("agents", [])


def end(process):
    process.terminate()
    process.wait(10)


def cpu_and_memory(pid):
    """Seconds of processor time, resident and highest MiB."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kib = lambda name: int(re.search(rf"{name}:\s+(\d+)", status).group(1)) / 1024
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), kib("VmRSS"), kib("VmHWM")


def delay(place, steps=int(os.environ.get("STEPS", "100"))):
    process, port = place.start()
    seen = {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/stream/progress?types=activity")
    stream = connection.getresponse()

    def read():
        for line in stream:
            if line.startswith(b"data:") and b'"target":' in line:
                seen.setdefault(json.loads(line[5:])["target"], time.time_ns())

    threading.Thread(target=read, daemon=True).start()
    stamps, result = [], {"role": "user", "content": "Next."}
    with (place.sessions / f"{SESSION}.jsonl").open("w") as file:
        for number in range(steps):
            target = f"src/part_{number}.rs"
            call = {"type": "tool_use", "id": f"c{number}", "name": "Read", "input": {"file_path": str(place.project / target)}}
            text = place.record("user", result) + place.record("assistant", {"id": f"m{number}", "content": [call]})
            stamps.append((target, time.time_ns()))
            file.write(text)
            file.flush()
            result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"c{number}", "content": "read"}]}
            time.sleep(1.1)
    delays = sorted((seen[target] - at) / 1e6 for target, at in stamps if target in seen)
    end(process)
    check(len(delays) == len(stamps), f"{len(stamps) - len(delays)} of {len(stamps)} calls did not come")
    at = lambda share: delays[min(len(delays) - 1, int(len(delays) * share))]
    print(f"append to activity: n={len(delays)} p50={at(0.5):.1f} ms p99={at(0.99):.1f} ms max={delays[-1]:.1f} ms")
    check(at(0.99) <= 250, "p99 is over 250 ms")
    return {"p99": at(0.99)}


def late(place):
    """The agents' folder appears while the bridge runs."""
    times = []
    for missing in ("projects", ".") * 6:
        shutil.rmtree(place.agents / missing)
        process, port = place.start()
        eventually("a state", lambda: json.loads(get(f"http://127.0.0.1:{port}/api/state"))["tasks"])
        time.sleep(0.5)
        begun = time.time()
        place.sessions.mkdir(parents=True)
        (place.sessions / f"{SESSION}.jsonl").write_text(place.record("user", {"role": "user", "content": "Next."}))
        eventually("the session", lambda: agents(port), 20)
        times.append((time.time() - begun) * 1000)
        end(process)
    print(f"a folder that appears later: {' '.join(f'{time:.0f}' for time in times)} ms to its first session")
    check(max(times) < 2000, "they take 2 s or more")


def old(place):
    """The processor time of a start with and without 500 sessions of last week."""
    times = {}
    for count in (0, 500):
        for number in range(count):
            path = place.sessions / f"{number:08x}-0000-4000-8000-000000000000.jsonl"
            path.write_text(place.record("user", {"role": "user", "content": "x" * 2000}, path.stem) * 20)
            os.utime(path, (time.time() - 7 * 86400,) * 2)
        costs = []
        for _ in range(9):
            process, port = place.start()
            eventually("a state", lambda: json.loads(get(f"http://127.0.0.1:{port}/api/state"))["tasks"])
            costs.append(cpu_and_memory(process.pid)[0])
            check(agents(port) == [], "old sessions are shown")
            end(process)
        times[count] = sorted(costs)[len(costs) // 2] * 1000
    print(f"500 old sessions: start {times[500]:.0f} ms of processor time, {times[0]:.0f} ms without")
    check(times[500] - times[0] < 20, "they cost 20 ms or more")


def large(place):
    path = place.sessions / f"{SESSION}.jsonl"
    with path.open("w") as file:
        file.write(place.record("user", {"role": "user", "content": "Next."}))
        file.seek(2 << 30)
        file.write("\n" + place.record("user", {"role": "user", "content": "Next."}))
    process, port = place.start()
    eventually("the session", lambda: agents(port))
    _, _, before = cpu_and_memory(process.pid)
    with path.open("a") as file:
        call = {"id": "m", "content": [{"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "make"}}]}
        file.write(place.record("assistant", call))
        file.flush()
        eventually("the call", lambda: any(agent.get("verb") == "building" for agent in agents(port)))
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x" * (12 << 20)}]}
        file.write(place.record("user", result))
    eventually("its result of 12 MB", lambda: any(agent["phase"] == "thinking" for agent in agents(port)))
    _, _, after = cpu_and_memory(process.pid)
    end(process)
    print(f"2 GiB: {before:.1f} MiB at most; after a line of 12 MB: {after:.1f} MiB")
    check(after - before < 8, "memory is not bounded")


def idle(place):
    path = place.sessions / f"{SESSION}.jsonl"
    path.write_text(place.record("user", {"role": "user", "content": "Next."}))
    # What moved in the last minute is looked at more often.
    for file in (path, place.project / "prd.json"):
        os.utime(file, (time.time() - 120,) * 2)
    process, port = place.start()
    eventually("the session", lambda: agents(port))
    time.sleep(3)
    before = cpu_and_memory(process.pid)[0]
    time.sleep(30)
    used = (cpu_and_memory(process.pid)[0] - before) * 1000
    end(process)
    print(f"idle: {used:.0f} ms of processor time in 30 s")
    check(used <= 10, "it is not idle")


def traced(place):
    if not shutil.which("strace"):
        print("NOT RUN: strace")
        return
    home = place.root / "home"
    folder = home / ".claude/projects" / place.sessions.name
    folder.mkdir(parents=True)
    (home / ".claude/.credentials.json").write_text("{}")
    (home / ".claude/history.jsonl").write_text("{}\n")
    (folder / f"{SESSION}.jsonl").write_text(place.record("user", {"role": "user", "content": "Next."}))
    other = home / ".claude/projects/-elsewhere"
    other.mkdir()
    (other / f"{SESSION}.jsonl").write_text(place.record("user", {"role": "user", "content": "Next."}))
    log = place.root / "trace"
    process, port = place.start(before=("strace", "-f", "-e", "trace=open,openat", "-o", str(log)), roots=False)
    eventually("the session", lambda: agents(port))
    time.sleep(3)
    for child in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    process.wait(10)
    opened = {path for path in re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)"[^\n]*\) = \d', log.read_text()) if path.startswith("/")}
    system = ("/proc", "/sys", "/dev", "/etc", "/lib", "/usr", "/run")
    inside = (str(place.project), str(folder), str(home / ".claude/projects"))
    outside = sorted(path for path in opened if not path.startswith(system) and not path.startswith(inside))
    wrong = [path for path in opened if "credentials" in path or "history.jsonl" in path or path.startswith(str(other) + "/")]
    print(f"opened outside of the project and its sessions: {outside or 'nothing'}")
    check(not wrong and not outside, f"{outside} {wrong}")


def users(place):
    """Another user of the machine gets `status`, this one what was asked for."""
    if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("curl"):
        print("NOT RUN: users needs root, setpriv and curl")
        return
    call = {"id": "m", "content": [{"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "make basket"}}]}
    (place.sessions / f"{SESSION}.jsonl").write_text(place.record("assistant", call))
    process, port = place.start()
    eventually("the session", lambda: any(agent.get("target") == "make basket" for agent in agents(port)))
    stranger = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    for route in ("/api/state", "/stream/state", "/stream/progress?types=activity"):
        answers = [subprocess.run([*before, "curl", "-sN", "--max-time", "2", f"http://127.0.0.1:{port}{route}"], capture_output=True, text=True).stdout
                   for before in ([], stranger)]
        check('"target":"make basket"' in answers[0], f"{route}: this user does not get the target: {answers[0][:300]}")
        check('"phase":"tool"' in answers[1] and "basket" not in answers[1], f"{route}: another user gets {answers[1][:300]}")
    end(process)
    print("another user gets the status only, on all three routes")


def main():
    parts = [delay, late, old, large, idle, traced, users]
    wanted = sys.argv[1:] or [part.__name__ for part in parts]
    wrong = False
    for part in parts:
        if part.__name__ in wanted:
            place, begun = Place(), time.time()
            try:
                part(place)
            except (Failed, OSError, subprocess.SubprocessError) as why:
                wrong = True
                print(f"FAILED {part.__name__}: {why}")
            finally:
                place.remove()
            print(f"({part.__name__}: {time.time() - begun:.0f} s)", flush=True)
    print(f"load {os.getloadavg()}")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
