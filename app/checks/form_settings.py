"""What a form presets and takes, judged by its operation before it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from app import config
from app.checks.policy import Policy
from app.errors import Refusal
from app.providers.operation import Field, Operation

#: Origins that one form may be framed by.
MOST_ORIGINS: Final = 20
#: Where a page without TLS is nobody's but its developer's.
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
#: What a host is spelled with, as browsers spell it; a policy's other signs are none of these.
HOST: Final = re.compile(r"[a-z0-9.-]{1,253}", re.ASCII)
TICKED: Final = ("true", "false")
LANGUAGES: Final = ("es", "en")
#: Characters of each of a form's own words.
LONGEST: Final[Mapping[str, int]] = {"title": 120, "explanation": 1_200}


class BadSetting(Refusal):
    """Something that a form on this operation cannot preset, or not take."""

    slug: ClassVar[str] = "not-taken"
    status: ClassVar[int] = 422

    def __init__(self, field: str, reason: str) -> None:
        """`reason`: for whoever sets the form up, who gave all that it names."""
        self.reason = reason
        super().__init__(field=field, name=field, reason=reason)


class BadOrigin(BadSetting):
    """What may frame no form: it is no origin, names more than one host, or anybody could change its pages."""

    slug: ClassVar[str] = "not-an-origin"

    def __init__(self, origin: str) -> None:
        super().__init__("frame_origins", f"{origin} is no origin of https and one host, as https://www.example.com")
        self.params["value"] = origin


def judged(operation: Operation, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A form's settings as they are kept: what is as the operation has it is left out. Raises BadSetting."""
    try:
        policy = Policy.parse({name: value for name, value in settings.items() if value is not None})
    except ValueError as exc:
        raise BadSetting("types", str(exc)) from None
    presets = {name: value for name, value in settings.get("presets", {}).items() if value}
    _judge_types(operation, policy)
    _judge_presets(operation, presets)
    texts = _judged_texts(settings.get("texts") or {})
    origins = _judged_origins(settings.get("frame_origins") or ())
    durable = settings.get("durable")
    if durable and not operation.durable:
        raise BadSetting("durable", f"{operation.slug} is never kept")
    kept = {name: value for name, value in policy.dump().items() if value}
    kept |= {} if durable in {None, operation.durable} else {"durable": durable}
    kept |= {"presets": presets} if presets else {}
    kept |= {"frame_origins": origins} if origins else {}
    return {**kept, "texts": texts} if texts else kept


def _judge_types(operation: Operation, policy: Policy) -> None:
    taken = {name for part in operation.parts for name in part.types}
    if strange := sorted((policy.types or frozenset()) - taken):
        there = ", ".join(sorted(taken))
        raise BadSetting("types", f"{operation.slug} takes no {', '.join(strange)}; it takes: {there}")


def _judged_origins(origins: Sequence[str]) -> list[str]:
    """Origins as browsers write them, each once. Each is named: what happens in the form is said to them."""
    kept = []
    for given in origins:
        try:
            one = config.origin(given)
        except ValueError:
            raise BadOrigin(given[:200]) from None
        parts = urlsplit(one)
        secure = parts.scheme == "https" or parts.hostname in LOOPBACK
        if not secure or not HOST.fullmatch(parts.hostname or ""):
            raise BadOrigin(given[:200])
        kept.append(one)
    if len(kept) > MOST_ORIGINS:
        raise BadSetting("frame_origins", f"a form is framed by {MOST_ORIGINS} origins at most")
    return list(dict.fromkeys(kept))


def _judged_texts(texts: Mapping[str, Mapping[str, str | None] | None]) -> dict[str, dict[str, str]]:
    """A form's own words by language, of which what is empty is left to the operation."""
    if strange := sorted(texts.keys() - set(LANGUAGES)):
        raise BadSetting("texts", f"there is no {', '.join(strange)}; there are: {', '.join(LANGUAGES)}")
    kept = {code: _judged_words(words) for code, words in texts.items() if words}
    return {code: words for code, words in kept.items() if words}


def _judged_words(words: Mapping[str, str | None]) -> dict[str, str]:
    if strange := sorted(words.keys() - LONGEST.keys()):
        raise BadSetting("texts", f"a form has no {', '.join(strange)} of its own; it has: {', '.join(LONGEST)}")
    kept = {name: text for name, value in words.items() if (text := _plain(value or ""))}
    for name, text in kept.items():
        if len(text) > LONGEST[name]:
            raise BadSetting("texts", f"{name} has at most {LONGEST[name]} characters")
        lines = text.split("\n") if name == "explanation" else [text]
        if not all(line.isprintable() for line in lines):
            raise BadSetting("texts", f"{name} has characters that cannot be shown")
    return kept


def _plain(text: str) -> str:
    """As it is kept however it was typed or pasted: lines end in one way, and a space is a space."""
    return "\n".join(text.replace("\xa0", " ").splitlines()).strip()


def _judge_presets(operation: Operation, presets: Mapping[str, str]) -> None:
    known = {field.name: field for field in operation.fields if field.kind != "password"}
    if strange := sorted(presets.keys() - known.keys()):
        have = ", ".join(known) or "none"
        raise BadSetting("presets", f"{operation.slug} has no field {', '.join(strange)} to preset; it has: {have}")
    for name, value in presets.items():
        _judge(known[name], value)


def _judge(field: Field, value: str) -> None:
    allowed = TICKED if field.kind == "checkbox" else tuple(one for one, _ in field.choices)
    if allowed and value not in allowed:
        raise BadSetting("presets", f"{field.name} can be {', '.join(allowed)}; not {value}")
    if len(value) > field.max_length:
        raise BadSetting("presets", f"{field.name} has at most {field.max_length} characters")
