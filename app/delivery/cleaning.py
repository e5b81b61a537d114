"""Takes from a provider's words what we sent it in confidence, before they are kept or shown.

Providers quote. What is looked for is every run of a few characters of a secret, as it is and in the encodings that
answers come in; what is so short that it would blank half the alphabet withholds the text altogether.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, quote_plus

from app.providers.base import Outcome, Verdict

#: So much of a secret in a row is its echo; less is chance.
RUN: Final = 8
#: A secret shorter than this is a syllable of ordinary words.
SHORTEST: Final = 4
#: Most characters of a text that are worth keeping.
LONGEST: Final = 500
BLANK: Final = "…"

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_CODE: Final = re.compile(r"[\w.:-]{1,80}", re.ASCII)


class Cleaner:
    """Knows what is secret in one delivery."""

    def __init__(self, secrets: Collection[str | bytes]) -> None:
        self._secrets = secrets
        spelt = {spelling.casefold() for secret in secrets for spelling in _spellings(secret)} - {""}
        self._short = {one for one in spelt if len(one) < SHORTEST}
        self._whole = {one for one in spelt if SHORTEST <= len(one) <= RUN}
        #: Line feeds part them, and no text that is looked at has any.
        self._long = "\n".join(one for one in spelt if len(one) > RUN)

    def knowing(self, more: Collection[str | bytes]) -> Cleaner:
        """One that knows of more secrets; itself where there are none."""
        return Cleaner([*self._secrets, *more]) if more else self

    def outcome(self, outcome: Outcome) -> Outcome:
        """The same outcome, fit to be kept."""
        return replace(
            outcome,
            params=self._value(outcome.params),
            facts=self._value(outcome.facts),
            reference=self.text(outcome.reference, 200),
            code=self.code(outcome.code),
            message=self.text(outcome.message),
            log_id=self.code(outcome.log_id),
        )

    def verdict(self, verdict: Verdict) -> Verdict:
        """The same verdict, fit to be shown."""
        outcome = self.outcome(verdict.outcome) if verdict.outcome else None
        return replace(verdict, detail=self.text(verdict.detail) or "", outcome=outcome)

    def text(self, text: str | None, longest: int = LONGEST) -> str | None:
        """What is left of a text; None where nothing worth reading is."""
        if text is None:
            return None
        text = _UNPRINTABLE.sub(" ", text)[: 8 * LONGEST]
        folded = text.casefold()
        if any(short in folded for short in self._short):
            return None
        # Folding can change a text's length (ß); places in one are then none in the other.
        blanked = self._blank(text, folded) if len(text) == len(folded) else self._blank(folded, folded)
        return blanked[:longest].strip() or None

    def code(self, code: str | None) -> str | None:
        """A code or an id; None where it is none, or has a secret in it."""
        return code if code and _CODE.fullmatch(code) and self.text(code) == code else None

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self._value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        return value

    def _blank(self, text: str, folded: str) -> str:
        """Put a mark in the place of every run, joined where they overlap."""
        runs = {run for at in range(len(folded) - RUN + 1) if (run := folded[at : at + RUN]) in self._long}
        secret = [False] * len(text)
        for run in runs | self._whole:
            at = folded.find(run)
            while at >= 0:
                secret[at : at + len(run)] = [True] * len(run)
                at = folded.find(run, at + 1)
        kept = "".join("\0" if hidden else letter for letter, hidden in zip(text, secret, strict=True))
        return re.sub("\0+", BLANK, kept)


def _spellings(secret: str | bytes) -> Iterable[str]:
    """A secret as it may stand in an answer."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    for at in range(3):  # base64 writes three bytes as four letters: where they begin decides how they look
        written = base64.b64encode(raw[at:]).decode().rstrip("=")
        yield from (written, written.replace("+", "-").replace("/", "_"))
    yield raw.hex()
    if isinstance(secret, str):
        yield from (secret, quote(secret), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1])
