"""What every response says to the browser about trust, and the session cookie's own rules."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response

from app.config import Settings
from app.portal.cookies import Sessions

#: Nothing inline and nothing of others: scripts, styles and pictures come from here or not at all.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}

#: What no page of ours asks a device for.
UNWANTED = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)


def policy(**changed: str) -> str:
    """The policy as a header says it, with some of its directives changed."""
    return "; ".join(f"{directive} {source}" for directive, source in (POLICY | changed).items())


HEADERS = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    # Some addresses are keys, so no page's path leaves it. `no-referrer` would say as much, but under it browsers send
    # `Origin: null` with our own forms, which is refused.
    "Referrer-Policy": "strict-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNWANTED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}

#: What a published form says to search engines in place of that: its page is there to be found. Links, outcomes and
#: whatever else somebody was given the address of are not.
MAY_BE_FOUND = {"X-Robots-Tag": "all"}

#: Two years.
STRICT_TRANSPORT = "max-age=63072000"

#: How long a page may lie open before it has to be loaded again; a customer looks for files in the meantime.
PAGE_LIFE = timedelta(hours=12)


def init_app(app: Flask, settings: Settings) -> None:
    """Set the cookie's rules and add the headers to every response that has not its own."""
    secure = settings.public_url.startswith("https://")
    app.session_interface = Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=int(PAGE_LIFE.total_seconds()),
    )
    # That of this host alone: of those below it somebody else may have to decide.
    added = HEADERS | ({"Strict-Transport-Security": STRICT_TRANSPORT} if secure else {})

    @app.after_request
    def add(response: Response) -> Response:
        own = {name.lower() for name, _ in response.headers}
        response.headers.extend([(name, value) for name, value in added.items() if name.lower() not in own])
        return response
