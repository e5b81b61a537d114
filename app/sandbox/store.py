"""An object store on an origin of its own: presigned addresses as S3 makes them, and S3's words when it refuses.

Providers sign addresses and are called back when an object came. It is stricter than S3 in one thing: an address counts
as it was made, byte for byte, while S3 forgives another spelling of the same one. Nobody has to touch it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit
from xml.sax.saxutils import escape

from flask import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from app.sandbox.body import Received
    from app.sandbox.clock import Clock
    from app.sandbox.files import Files

#: Largest object that a single PUT may bring.
LARGEST_BYTES: Final = 5 << 30
#: The checksums it verifies: hexadecimal digits of each, by its name in lower case.
CHECKSUMS: Final[Mapping[str, int]] = {"sha1": 40, "sha256": 64, "sha512": 128}

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SIGNATURE: Final = "&X-Amz-Signature="
_DATE: Final = "%Y%m%dT%H%M%SZ"
#: Status and sentence of each code.
_CODES: Final[Mapping[str, tuple[int, str]]] = {
    "AccessDenied": (403, "Access Denied"),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the signature you provided."),
    "InvalidRequest": (400, "The request is not valid."),
    "BadDigest": (400, "The checksum you specified did not match the calculated checksum."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "SlowDown": (503, "Please reduce your request rate."),
}
#: The code that goes best with a status, where nothing else is known.
_BY_STATUS: Final = {status: code for code, (status, _) in _CODES.items()} | {
    400: "InvalidRequest",
    403: "AccessDenied",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object: its bytes are under `name` in the sandbox's files, where they were few enough to be kept."""

    size: int
    sha256: str
    content_type: str | None
    name: str | None

    @property
    def etag(self) -> str:
        # An encrypted object's is no MD5 either, and to make one would take longer than the upload.
        return f'"{self.sha256[:32]}"'


