"""Files in numbers, sizes and places that a test suite has no room for: memory, descriptors, and what the bridge does to the project.
files.py [many tasks replaced big places traced]"""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from lab import BRIDGE, Failed, check, eventually

MIB = 1 << 20


class Watching:
    """A bridge that writes its events into a file."""

    def __init__(self, folder, *arguments, wrap=(), environment=None):
        self.out = folder.parent / f"{folder.name}.events"
        self.err = folder.parent / f"{folder.name}.stderr"
        command = [*wrap, str(BRIDGE), "--json", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=self.out.open("wb"), stderr=self.err.open("wb"), stdin=subprocess.DEVNULL, env=environment
        )

    def stories(self):
        return [event["data"].get("story_id") for event in map(json.loads, self.lines()) if event["type"] == "story_started"]

    def lines(self):
        *whole, _torn = self.out.read_bytes().split(b"\n")
        return whole

    def count(self):
        return self.out.read_bytes().count(b'"type":"story_started"')

    def usage(self):
        proc = pathlib.Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return len(os.listdir(proc / "fd")), int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024

    def end(self):
        # Under strace it is the child that is to end.
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]) if children else self.process.pid, signal.SIGTERM)
        self.process.wait(30)


def folder():
    return pathlib.Path(tempfile.mkdtemp(prefix="files-")).resolve() / "project"


def made():
    project = folder()
    project.mkdir()
    return project


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def many():
    """500 files by one pattern, all written to in turn, 10 that come later."""
    project = made()
    for number in range(500):
        append(project / f"agent-{number:03}.log", f"[A-{number}] Starting...\n")
    bridge = Watching(project, "--no-discover", "*.log")
    eventually("500 files are read", lambda: bridge.count() == 500, 30)
    before = bridge.usage()
    for round in range(4):
        for number in range(500):
            append(project / f"agent-{number:03}.log", f"[B-{round}-{number}] Starting...\n")
    for number in range(10):
        append(project / f"late-{number}.log", f"[L-{number}] Starting...\n")
    eventually("2,510 stories are told", lambda: bridge.count() == 2510, 30)
    after = bridge.usage()
    check(len(set(bridge.stories())) == 2510, "each once")
    print(f"many: 510 files, 2,510 events; before {before[0]} descriptors {before[1]:.1f} MiB, after {after[0]} descriptors {after[1]:.1f} MiB")
    bridge.end()


def tasks():
    """50 tasks in folders, found by the folder above them."""
    project = made()
    for number in range(50):
        task = project / f"task-{number:02}"
        task.mkdir()
        stories = [{"id": f"US-{story}", "title": f"Story {story}", "passes": False} for story in range(1, 6)]
        (task / "prd.json").write_text(json.dumps({"project": f"Task {number}", "userStories": stories}))
        append(task / "progress.txt", f"# Progress Log\nStarted: {number}\n\n[US-1] Starting...\n")
    bridge = Watching(project, "--no-infer")
    eventually("50 tasks are read", lambda: bridge.count() == 50, 30)
    for number in range(50):
        append(project / f"task-{number:02}" / "progress.txt", "[US-1] Completed\n[US-2] Starting...\n")
    eventually("all go on", lambda: bridge.count() == 100, 30)
    named = {event["task_id"] for event in map(json.loads, bridge.lines())}
    check(len(named) == 50, f"50 tasks are told apart, not {len(named)}")
    print(f"tasks: 50 tasks; {bridge.usage()[0]} descriptors, {bridge.usage()[1]:.1f} MiB")
    bridge.end()


def replaced():
    """10,000 atomic replacements of one file, each with a line more or another line."""
    project = made()
    log = project / "progress.txt"
    append(log, "# Progress Log\nStarted: now\n\n[US-0] Starting...\n")
    bridge = Watching(project, "--no-discover", "progress.txt")
    eventually("it is read", lambda: bridge.count() == 1, 10)
    usages = []
    lines = ["[US-0] Starting...\n"]
    for number in range(1, 10_001):
        if number % 50 == 0 and number < 10_000:
            lines.append(f"[US-{number // 50}] Starting...\n")
        new = project / "new"
        new.write_text("# Progress Log\nStarted: now\n\n" + "".join(reversed(lines)))
        new.rename(log)
        if number % 2500 == 0:
            usages.append(bridge.usage())
    eventually("200 stories are told", lambda: bridge.count() == 200, 20)
    time.sleep(3)
    usages.append(bridge.usage())
    check(len(set(bridge.stories())) == 200, "each once")
    print("replaced: descriptors and MiB after 2,500, 5,000, 7,500, 10,000 and at rest: " + ", ".join(f"{fds} {rss:.1f}" for fds, rss, _ in usages))
    check(usages[-1][0] <= usages[0][0], "no descriptor is left over")
    bridge.end()


def big():
    """1 GiB of log: 1,000 stories among lines that say nothing."""
    project = made()
    noise = "".join(f"{at:08} compiling the parser of a product that has errors and failures in it, and is done with none\n" for at in range(10_000))
    with (project / "agent.log").open("w") as file:
        for story in range(1000):
            file.write(f"[US-{story}] Starting...\n")
            file.write(noise)
            file.write(f"[US-{story}] Completed\n")
    size = (project / "agent.log").stat().st_size
    started = time.time()
    bridge = Watching(project, "--no-discover", "agent.log")
    eventually("1,000 stories are told", lambda: bridge.count() == 1000, 300)
    took = time.time() - started
    append(project / "agent.log", "[US-1000] Starting...\n")
    eventually("it is followed", lambda: bridge.count() == 1001, 30)
    fds, rss, peak = bridge.usage()
    print(f"big: {size / (1 << 30):.2f} GiB in {took:.1f} s, {rss:.1f} MiB resident, {peak:.1f} MiB at most")
    check(peak < 128, "memory does not grow with bytes")
    bridge.end()
    shutil.rmtree(project.parent)


