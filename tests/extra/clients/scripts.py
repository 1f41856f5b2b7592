"""Clients that do not come back by themselves, in the loop that their users write: scripts.py sseclient-py|httpx-sse|curl URL"""
import json
import subprocess
import sys
import time

KIND, URL = sys.argv[1:3]


def say(**line):
    print(json.dumps({"at": int(time.time() * 1000), **line}), flush=True)


def sseclient_py(headers):
    import requests
    import sseclient

    answer = requests.get(URL, headers={"Accept": "text/event-stream", **headers}, stream=True, timeout=(5, 60))
    answer.raise_for_status()
    say(k="open")
    for event in sseclient.SSEClient(answer).events():
        yield event.event, event.id, event.data, event.retry


def httpx_sse(headers):
    import httpx
    from httpx_sse import connect_sse

    with httpx.Client(timeout=httpx.Timeout(5, read=60), trust_env=False) as client:
        with connect_sse(client, "GET", URL, headers=headers) as source:
            source.response.raise_for_status()
            say(k="open")
            for event in source.iter_sse():
                yield event.event, event.id, event.data, event.retry


def curl(headers):
    flags = [flag for name, value in headers.items() for flag in ("-H", f"{name}: {value}")]
    child = subprocess.Popen(["curl", "-sSfN", "--max-time", "300", *flags, URL], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8")
    frame = {}
    opened = False
    for line in child.stdout:
        if not opened:
            opened = True
            say(k="open")
        name, _, value = line.rstrip("\n").partition(": ")
        if name:
            frame[name] = value
        elif "data" in frame:
            yield frame.get("event", "message"), frame.get("id"), frame["data"], int(frame["retry"]) if "retry" in frame else None
            frame = {}
        else:
            frame = {}
    code = child.wait()
    say(k="exit", code=code)
    if code == 22:
        raise OSError("curl ends with 22, which is an error status: 502 here")


def main():
    client = {"sseclient-py": sseclient_py, "httpx-sse": httpx_sse, "curl": curl}[KIND]
    last, pause = None, 2.0
    while True:
        try:
            for name, identity, data, retry in client({"Last-Event-ID": last} if last else {}):
                last = identity or last
                pause = int(retry) / 1000 if retry else pause
                say(k="event", type=name, id=identity, data=data)
            say(k="end")
        except Exception as trouble:  # whatever the library raises: a user's loop tries again
            say(k="error", why=f"{type(trouble).__name__}: {trouble}"[:200])
        time.sleep(pause)


main()