class Store:
    """All objects of all providers, by provider and key; an address begins with the provider's slug."""

    def __init__(self, origin: str, *, clock: Clock, files: Files) -> None:
        self.origin = origin
        self._host = urlsplit(origin).netloc
        self._port = str(urlsplit(origin).port)
        self._clock = clock
        self._files = files
        self._secret = secrets.token_bytes(32)
        self._objects: dict[tuple[str, str], Stored] = {}
        self._callbacks: dict[str, Callable[[str, Stored], None]] = {}
        self._lock = Lock()

    def sign(
        self,
        provider: str,
        key: str,
        *,
        method: str,
        seconds: float,
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """An address for one method, for so many seconds; a request to it must have that length and those headers."""
        signed = {name.lower(): value for name, value in (headers or {}).items()} | {"host": self._host}
        if length is not None:
            signed["content-length"] = str(length)
        now = self._clock.now()
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"sandbox/{now:%Y%m%d}/us-east-2/s3/aws4_request",
            "X-Amz-Date": now.strftime(_DATE),
            "X-Amz-Expires": str(math.ceil(seconds)),
            "X-Amz-Security-Token": f"{provider}/+~=",
            "X-Amz-SignedHeaders": ";".join(sorted(signed)),
        }
        target = f"/{provider}/{_quoted(key, safe='/+')}?"
        target += "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
        return f"{self.origin}{target}{_SIGNATURE}{self._signature(method, target, signed)}"

    def on_put(self, provider: str, callback: Callable[[str, Stored], None]) -> None:
        """Have the provider told of each object that came, by its key, before the client is answered."""
        self._callbacks[provider] = callback

    def keep(self, provider: str, key: str, content: bytes, content_type: str | None = None) -> Stored:
        """Put an object there without a request."""
        return self._put(
            provider,
            key,
            Stored(
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                content_type=content_type,
                name=self._files.keep(content),
            ),
        )

    def find(self, provider: str, key: str) -> Stored | None:
        with self._lock:
            return self._objects.get((provider, key))

    def read(self, provider: str, key: str) -> bytes | None:
        """The bytes of an object; None where there is none, or it was too large to keep."""
        found = self.find(provider, key)
        return self._files.read(found.name) if found and found.name else None

    def delete(self, provider: str, key: str) -> None:
        with self._lock:
            self._objects.pop((provider, key), None)

    def serves(self, environ: WSGIEnvironment) -> bool:
        """Whether the request came to this origin."""
        return bool(environ["SERVER_PORT"] == self._port)

    def failure(self, status: int) -> Response:
        """What it answers when all that is known is the status."""
        code = _BY_STATUS.get(status, "InternalError" if status >= 500 else "InvalidRequest")
        answer = _refusal(code)
        answer.status_code = status
        return answer

    def judge(self, environ: WSGIEnvironment) -> Response | None:
        """What a request's head is refused for, if anything: before any of its body is read."""
        target, _, signature = str(environ.get("RAW_URI") or "").partition(_SIGNATURE)
        query = {name: values[0] for name, values in parse_qs(target.partition("?")[2]).items()}
        names = query.get("X-Amz-SignedHeaders", "").split(";")
        if environ.get("HTTP_AUTHORIZATION"):
            return _refusal("InvalidRequest", "Only one auth mechanism allowed; use the query string or the header.")
        if not signature:
            return _refusal("AccessDenied")
        expected = self._signature(
            environ["REQUEST_METHOD"], target, {name: _header(environ, name) or "" for name in names}
        )
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return _refusal("SignatureDoesNotMatch")
        made = datetime.strptime(query["X-Amz-Date"], _DATE).replace(tzinfo=UTC)
        if self._clock.now() > made + timedelta(seconds=int(query["X-Amz-Expires"])):
            return _refusal("AccessDenied", "Request has expired")
        if any(name.startswith("HTTP_X_AMZ_") and name[5:].lower().replace("_", "-") not in names for name in environ):
            return _refusal("AccessDenied", "There were headers present in the request which were not signed")
        return _judge_body(environ) if environ["REQUEST_METHOD"] == "PUT" else None

    def digest(self, environ: WSGIEnvironment) -> Any:
        """A hash for the checksum that comes with a body, where it is another than SHA-256."""
        name = next((name for name in CHECKSUMS if _header(environ, f"x-amz-checksum-{name}")), "sha256")
        return None if name == "sha256" else hashlib.new(name)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer a request whose head was judged, and whose body is here."""
        path = str(environ["PATH_INFO"]).encode("latin-1").decode()
        _, provider, key = path.split("/", 2)
        if environ["REQUEST_METHOD"] == "PUT":
            answer = self._take(provider, key, environ)
        elif environ["REQUEST_METHOD"] == "GET":
            answer = self._give(provider, key)
        else:
            answer = _refusal("MethodNotAllowed")
        return answer(environ, start_response)

    def _take(self, provider: str, key: str, environ: WSGIEnvironment) -> Response:
        received: Received = environ["sandbox.received"]
        digests = {"sha256": received.plain.sha256}
        if received.also is not None:
            digests[received.also.name] = received.also.hexdigest()
        for name, digest in digests.items():
            claimed = _header(environ, f"x-amz-checksum-{name}")
            if claimed and base64.b64decode(claimed) != bytes.fromhex(digest):
                return _refusal("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")
        content = received.plain.content()
        stored = self._put(
            provider,
            key,
            Stored(
                size=received.plain.size,
                sha256=received.plain.sha256,
                content_type=environ.get("CONTENT_TYPE") or None,
                name=None if content is None else self._files.keep(content),
            ),
        )
        return Response(status=200, headers={"ETag": stored.etag, **_ids()})

    def _give(self, provider: str, key: str) -> Response:
        found, content = self.find(provider, key), self.read(provider, key)
        if found is None or content is None:
            return _refusal("NoSuchKey")
        kind = found.content_type or "binary/octet-stream"
        return Response(content, content_type=kind, headers={"ETag": found.etag, **_ids()})

    def _put(self, provider: str, key: str, stored: Stored) -> Stored:
        with self._lock:
            self._objects[provider, key] = stored
        if callback := self._callbacks.get(provider):
            callback(key, stored)
        return stored

    def _signature(self, method: str, target: str, headers: Mapping[str, str]) -> str:
        lines = [method, target, *(f"{name}:{value}" for name, value in sorted(headers.items()))]
        return hmac.new(self._secret, "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def _judge_body(environ: WSGIEnvironment) -> Response | None:
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("HTTP_TRANSFER_ENCODING") or not length:
        return _refusal("MissingContentLength")
    if int(length) > LARGEST_BYTES:
        return _refusal("EntityTooLarge")
    for name, digits in CHECKSUMS.items():
        header = f"x-amz-checksum-{name}"
        claimed = _header(environ, header)
        if claimed and not _is_digest(claimed, digits // 2):
            return _refusal("InvalidRequest", f"Value for {header} header is invalid.")
    algorithm = (_header(environ, "x-amz-sdk-checksum-algorithm") or "").lower()
    if algorithm and not _header(environ, f"x-amz-checksum-{algorithm}"):
        return _refusal(
            "InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding checksum found."
        )
    return None


def _is_digest(text: str, size: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == size
    except binascii.Error:
        return False


def _header(environ: WSGIEnvironment, name: str) -> str | None:
    variable = name.upper().replace("-", "_")
    found = environ.get(variable if variable == "CONTENT_LENGTH" else f"HTTP_{variable}")
    return None if found is None else str(found)


def _quoted(text: str, safe: str = "") -> str:
    """Percent-encoded in a way that is right, and that whoever tidies addresses up would change."""
    return quote(text, safe=safe).replace("~", "%7e")


def _refusal(code: str, message: str | None = None) -> Response:
    status, known = _CODES[code]
    ids = _ids()
    elements = {
        "Code": code,
        "Message": message or known,
        "RequestId": ids["x-amz-request-id"],
        "HostId": ids["x-amz-id-2"],
    }
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return Response(body, status, content_type="application/xml", headers=ids)


def _ids() -> dict[str, str]:
    return {"x-amz-request-id": secrets.token_hex(8).upper(), "x-amz-id-2": secrets.token_urlsafe(32)}
