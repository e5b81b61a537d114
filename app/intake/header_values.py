"""A header's value with its parameters, read by the grammar and not by what most clients seem to mean."""

from __future__ import annotations

import re

_WORD = r"[0-9A-Za-z!#$%&'*+.^_`|~-]+"
_FIRST = re.compile(rf"{_WORD}(?:/{_WORD})?")
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*({_WORD})=(?:({_WORD})|"([^"]*)")')


def parse(value: str) -> tuple[str, dict[str, str]] | None:
    """The value's first word, in lower case, and its parameters, by name in lower case.

    None where it does not keep the grammar or has a parameter twice: two readers would each take another one. A
    backslash is left as it is, since some clients mean it and others quote with it; who cannot have one refuses it.
    """
    first = _FIRST.match(value)
    if first is None:
        return None
    parameters: dict[str, str] = {}
    position = first.end()
    while position < len(value):
        parameter = _PARAMETER.match(value, position)
        if parameter is None or parameter[1].lower() in parameters:
            return None
        parameters[parameter[1].lower()] = parameter[2] or parameter[3] or ""
        position = parameter.end()
    return first[0].lower(), parameters
