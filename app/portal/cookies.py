"""Cookies: for this origin alone, out of scripts' reach, and behind https ones that no other host or path could set."""

from __future__ import annotations

from flask import current_app, request
from werkzeug.wrappers import Response


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
