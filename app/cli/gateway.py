"""A running gateway as its clients see it: asked over HTTP with a token, and what its answers mean for a hand-in."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

VERSION: Final = {"Tus-Resumable": "1.0.0"}
#: What an answer of `/files` says of the upload that a file became.
UPLOAD, STATE = "Ventanilla-Upload", "Ventanilla-State"
#: Seconds for a connection, and for each answer.
SECONDS: Final = (10.0, 60.0)
#: urllib3's own 16 KiB would halve the speed of large files.
SOCKET_BLOCK: Final = 1 << 20
#: Somebody else has it in hand, or there is no room for it now.
BUSY: Final = frozenset({409, 423, 429})
UNCONFIRMED: Final = 504
FAULTS: Final = 500


class Code(IntEnum):
    """How a hand-in ended, as the exit code has it; of several the largest is told."""

    #: Delivered, or safe at the gateway and on its way.
    TAKEN = 0
    #: It did not arrive, and sending the same again is of no use by itself.
    REFUSED = 1
    #: The gateway cannot be reached, or has no time: the same command goes on where this one stopped.
    LATER = 3
    #: All of it was sent, and nobody knows whether it arrived.
    UNCONFIRMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a file."""

    code: Code
    state: str = "-"
    upload: str = "-"
    #: Why, where it is not well.
    because: str | None = None


class Stopped(Exception):  # noqa: N818 - says what it is
    """Whoever began it wants it to end."""


class Later(Exception):  # noqa: N818
    """No answer, or one that asks for patience."""

    def __init__(self, because: str, seconds: float = 0.0) -> None:
        """`seconds`: how long it asks one to wait."""
        self.because = because
        self.seconds = seconds
        super().__init__(because)


class Settled(Exception):  # noqa: N818
    """A problem that stays one."""

    def __init__(self, ended: Ended, *, status: int, slug: str) -> None:
        """`slug`: the problem's, empty where the answer has no words."""
        self.ended = ended
        self.status = status
        self.slug = slug
        super().__init__(ended.because)


class Gateway:
    """A gateway, and a token that is good there; for one thread."""

    def __init__(self, url: str, token: SecretStr, *, stop: threading.Event) -> None:
        """`stop` ends every wait."""
        self.url: Final = url.rstrip("/")
        self._stop = stop
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter())

    def ask(self, method: str, path: str, body: Any = b"", **headers: str) -> requests.Response:
        """Ask once; an answer that is good. Raises Later and Settled, and what `body` raises."""
        self.check()
        told = {**VERSION, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            response = self._session.request(
                method, self.url + path, data=body, headers=told, timeout=SECONDS, allow_redirects=False
            )
        except requests.RequestException as exc:
            raise Later(f"The gateway did not answer ({type(exc).__name__}).") from None
        if response.status_code >= 300:
            raise meaning(response)
        return response

    def check(self) -> None:
        """Raise Stopped where that is wanted."""
        if self._stop.is_set():
            raise Stopped

    def rest(self, seconds: float) -> None:
        """Wait; raises Stopped."""
        if self._stop.wait(seconds):
            raise Stopped


class _Bearer(AuthBase):
    """The token; as `auth`, so that no `.netrc` takes its place."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, blocksize=SOCKET_BLOCK)


def meaning(response: requests.Response) -> Later | Settled:
    """What an answer says that is not a good one."""
    status, problem = response.status_code, _problem(response)
    because = str(problem.get("detail") or f"The gateway answered {status} without saying why.")
    upload = problem.get("upload") or response.headers.get(UPLOAD)
    if upload is None and (status in BUSY or status >= FAULTS):
        return Later(because, _seconds(response.headers.get("Retry-After", "")))
    slug = str(problem.get("type", "")).rpartition("#")[2]
    known = status == UNCONFIRMED
    ended = Ended(
        code=Code.UNCONFIRMED if known else Code.REFUSED,
        state=response.headers.get(STATE) or ("unknown" if known else "failed" if upload else "-"),
        upload=str(upload or "-"),
        because=f"{because} ({slug})" if slug else because,
    )
    return Settled(ended, status=status, slug=slug)


def _problem(response: requests.Response) -> dict[str, Any]:
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        found = response.json()
    except requests.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