def follow(project, what, wrap=(), says=None):
    """Appends, replaces and rotates in one place."""
    append(project / "progress.txt", "[US-1] Starting...\n")
    append(project / "agent.log", "[M-1] Starting...\n")
    bridge = Watching(project, "--no-discover", "progress.txt", "agent.log", wrap=wrap)
    eventually(lambda: f"what is there is read: {bridge.err.read_text()}", lambda: bridge.count() == 2, 15)
    append(project / "progress.txt", "[US-2] Starting...\n")
    eventually("an append", lambda: bridge.count() == 3, 15)
    (project / "new").write_text("[US-3] Starting...\n" + (project / "progress.txt").read_text())
    (project / "new").rename(project / "progress.txt")
    eventually("a replacement", lambda: bridge.count() == 4, 15)
    (project / "agent.log").rename(project / "agent.log.1")
    append(project / "agent.log", "[M-2] Starting...\n")
    eventually("a rotation", lambda: bridge.count() == 5, 15)
    said = bridge.err.read_text()
    check(says is None or says in said, f"it says {says!r}: {said}")
    bridge.end()
    how = next((line for line in said.splitlines() if "cannot be watched" in line), "watched")
    print(f"places: {what}: {how}")


def places():
    """tmpfs, overlay, and no inotify watches left."""
    follow(made(), "the temporary folder")
    if pathlib.Path("/dev/shm").is_dir():
        shm = pathlib.Path(tempfile.mkdtemp(prefix="files-", dir="/dev/shm")) / "project"
        shm.mkdir()
        follow(shm, "tmpfs")
        shutil.rmtree(shm.parent)
    if os.geteuid() != 0:
        print("NOT RUN: overlay and exhausted watches need the superuser")
        return
    base = pathlib.Path(tempfile.mkdtemp(prefix="files-", dir="/dev/shm"))
    for name in ("lower", "upper", "work", "project"):
        (base / name).mkdir()
    append(base / "lower" / "progress.txt", "")
    options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, base / "project"], capture_output=True).returncode == 0:
        try:
            follow(base / "project", "overlay")
        finally:
            subprocess.run(["umount", base / "project"], check=True)
    else:
        print("NOT RUN: overlay cannot be mounted here")
    shutil.rmtree(base)
    for name, value in (("max_user_watches", 0), ("max_user_instances", 0)):
        limit = pathlib.Path(f"/proc/sys/fs/inotify/{name}")
        before = limit.read_text()
        try:
            limit.write_text(str(value))
        except OSError as error:
            print(f"NOT RUN: {name} cannot be set: {error}")
            continue
        try:
            follow(made(), f"{name} = {value}", says="cannot be watched")
        finally:
            limit.write_text(before)


def traced():
    """What a session does to the files of the project, by strace: reading, and nothing else."""
    if not shutil.which("strace"):
        print("NOT RUN: strace is missing")
        return
    project, state = made(), folder()
    trace = project.parent / "trace"
    append(project / "progress.txt", "[US-1] Starting...\n")
    (project / "prd.json").write_text('{"userStories":[{"id":"US-1","title":"One","passes":false}]}')
    calls = "openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,flock,fcntl,truncate,ftruncate,chmod,fchmod,fchmodat,utimensat,link,linkat,symlink,symlinkat,setxattr"
    wrap = ["strace", "-f", "-y", "-o", str(trace), "-e", f"trace={calls}"]
    bridge = Watching(project, "--listen", "127.0.0.1:0", "--state", str(state), wrap=wrap)
    eventually("it is read", lambda: bridge.count() == 1, 20)
    append(project / "progress.txt", "[US-1] Completed\n")
    (project / "new").write_text('{"userStories":[{"id":"US-1","title":"One","passes":true}]}')
    (project / "new").rename(project / "prd.json")
    eventually("the end", lambda: b"task_completed" in bridge.out.read_bytes(), 20)
    bridge.end()
    def is_inside(line):
        # The path that was given, else the file behind the descriptor.
        target = re.search(r'"([^"]*)"', line) or re.search(r"\(\d+<([^>]*)>", line)
        return target and (project / target.group(1)).is_relative_to(project)

    inside = [line for line in trace.read_text().splitlines() if is_inside(line)]
    harmless = re.compile(r"O_RDONLY|F_GETFD|F_SETFD|F_GETFL|F_DUPFD_CLOEXEC| = -1 ENOENT")
    harmful = [line for line in inside if not harmless.search(line)]
    check(not harmful, "\n".join(harmful))
    check(any("O_RDONLY" in line for line in inside), "it opened something")
    print(f"traced: {len(inside)} calls on the project, all of them to read")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    wanted = sys.argv[1:] or ["many", "tasks", "replaced", "big", "places", "traced"]
    wrong = 0
    for name in wanted:
        try:
            globals()[name]()
        except Failed as failure:
            print(f"FAILED {name}: {failure}")
            wrong = 1
    sys.exit(wrong)


main()
