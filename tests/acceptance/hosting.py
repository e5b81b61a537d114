"""Somebody's site with a form of ours in it, of another origin than the gateway and of another site."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from app.portal.embedding import SNIPPET

TITLE: Final = "Entrega tu certificado"
#: Notes what the frame says, to the element and to the page.
LISTENING = """
<script>
  window.seen = []; window.heard = [];
  addEventListener("message", ({ data, origin }) => heard.push([origin, data.ventanilla]));
  for (const name of ["page", "handed-in"])
    document.addEventListener(`ventanilla:${name}`, ({ target, detail }) => seen.push([target.title, name, detail]));
</script>
"""


@dataclass(kw_only=True)
class Host:
    """Somebody's site, of another origin: whatever is asked for, its page is this."""

    url: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def show(self, *addresses: str, script: str = "", **headers: str) -> str:
        """Put frames on its page as the dashboard gives them."""
        frames = "".join(SNIPPET.format(address=one, title=TITLE, script=script) for one in addresses)
        self.body = f"<!doctype html><html lang=es><title>Host</title><h1>Host</h1>{LISTENING}{frames}"
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return f"{self.url}/page"


@contextmanager
def hosting() -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **host.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(host.body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # Of another site than the gateway at 127.0.0.1, as browsers judge it.
        host = Host(url=f"http://localhost:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield host
        server.shutdown()
