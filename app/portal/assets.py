"""Where the built styles, scripts and icons are, and the stylesheet that carries an organization's colour."""

from __future__ import annotations

import json
import mimetypes
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, abort, request, send_from_directory, url_for
from werkzeug.exceptions import NotFound

ROOT: Final = Path(__file__).resolve().parents[2]
DIST: Final = ROOT / "static" / "dist"
FOREVER: Final = "public, max-age=31536000, immutable"

#: Page colours of `static/css/portal.css`, on which the accent has to be readable.
LIGHT_PAGE: Final = (0xFF, 0xFF, 0xFF)
DARK_PAGE: Final = (0x1B, 0x20, 0x26)
READABLE: Final = 4.6

Colour = tuple[int, int, int]

static = Blueprint("static_files", __name__)


class NotBuilt(RuntimeError):  # noqa: N818 - says what it is
    """The front end was not built."""

    def __init__(self) -> None:
        super().__init__("static/dist/manifest.json is missing; run `npm ci && npm run build`, or `make run`")


def init_app(app: Flask) -> None:
    """Serve the built files for ever (their names change with their content) and let templates name them."""
    app.register_blueprint(static)
    app.add_template_global(asset)
    app.add_template_global(icons)


@static.get("/static/dist/<path:filename>", endpoint="static")
def give(filename: str) -> Response:
    """Give a built file; where that is taken, as the build has packed it."""
    response = None
    if request.accept_encodings.quality("gzip") > 0:
        with suppress(NotFound):
            kind, _ = mimetypes.guess_type(filename)
            response = send_from_directory(DIST, f"{filename}.gz", mimetype=kind)
            response.content_encoding = "gzip"
    response = response or send_from_directory(DIST, filename)
    response.vary.add("Accept-Encoding")
    return response


@static.after_request
def keep(response: Response) -> Response:
    """Let browsers keep a file for ever."""
    if response.status_code == 200:
        response.headers["Cache-Control"] = FOREVER
    return response


@cache
def _manifest() -> dict[str, str]:
    try:
        names: dict[str, str] = json.loads((DIST / "manifest.json").read_text())
    except FileNotFoundError:
        raise NotBuilt from None
    return names


def asset(name: str) -> str:
    """Address of a built file by its plain name."""
    return url_for("static_files.static", filename=built(name))


def built(name: str) -> str:
    """What a file is called that was built from one of that name."""
    return _manifest()[name]


def icons(name: str) -> str:
    """Address of one icon in the sprite."""
    return f"{asset('icons.svg')}#{name}"


def accent_css(colour: str) -> Response:
    """Answer the stylesheet of one colour, so that no page needs a style of its own in it."""
    if not re.fullmatch(r"[0-9a-f]{6}", colour):
        abort(404)
    return Response(_stylesheet(colour), mimetype="text/css", headers={"Cache-Control": FOREVER})


def _stylesheet(colour: str) -> str:
    wanted: Colour = (int(colour[:2], 16), int(colour[2:4], 16), int(colour[4:], 16))
    light = readable(wanted, on=LIGHT_PAGE)
    dark = readable(wanted, on=DARK_PAGE)
    return (
        f":root{{--brand:#{colour};--accent:{_hex(light)};--on-accent:#fff}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{--accent:{_hex(dark)};--on-accent:#10151a}}}}\n"
    )


def readable(colour: Colour, *, on: Colour) -> Colour:
    """Give the nearest shade of `colour` that text in it can be read on a page of colour `on`."""
    towards = 0 if _luminance(on) > 0.5 else 255
    for step in range(101):
        red, green, blue = (round(c + (towards - c) * step / 100) for c in colour)
        if contrast((red, green, blue), on) >= READABLE:
            break
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two colours as WCAG 2 has it: 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
