"""A tiny application behind the real server: every way of treating a body, one path each. Its deadlines are short."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from app.errors import Refusal
from app.intake import Deadlines, KnownEnd, Limits, receive, worker
from app.intake.body import Body
from app.intake.errors import BadFileName

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

GRACE = float(os.environ.get("GRACE", "0.5"))
DEADLINES = Deadlines(idle=2 * GRACE, minimum_rate=1000, grace=GRACE, drain_bytes=1 << 20, drain_seconds=1.0)
worker.HEAD = Deadlines(idle=0.5, minimum_rate=1000, grace=0.5, drain_bytes=1 << 16, drain_seconds=2.0)


def collect(environ: WSGIEnvironment) -> object:
    with receive(environ, Limits(), DEADLINES) as reception:
        collected = reception.collect(files=["cer", "key"], fields=["notice"], secrets=["password"])
    return {
        "fields": collected.fields,
        "files": {name: file.sha256 for name, file in collected.files.items()},
        "secrets": {name: len(secret.get_secret_value()) for name, secret in collected.secrets.items()},
    }


def stream(environ: WSGIEnvironment) -> object:
    """Take a file as it arrives; one whose first bytes say so is refused by them."""
    limits = Limits(file_bytes=1 << 30, body_bytes=1 << 30)
    with receive(environ, limits, DEADLINES) as reception:
        streamed = reception.stream(files=["cer"], fields=["notice"], secrets=[])
        if streamed.file is None:
            return None
        if streamed.file.head(6) == b"REFUSE":
            raise BadFileName(field="cer")
        digest = hashlib.sha256()
        for block in streamed.file.blocks():
            digest.update(block)
        return {"fields": streamed.fields, "size": streamed.file.size, "sha256": digest.hexdigest()}


def read(environ: WSGIEnvironment) -> object:
    return hashlib.sha256(environ["wsgi.input"].read()).hexdigest()


def blocks(environ: WSGIEnvironment) -> object:
    body = Body.of(environ, DEADLINES)
    return [len(block) for block in iter(body.block, b"")]


def half(environ: WSGIEnvironment) -> object:
    return environ["wsgi.input"].read(10).decode()


def ignore(environ: WSGIEnvironment) -> object:
    return environ["PATH_INFO"]


def large(environ: WSGIEnvironment) -> object:
    return "x" * 50_000_000


def broken(environ: WSGIEnvironment) -> object:
    raise RuntimeError("broken on purpose")


PATHS: dict[str, Callable[[WSGIEnvironment], object]] = {
    "/collect": collect,
    "/stream": stream,
    "/read": read,
    "/blocks": blocks,
    "/half": half,
    "/large": large,
    "/broken": broken,
}


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    status = 200
    try:
        said = PATHS.get(environ["PATH_INFO"], ignore)(environ)
    except Refusal as refusal:
        status, said = refusal.status, {"slug": refusal.slug, "field": refusal.field, **refusal.params}
    text = json.dumps(said).encode()
    if status != 200:
        print(environ["PATH_INFO"], text.decode(), file=environ["wsgi.errors"], flush=True)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    if environ["PATH_INFO"] == "/header":
        headers.append(("X-Wrong", "a\r\nb"))
    start_response(f"{status} {'OK' if status == 200 else 'Refused'}", headers)
    return [text]


app = KnownEnd(answer, DEADLINES)
