"""Chromium through chromedriver: chromium.py EventSource|fetch PAGE_URL. Says what the page's script has seen."""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

KIND, PAGE = sys.argv[1:3]
HERE = pathlib.Path(__file__).parent


def main():
    with tempfile.TemporaryDirectory() as home:
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": home, "TMPDIR": home})
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        session = None
        try:
            port = next(int(line.split("on port ")[1].strip().rstrip(".")) for line in driver.stdout if "started successfully on port" in line)

            def tell(path, words=None, method="POST"):
                body = json.dumps(words or {}).encode()
                request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body if method == "POST" else None, {"Content-Type": "application/json"}, method=method)
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                return json.load(opener.open(request, timeout=60))["value"]

            flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"]
            opened = tell("/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": flags}}}})
            session = f"/session/{opened['sessionId']}"
            tell(f"{session}/url", {"url": PAGE})
            run = lambda script, *args: tell(f"{session}/execute/sync", {"script": script, "args": list(args)})
            names = json.loads((HERE / "events.json").read_text())
            run((HERE / "in_page.js").read_text() + "\nwindow.follow(arguments[0], arguments[1]);", KIND, names)
            taken = 0
            status = None
            while True:
                for line in run("return window.seen.slice(arguments[0])", taken):
                    taken += 1
                    print(json.dumps(line), flush=True)
                # What the bridge's own page says beside it.
                words = run("return ['#connection', '.ev'].map((place) => (document.querySelector(place)?.innerText ?? '').replace(/\\s+/g, ' '))")
                if words != status:
                    status = words
                    print(json.dumps({"k": "page", "says": words[0], "newest": words[1]}), flush=True)
                time.sleep(0.05)
        finally:
            if session:
                tell(session, method="DELETE")
            driver.terminate()
            driver.wait(10)


main()
