"""The pictures of the page in docs, made anew of a run in real files, the bridge on it, and Chromium: pictures.py [FOLDER].

Look at them before they go in. The box in the README is text: `tmux capture-pane -p` at 80 columns beside `progress-bridge demo`, that of the guide at 100 beside examples/stub_agent.rs."""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from lab import BRIDGE, ROOT, Failed, check, eventually, free_port, get
from page import Chromium

WIDTH, HEIGHT = 1440, 1120
SESSION = "4cf8931b-0c1d-4e2f-8a3b-5c6d7e8f9a0b"
PHASES = [
    ("Catalogue", ["Show the product list", "Product page with photos", "Search by name and tag", "Reserve stock while a basket is open"]),
    ("Basket and checkout", ["Put a product into the basket", "Change quantities in the basket", "Pay by card", "Delivery address and shipping cost", "Voucher codes"]),
    ("After the order", ["Order confirmation by mail", "Order history in the account", "Return a product within 30 days"]),
]
CRITERIA = ["Card data never reaches our server", "A declined card keeps the basket", "3-D Secure returns to the same step", "Paying twice is impossible", "The receipt number is shown and can be copied"]
#: Story, minute of the start, minutes it took, how it ended.
ATTEMPTS = [(1, 0, 9, "passed"), (2, 10, 7, "passed"), (3, 18, 11, "failed"), (3, 29, 11, "passed"), (4, 53, 7, "passed"), (5, 61, 11, "passed"), (6, 73, 25, "passed"), (7, 99, 5, "failed"), (7, 105, None, None)]
MINUTES = 110
PANEL = "document.querySelector('progress-panel')?.shadowRoot"


