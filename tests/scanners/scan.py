"""Lets scanners of others at an installation of its own on this machine, and says what they found: `make scan`.

What each finding means stands in docs/scanners.md. Reports are left in build/scan.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import requests

ROOT: Final = Path(__file__).resolve().parents[2]
REPORTS: Final = ROOT / "build" / "scan"
WAPITI: Final = ROOT / "tests" / "scanners" / "wapiti" / ".venv" / "bin" / "wapiti"
READY_SECONDS: Final = 120
#: All of wapiti's that need nothing of the internet, and are not about another program.
MODULES: Final = (
    "backup,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,ldap,methods,permanentxss,redirect,shellshock,"
    "spring4shell,sql,ssrf,timesql,upload,xss,xxe"
)
#: What each kind of slowness is asked of slowhttptest.
SLOW: Final[Mapping[str, Sequence[str]]] = {
    "slow heads": ("-H", "-i", "5", "-x", "24"),
    "slow bodies": ("-B", "-i", "5", "-s", "100000", "-t", "POST"),
    "slow readers": ("-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"),
    "ranges": ("-R",),
}
CONNECTIONS: Final = 3000
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Listener(BaseHTTPRequestHandler):
    """Where a gateway would call that can be made to call elsewhere: it answers, and counts as nothing found."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def installation(folder: Path) -> Iterator[dict[str, Any]]:
    """All of it as `make run` has it, in a folder and on ports of its own; gives what demo.json says."""
    environment = {**os.environ, "INSTANCE_DIR": str(folder), "PORT": str(_free_ports())}
    with (REPORTS / "gateway.log").open("wb") as log:
        child = subprocess.Popen([sys.executable, "-m", "app.local"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            until = time.monotonic() + READY_SECONDS
            while not (folder / "demo.json").exists():
                if child.poll() is not None or time.monotonic() > until:
                    raise SystemExit((REPORTS / "gateway.log").read_text())
                time.sleep(0.2)  # a file has no event to wait for
            yield json.loads((folder / "demo.json").read_text())
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(60)


def signed_in(demo: Mapping[str, Any]) -> str:
    """The cookies of somebody who is signed in to the dashboard."""
    page = f"{demo['base_url']}/admin/login"
    with requests.Session() as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(page, timeout=30).text)
        assert token
        fields = {"csrf_token": token[1], "email": demo["admin"]["email"], "password": demo["admin"]["password"]}
        answer = browser.post(page, fields, headers={"Origin": demo["base_url"]}, allow_redirects=False, timeout=30)
        assert answer.status_code == 303, answer.status_code
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)


def wapiti(name: str, folder: Path, listener: str, *options: str) -> list[str]:
    """Crawl and attack; a line each for what was found."""
    report = REPORTS / f"wapiti-{name}.json"
    report.unlink(missing_ok=True)
    common = (
        f"--flush-session --no-bugreport --max-attack-time 20 --max-scan-time 120 --tasks 4 -t 10 -v 0 -m {MODULES}"
    )
    endpoints = ("--external-endpoint", listener, "--internal-endpoint", listener)
    kept = ("--store-session", str(folder / "session"), "--store-config", str(folder / "config"))
    command = [str(WAPITI), *options, *common.split(), *endpoints, *kept, "-f", "json", "-o", str(report)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if not report.exists():
        return ["no report: it ended before its end"]
    told = json.loads(report.read_text())
    found: Counter[str] = Counter()
    for kind in ("vulnerabilities", "anomalies"):
        for title, ones in told[kind].items():
            found.update(f"{title}: {one['info'].partition('http')[0].strip()}" for one in ones)
    pages = told["infos"]["crawled_pages_nbr"]
    return [f"{pages} pages", *(f"{count} × {one}" for one, count in sorted(found.items()))]


def slow(kind: str, url: str) -> str:
    """Keep very many connections busy with nothing, and ask meanwhile whether the service is there."""
    command = ["slowhttptest", *SLOW[kind], "-c", str(CONNECTIONS), "-r", "600", "-l", "30", "-p", "5", "-u", url]
    run = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=_many_files)
    told = COLOUR.sub("", run.stdout)
    (REPORTS / f"slowhttptest-{kind.replace(' ', '-')}.txt").write_text(told)
    looks = Counter(re.findall(r"service available:\s+(YES|NO)", told))
    closed = [0, *map(int, re.findall(r"closed:\s+(\d+)", told))][-1]
    return f"{looks['YES']} of {looks.total()} looks found it there; it closed {closed} of {CONNECTIONS} connections"


def crawls(demo: Mapping[str, Any]) -> dict[str, list[str]]:
    """Where wapiti begins, as whom, and how far it goes, by a name."""
    base, ours = demo["base_url"], demo["organizations"][0]
    links = [one["link"] for one in ours["forms"] if "link" in one][:3]
    api = ["-u", f"{base}/api/docs", "--swagger", f"{base}/api/v1/openapi.json"]
    person = ["-C", signed_in(demo), "-H", f"Origin: {base}", "-x", f"{base}/admin/logout*", "-d", "3"]
    return {
        "api": [*api, "-H", f"Authorization: Bearer {ours['api_token']}"],
        "portal": [
            "-u",
            ours["forms"][0]["url"],
            "--scope",
            "domain",
            *(word for one in links for word in ("-s", one)),
        ],
        "dashboard": ["-u", f"{base}/admin", "--scope", "folder", *person],
    }


def main() -> int:
    """Run them all, one after the other."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    REPORTS.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    Thread(target=server.serve_forever, daemon=True).start()
    with (
        tempfile.TemporaryDirectory(prefix="ventanilla-scan-") as folder,
        installation(Path(folder, "instance")) as demo,
    ):
        page = f"{demo['base_url']}/admin/login"
        script = re.search(r'src="(/static/[^"]+\.js)"', requests.get(page, timeout=30).text)
        assert script
        for kind in SLOW:
            large = "readers" in kind  # what is small the system takes at once, whoever reads it
            _say(f"slowhttptest, {kind}", [slow(kind, demo["base_url"] + script[1] if large else page)])
        for name, options in crawls(demo).items():
            listener = f"http://127.0.0.1:{server.server_port}/"
            _say(f"wapiti, {name}", wapiti(name, Path(folder), listener, *options))
    log = (REPORTS / "gateway.log").read_text()
    _say("the gateway's log", [f"{log.count(what)} × {what}" for what in ("request failed", "A request broke")])
    return 0


def _say(title: str, found: Sequence[str]) -> None:
    print(f"\n{title}", *(f"  {one}" for one in found), sep="\n", flush=True)  # noqa: T201 - that is what it is for


def _free_ports() -> int:
    """The first of three that follow each other and are free."""
    for port in range(21_000, 30_000, 3):
        try:
            for one in range(port, port + 3):
                with closing(socket.create_server(("127.0.0.1", one))):
                    pass
        except OSError:
            continue
        return port
    raise SystemExit("no ports are free")


def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * CONNECTIONS), most))


if __name__ == "__main__":
    sys.exit(main())
