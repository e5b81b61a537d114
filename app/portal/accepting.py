"""What a form takes as a file, in words for people and in the list that browsers narrow their pickers by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from babel.lists import format_list
from flask_babel import gettext

from app.checks.types import TYPES
from app.portal.language import REGIONS, language, size
from app.providers.operation import Part

GB_TENTH: Final = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """A file input."""

    part: Part
    #: Endings, and types for phones, which know no endings; empty where anything may be picked and the check tells.
    accept: str
    endings: str
    #: What is taken and how much of it.
    note: str
    #: What is said of a file that has more.
    huge: str

    @classmethod
    def of(cls, part: Part, narrowed: frozenset[str] | None) -> Self:
        """The input of a part, whose types a form may have narrowed."""
        types = [TYPES[name] for name in part.types if narrowed is None or name in narrowed]
        # Of a limit no more is promised than there is.
        most = size(part.max_bytes // GB_TENTH * GB_TENTH or part.max_bytes)
        kinds = format_list(_grouped([gettext(one.words) for one in types]), style="or", locale=REGIONS[language()])
        endings = [ending for one in types for ending in one.endings]
        return cls(
            part=part,
            accept=",".join([*endings, *dict.fromkeys(one.media_type for one in types)]),
            endings=",".join(endings),
            note=gettext("%(kinds)s, at most %(size)s.", kinds=kinds, size=most) if types else "",
            huge=gettext("This file is larger than %(size)s, the most that is taken here.", size=most),
        )


def _grouped(words: list[str]) -> list[str]:
    """`Word (.doc)` and `Word (.docx)` as `Word (.doc, .docx)`."""
    endings: dict[str, list[str]] = {}
    for word in words:
        name, _, ending = word.partition(" (")
        endings.setdefault(name, []).extend([ending.rstrip(")")] if ending else [])
    return [f"{name} ({', '.join(found)})" if found else name for name, found in endings.items()]
