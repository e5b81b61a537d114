"""Cookies: for this origin alone, out of scripts' reach, and behind https ones that no other host or path could set."""

from __future__ import annotations

from flask import Flask, Request, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.wrappers import Response


class Sessions(SecureCookieSessionInterface):
    """Flask's own; but where there is no cookie to read, nothing is made that would read it: no service has one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return what the cookie holds; empty where there is none, or one that is not ours."""
        return super().open_session(app, request) if request.cookies else self.session_class()


def read(name: str) -> str:
    """What the browser keeps under a name; empty where it keeps nothing."""
    return request.cookies.get(called(name), "")


def keep(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Give the browser something to keep, for so long, or for as long as it is open."""
    response.set_cookie(called(name), value, max_age=seconds, path="/", httponly=True, secure=secure(), samesite="Lax")


def drop(response: Response, name: str) -> None:
    """Take it back."""
    response.delete_cookie(called(name), path="/", httponly=True, secure=secure(), samesite="Lax")


def called(name: str) -> str:
    """What the browser calls it."""
    return f"__Host-{name}" if secure() else name


def secure() -> bool:
    """Whether people come by https."""
    found: bool = current_app.config["SESSION_COOKIE_SECURE"]
    return found
