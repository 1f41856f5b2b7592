"""The page in every state of fixtures/state, three widths, light and dark: axe-core finds nothing, one polite live region, nothing scrolls sideways.

page.py [FOLDER [STATE …]] also writes a picture of each into FOLDER. The files come from the real bridge with its own headers; the state is the fixture."""
import base64
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from lab import CACHE, OPENER, ROOT, Bridge, Failed, Project, check, eventually

FIXTURES = ROOT / "fixtures/state"
WIDTHS = [1440, 768, 360]
#: The link's own states, each on the running fixture.
LINKS = ["lost", "polling", "denied"]


class Stage(http.server.ThreadingHTTPServer):
    """The bridge's static files, and a fixture for everything else."""

    daemon_threads = True

    def __init__(self, bridge_port):
        self.bridge, self.name, self.link = f"http://127.0.0.1:{bridge_port}", "running", "live"
        super().__init__(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A tab that goes away is no news."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"

    @property
    def state(self):
        return json.loads((FIXTURES / f"{self.name}.json").read_text())


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def json(self, value, status=200):
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def do_GET(self):
        stage, path = self.server, urllib.parse.urlparse(self.path).path
        if not path.startswith(("/stream/", "/api/")):
            try:
                with OPENER.open(stage.bridge + path) as answer:
                    kept = {name: value for name, value in answer.headers.items() if name.lower() not in ("content-length", "connection", "date", "etag")}
                    self.answer(200, answer.read(), kept)
            except urllib.error.HTTPError as refused:
                self.answer(refused.code, refused.read(), {"Content-Type": "application/json"})
        elif stage.link == "denied":
            self.json({"error": {"code": "token_needed", "message": "this needs the token, and the right one", "hint": "send it"}}, 401)
        elif stage.link == "lost":
            self.answer(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"})
        elif path.startswith("/stream/"):
            if stage.link == "polling":
                self.answer(403, b"no streams", {"Content-Type": "text/plain"})
            else:
                self.stream(path)
        elif path == "/api/state":
            self.json(stage.state)
        elif path == "/api/events":
            first = "after=" not in self.path
            self.json({"events": list(events(stage.state)) if first else [], "cursor": "0-1"})
        else:
            task, name = (urllib.parse.unquote(part) for part in path.split("/")[3:5])
            self.json(next(story for each in stage.state["tasks"] if each["task_id"] == task for story in each["stories"] if story.get("story_id", story.get("title")) == name))

    def stream(self, path):
        stage = self.server
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        now = {"server_time": stage.state["server_time"]}
        frames = [("hello", {"schema": 1, "version": "0", "epoch": "0", "heartbeat_ms": 5000, **now})]
        if path == "/stream/state":
            frames.append(("state", stage.state))
        self.close_connection = True
        try:
            while stage.link == "live":
                for kind, data in frames:
                    self.wfile.write(f"id: 0-1\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())
                frames = [("heartbeat", now)] if path == "/stream/state" else []
                for _ in range(20):
                    time.sleep(0.1)
                    if stage.link != "live":
                        return
        except OSError:
            pass


def events(state):
    """What a bridge would have told on the way to this state."""
    seq = 0
    for task in state["tasks"]:
        said = []
        for story in task["stories"]:
            named = {key: story[key] for key in ("story_id", "title") if key in story}
            began, ended = story.get("started_at"), story.get("finished_at")
            if began:
                said.append((began, "story_started", named | {"attempt": story["attempt_count"]}, "derived"))
                for index, criterion in enumerate(story.get("criteria", [])):
                    if criterion["status"] == "done" and criterion.get("provenance") != "inferred":
                        said.append((began, "ac_completed", named | {"ac_index": index, "ac_text": criterion["text"]}, "explicit"))
            if error := story.get("last_error"):
                said.append((error["at"], "error_occurred", named | {key: error[key] for key in ("error_type", "error_message") if key in error}, "explicit"))
            if ended and story["status"] in ("passed", "failed"):
                took = {"duration_ms": story["duration_ms"]} if "duration_ms" in story else {}
                said.append((ended, "story_completed", named | took | {"status": story["status"], "attempt": story["attempt_count"]}, "explicit"))
        if "started_at" in task:
            said.append((task["started_at"], "task_started", {"task_id": task["task_id"], "task_name": task["task_name"]}, "derived"))
        for at, kind, data, provenance in sorted(said, key=lambda each: each[0]):
            seq += 1
            yield {"id": f"{task['task_id']}-{seq}", "seq": seq, "type": kind, "timestamp": at, "timestamp_source": "record", "task_id": task["task_id"], "run": task["run"], "provenance": provenance, "source": {"path": "progress.txt", "line": 7 * seq}, "data": data}


class Chromium:
    def __init__(self, home):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": home, "TMPDIR": home, "TZ": "UTC"})
        port = next(int(line.split("on port ")[1].strip().rstrip(".")) for line in self.driver.stdout if "started successfully on port" in line)
        self.base, self.session = f"http://127.0.0.1:{port}", ""
        flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        self.session = f"/session/{self.tell('/session', {'capabilities': {'alwaysMatch': {'goog:chromeOptions': {'args': flags}}}})['sessionId']}"

    def tell(self, path, words=None, method="POST"):
        body = json.dumps(words or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + self.session + path, body, {"Content-Type": "application/json"}, method=method)
        return json.load(OPENER.open(request, timeout=60))["value"]

    def devtools(self, command, **parameters):
        return self.tell("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script, *arguments):
        return self.tell("/execute/sync", {"script": script, "args": list(arguments)})

    def looks(self, width, theme):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def picture(self, file):
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        file.write_bytes(base64.b64decode(shot["data"]))

    def end(self):
        if self.session:
            self.tell("", method="DELETE")
        self.driver.terminate()
        self.driver.wait(10)


READY = {
    "live": "return document.querySelector('#connection')?.textContent.includes('live') && !!document.querySelector('progress-panel')?.shadowRoot.querySelector('article')",
    "lost": "return document.body.innerText.includes('does not answer')",
    "polling": "return document.body.innerText.includes('polling every') && !!document.querySelector('.srow')",
    "denied": "return !!document.querySelector('#token')",
}

AXE = """
const done = arguments[arguments.length - 1];
axe.run().then((found) => done(found.violations.map((each) => each.id + ': ' + each.nodes.map((node) => node.html.slice(0, 120)).join(' | '))));
"""


def look(chromium, stage, axe, state, width, theme, folder):
    stage.name, stage.link = (state, "live") if state not in LINKS else ("running", state)
    chromium.looks(width, theme)
    chromium.tell("/url", {"url": "about:blank"})
    what = f"{state} {width} {theme}"
    if stage.link == "lost":
        # It was there before.
        stage.link = "live"
        chromium.tell("/url", {"url": stage.url})
        eventually(f"{what} is drawn", lambda: chromium.run(READY["live"]), 20)
        stage.link = "lost"
    else:
        chromium.tell("/url", {"url": stage.url})
    eventually(f"{what} is drawn", lambda: chromium.run(READY[stage.link]), 20)
    if folder:
        chromium.picture(folder / f"{state}-{width}-{theme}.png")
    # What is folded must be in order, too.
    chromium.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    chromium.run(axe)
    found = chromium.tell("/execute/async", {"script": AXE, "args": []})
    check(found == [], f"{what}: {found}")
    check(chromium.run("return document.querySelectorAll('[aria-live]').length") == 1, f"{what}: one live region")
    check(chromium.run("return document.documentElement.scrollWidth <= innerWidth"), f"{what}: it scrolls sideways")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    states = sys.argv[2:] or sorted(file.stem for file in FIXTURES.glob("*.json")) + LINKS
    source = CACHE / "node/node_modules/axe-core/axe.min.js"
    if not source.exists():
        print("NOT RUN: page needs axe-core (tests/extra/setup)")
        return 0
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    project, wrong = Project(), 0
    bridge = Bridge(project)
    stage = Stage(bridge.port)
    with tempfile.TemporaryDirectory() as home:
        chromium = Chromium(home)
        try:
            for state in states:
                for width in WIDTHS:
                    for theme in ("light", "dark"):
                        try:
                            look(chromium, stage, source.read_text(), state, width, theme, folder)
                        except Failed as failed:
                            wrong += 1
                            print(f"FAILED {failed}")
                print(f"looked at {state}")
        finally:
            chromium.end()
            bridge.end()
            project.remove()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