class Run:
    """A folder with a plan and events of the last two hours, an agent's session, and the bridge on them."""

    def __init__(self, failed):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="extra-pictures-")).resolve()
        self.shop, self.sessions = self.root / "shop", self.root / "agents/projects"
        (self.shop / ".git").mkdir(parents=True)
        self.began = time.time() - MINUTES * 60
        self.plan()
        self.events(failed)
        if not failed:
            self.session()
        self.port = free_port()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.root / "home"), "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        argv = [BRIDGE, self.shop, "--listen", f"127.0.0.1:{self.port}", "--agent-root", self.root / "agents"]
        self.bridge = subprocess.Popen([str(arg) for arg in argv], env=environment, stderr=subprocess.DEVNULL)
        eventually("the run is read", self.is_read, 20)

    def is_read(self):
        try:
            tasks = json.loads(get(f"http://127.0.0.1:{self.port}/api/state"))["tasks"]
            return bool(tasks) and tasks[0].get("stories_passed") == 6
        except OSError:
            return False

    def plan(self):
        number, passed, phases = 0, {story for story, _, _, end in ATTEMPTS if end == "passed"}, []
        for name, titles in PHASES:
            stories = []
            for title in titles:
                number += 1
                stories.append({"id": f"US-{number:03}", "title": title, "acceptanceCriteria": CRITERIA if number == 7 else [], "passes": number in passed})
            phases.append({"name": name, "userStories": stories})
        (self.shop / "prd.json").write_text(json.dumps({"project": "Corner Shop", "branchName": "feature/checkout", "phases": phases}))

    def events(self, failed):
        written = []
        for story, start, took, end in ATTEMPTS:
            name = {"story_id": f"US-{story:03}"}
            took, end = (2, "failed") if failed and end is None else (took, end)
            written.append((start, "story_started", name))
            if story == 7 and start > 100:
                written += [(start + 1 + index / 2, "ac_completed", name | {"ac_index": index}) for index in range(2)]
            if end:
                reason = {"reason": "1 of 48 tests fails"} if end == "failed" else {"commits": [f"{story * 7654321:07x}"[:7]]}
                written.append((start + took, "story_completed", name | reason | {"status": end, "duration_ms": took * 60_000}))
        if failed:
            error = {"story_id": "US-007", "error_type": "validation", "error_message": "1 of 48 tests fails", "exit_code": 1, "retryable": False}
            written += [(107.1, "error_occurred", error), (107.2, "task_completed", {"status": "failed"})]
        lines = [json.dumps({"type": kind, "timestamp": self.stamp(minute), "data": data}) for minute, kind, data in written]
        (self.shop / "events.jsonl").write_text("\n".join(lines) + "\n")

    def session(self):
        """Of Claude Code: its list, tests that failed, and one that runs."""
        folder = self.sessions / re.sub("[^A-Za-z0-9]", "-", str(self.shop))
        folder.mkdir(parents=True)
        steps = ["Read the payment provider's test cards", "Redirect handler for 3-D Secure", "Store the step in the session", "Test: return after the bank's page", "Idempotency key for payment"]
        items = [{"content": step, "status": "completed" if at < 3 else "in_progress" if at == 3 else "pending", "activeForm": step} for at, step in enumerate(steps)]
        calls = [("TodoWrite", {"todos": items}, "ok"), ("Bash", {"command": "cargo test"}, "test result: FAILED. 45 passed; 3 failed"),
                 ("Edit", {"file_path": str(self.shop / "src/payment/three_ds.rs"), "old_string": "a", "new_string": "b"}, "ok"),
                 ("Edit", {"file_path": str(self.shop / "tests/payment.rs"), "old_string": "a", "new_string": "b"}, "ok"), ("Bash", {"command": "cargo test"}, None)]
        lines = [self.record(MINUTES - 5, "user", {"role": "user", "content": "Please take the next story."})]
        for at, (tool, given, result) in enumerate(calls):
            minute = MINUTES - 4 + at * 0.95
            use = {"type": "tool_use", "id": f"toolu_{at}", "name": tool, "input": given}
            lines.append(self.record(minute, "assistant", {"id": f"msg_{at}", "role": "assistant", "stop_reason": "tool_use", "content": [use]}))
            if result:
                lines.append(self.record(minute + 0.1, "user", {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{at}", "content": result}]}))
        (folder / f"{SESSION}.jsonl").write_text("".join(lines))

    def record(self, minute, kind, message):
        return json.dumps({"type": kind, "sessionId": SESSION, "cwd": str(self.shop), "version": "2.1.150", "entrypoint": "sdk-cli", "isSidechain": False, "timestamp": self.stamp(minute), "message": message}) + "\n"

    def stamp(self, minute):
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.began + minute * 60))

    def remove(self):
        self.bridge.terminate()
        self.bridge.wait(10)
        shutil.rmtree(self.root, ignore_errors=True)


def show(chromium, run, name, drawn):
    chromium.looks(WIDTH, "light")
    chromium.tell("/url", {"url": f"http://127.0.0.1:{run.port}/"})
    try:
        eventually(f"{name} is drawn", lambda: chromium.run(f"return {drawn} && document.querySelector('#connection').textContent.includes('live')"), 30)
    except Failed as failed:
        print(failed)


def open_panel(chromium):
    """Opens the agent's own list, and returns where the panel stands."""
    chromium.run(f"{PANEL}.querySelector('details:not([open]) > summary')?.click()")
    box = chromium.run(f"const box = {PANEL}.host.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]")
    margin = 8
    return {"x": box[0] - margin, "y": box[1] - margin, "width": box[2] + 2 * margin, "height": box[3] + 2 * margin, "scale": 1}


def take(chromium, file, clip):
    shot = chromium.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    file.write_bytes(base64.b64decode(shot["data"]))
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--ext", ".png", "--quality", "80-95", file], check=False)
    check(file.stat().st_size < 200_000, f"{file} is too large for docs: install pngquant")
    print(file)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    page = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
    pictures = [("dashboard-running", False, f"{PANEL}?.textContent.includes('cargo test')"), ("dashboard-failed", True, "document.body.textContent.includes('1 of 48 tests')")]
    with tempfile.TemporaryDirectory() as home:
        chromium = Chromium(home)
        try:
            for name, failed, drawn in pictures:
                run = Run(failed)
                try:
                    show(chromium, run, name, drawn)
                    take(chromium, folder / f"{name}.png", page)
                    if not failed:
                        take(chromium, folder / "activity.png", open_panel(chromium))
                finally:
                    run.remove()
        finally:
            chromium.end()


if __name__ == "__main__":
    main()
