"""Which language a page speaks, how a date reads in it, and the sentence of a problem in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal
from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale, gettext

from app.config import Settings
from app.portal import cookies
from app.portal.assets import ROOT
from app.words import sentence

#: Code → the language's name in itself.
LANGUAGES: Final = {"es": "Español", "en": "English"}
#: Code → how its speakers here write dates and numbers (Mexico has a decimal point).
REGIONS: Final = {"es": "es_MX", "en": "en"}
COOKIE: Final = "lang"
YEAR_SECONDS: Final = 365 * 24 * 3600


def init_app(app: Flask, settings: Settings) -> None:
    """Set Flask-Babel up and answer `?lang=` wherever a page of ours is shown."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(ROOT / "translations")
    Babel(app, default_locale=settings.default_locale, locale_selector=choose, timezone_selector=zone)
    app.config["DEFAULT_TIMEZONE"] = settings.default_timezone
    app.before_request(switch)
    app.jinja_env.globals["languages"] = LANGUAGES
    app.add_template_global(language)
    app.add_template_global(say)
    app.add_template_filter(when)


def choose() -> str | None:
    """Language of this request: the person's, the visitor's choice, the link's, the organization's, the browser's."""
    wanted = (g.get("own_language"), request.args.get("lang"), cookies.read(COOKIE), *g.get("languages", ()))
    for code in wanted:
        if code in LANGUAGES:
            return str(code)
    return request.accept_languages.best_match(list(LANGUAGES))


def zone() -> str | None:
    """Name of the zone that dates are shown in: the organization's."""
    name: str | None = g.get("timezone")
    return name


def prefer(*languages: str | None, timezone: str) -> None:
    """Say what the page is about: the languages of its link and organization, best first, and their zone."""
    g.languages = [code for code in languages if code]
    g.timezone = timezone


def language() -> str:
    """Code of the language in use."""
    locale = get_locale()
    return locale.language if locale else "en"


def switch() -> ResponseReturnValue | None:
    """Keep the language that `?lang=` names and show the page again without it.

    The address is built anew from the page's own rule: a path such as `//elsewhere` must not become a redirect.
    """
    wanted = request.args.get("lang")
    if wanted not in LANGUAGES or request.endpoint is None or request.method not in {"GET", "HEAD"}:
        return None
    response = redirect(url_for(request.endpoint, **(request.view_args or {})), 302)
    cookies.keep(response, COOKIE, wanted, seconds=YEAR_SECONDS)
    return response


def when(moment: datetime) -> str:
    """Write a moment as `21 nov 2026, 14:05`, in the organization's zone."""
    name = zone() or current_app.config["DEFAULT_TIMEZONE"]
    return str(format_datetime(moment, "d MMM y, HH:mm", tzinfo=ZoneInfo(name), locale=REGIONS[language()]))


def size(count: int) -> str:
    """Write a number of bytes as people do: `1.5 kB`."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= factor:
            return f"{format_decimal(round(count / factor, 1), locale=REGIONS[language()])} {unit}"
    return str(gettext("%(count)s bytes", count=count))


def say(slug: str, params: Mapping[str, object] | None = None, *, check: str = "") -> str:
    """Write the sentence of a problem, its values filled in and its dates written out.

    `check` is that of the operation whose files it is about: the same verdict reads differently of an e.firma.
    """
    written: str = gettext(sentence(slug, check))
    return written % _Values({name: _value(name, value) for name, value in (params or {}).items()})


class _Values(dict[str, object]):
    """A page is worth more than a value that nobody gave."""

    def __missing__(self, name: str) -> str:
        return "…"


def _value(name: str, value: object) -> object:
    """Dates come as themselves, or as ISO text from a record (`date`, `held_date`)."""
    if isinstance(value, str) and name.endswith("date"):
        value = datetime.fromisoformat(value)
    return when(value) if isinstance(value, datetime) else value
