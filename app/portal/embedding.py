"""Forms on others' pages: the same pages at addresses of their own, which alone may be framed.

Each of them is framed by the origins that its form names and by nobody else. The language is part of the address, as
there is no cookie that could hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final

from flask import Blueprint, Response, g
from flask.typing import ResponseReturnValue

from app.portal import assets, framing, headers, pages
from app.portal.language import LANGUAGES, language
from app.portal.pages import portal
from app.services import services

SCRIPT: Final = "embed.js"
#: Its address never changes, so it is asked for again now and then.
SCRIPT_KEPT: Final = "public, max-age=3600"
SNIPPET: Final = """\
<iframe src="{address}" title="{title}" width="100%" height="900" style="border: 0" loading="lazy"></iframe>
<script src="{script}" async></script>
"""

embedded = Blueprint(framing.EMBEDDED, __name__, url_prefix=f"/embedded/<any({', '.join(LANGUAGES)}):code>")

VIEWS: Final[tuple[tuple[str, str, Callable[..., ResponseReturnValue]], ...]] = (
    ("GET", "/f/<public_id>", pages.form),
    ("POST", "/f/<public_id>", pages.hand_in_by_form),
    ("GET", "/l/<token>", pages.link),
    ("POST", "/l/<token>", pages.hand_in_by_link),
    ("GET", "/o/<token>", pages.outcome),
    ("GET", "/o/<token>/state", pages.outcome_state),
    ("GET", "/o/<token>/all", pages.several),
    ("GET", "/o/<token>/all/state", pages.several_state),
    ("POST", "/o/<token>", pages.check_again),
    ("POST", "/o/<token>/mail", pages.tell_me),
)
for method, rule, view in VIEWS:
    embedded.add_url_rule(rule, view_func=view, methods=[method])


@embedded.url_value_preprocessor
def begin(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take the language out of the address."""
    del endpoint
    framing.begin()
    g.own_language = (values or {}).pop("code")


@embedded.url_defaults
def stay(endpoint: str, values: dict[str, Any]) -> None:
    """Lead on in the same language."""
    del endpoint
    values.setdefault("code", g.get("own_language") or language())


@embedded.after_request
def frame(response: Response) -> Response:
    """Say who may frame it; also of a page that says why it is not the form."""
    if origins := framing.framed_by():
        response.headers.update(
            {
                "Content-Security-Policy": headers.policy(**{"frame-ancestors": " ".join(origins)}),
                # For pages that isolate themselves, and want to be told by whatever they frame that it may be.
                "Cross-Origin-Resource-Policy": "cross-origin",
                "Cross-Origin-Embedder-Policy": "require-corp",
            }
        )
    return response


@portal.get(f"/{SCRIPT}")
def script() -> Response:
    """Give the script for pages that frame a form: its frame as high as it is, and what happens in it as events."""
    response = assets.give(assets.built(SCRIPT))
    response.headers["Cache-Control"] = SCRIPT_KEPT
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def snippet(public_id: str, *, code: str, title: str) -> str:
    """What is put on a page of one of a form's origins to show the form there."""
    home = services().settings.public_url
    address = f"{home}/embedded/{code}/f/{public_id}"
    return SNIPPET.format(address=escape(address), title=escape(title), script=escape(f"{home}/{SCRIPT}"))
