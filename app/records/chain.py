"""Chains: entries in order, each signed together with its place and the hash of the one before; what is wrong, where.

Nothing here touches the database. What is looked at comes in the order of the places that it says it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final

from app.records.signing import Keys

#: Places that one entry is tried at, where its own is not the one that was signed.
MOST_TRIED: Final = 100
#: Places of one gap that are named.
MOST_LISTED: Final = 1_000


class Wrong(StrEnum):
    """What can be wrong at a place of a chain."""

    CHANGED = "changed"
    MOVED = "moved"
    INSERTED = "inserted"
    MISSING = "missing"
    CUT_OFF = "cut off"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong, and at which place."""

    wrong: Wrong
    number: int
    #: Which entry stands there; None where none does.
    name: str | None = None
    #: The place that it was signed for, where it stands at another.
    belongs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry as it stands in its chain."""

    #: What it is found by.
    name: str
    number: int
    #: Hash of the one before; None: there is none.
    previous: bytes | None
    kid: str
    signature: bytes
    #: What was signed, if it was signed for that place.
    body: Callable[[int], bytes]
    #: Whether what is kept of it twice says the same twice.
    consistent: bool = True

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.body(self.number)).digest()

    def is_sound(self, keys: Keys) -> bool:
        """Whether it is what was signed, at the place that it was signed for."""
        return self.consistent and self.was_signed_for(self.number, keys)

    def was_signed_for(self, number: int, keys: Keys) -> bool:
        return keys.has_signed(self.kid, self.body(number), self.signature)


@dataclass(slots=True, kw_only=True)
class Looked:
    """What a chain came to."""

    #: Entries that are there, and the place and hash of the last one that is sound.
    count: int = 0
    number: int = 0
    hash: bytes | None = None
    faults: list[Fault] = field(default_factory=list)


def verify(links: Iterable[Link], keys: Keys, *, known: Mapping[int, bytes] | None = None, first: int = 1) -> Looked:
    """Look at a chain from its `first` place on.

    `known`: hashes of places that are known from elsewhere (its signed head, a receipt, a note): the chain has to
    reach the last of these, and say the same.
    """
    known, looked, broken, gaps = known or {}, Looked(number=first - 1), list[Link](), list[range]()
    place, before = first - 1, None  # what came before the first is not there to be compared
    comparable = first == 1
    for link in links:
        looked.count += 1
        if link.number <= place or not link.is_sound(keys):
            broken.append(link)
            comparable = False
            place += link.number == place + 1  # what is not sound may say that it stands anywhere
            continue
        if comparable and link.number == place + 1 and link.previous != looked.hash:
            looked.faults.append(_replaced(before or link))
        gaps.append(range(place + 1, link.number))
        comparable, before, place = True, link, link.number
        looked.number, looked.hash = link.number, link.hash
        if known.get(link.number, looked.hash) != looked.hash:
            looked.faults.append(_replaced(link))
    last = max(looked.number, max(known, default=place))
    gaps.append(range(place + 1, last + 1))
    looked.faults += _explain(broken, gaps, last, looked.number, keys)
    looked.faults.sort(key=lambda fault: fault.number)
    return looked


def _replaced(link: Link) -> Fault:
    """Signed and in its place, but not the one that was there when what follows was written."""
    return Fault(wrong=Wrong.REPLACED, number=link.number, name=link.name)


def _explain(broken: list[Link], gaps: list[range], last: int, reached: int, keys: Keys) -> Iterator[Fault]:
    """Say of each entry that is not sound where it belongs, and of each place that nothing sound is at, what it lacks.

    Nothing was signed for a place after `last`; `reached` is the last that a sound entry stands at.
    """
    empty = {number for gap in gaps for number in islice(gap, MOST_LISTED) if number <= last}
    owners = {id(link): _place_of(link, broken, empty, keys) for link in broken}
    taken = {place for place in owners.values() if place is not None}
    for link in broken:
        place = owners[id(link)]
        if place is not None:
            yield Fault(wrong=Wrong.MOVED, number=link.number, name=link.name, belongs=place)
            empty |= {link.number} if link.number <= last else set()
        elif link.number in taken or link.number > last or link.is_sound(keys):
            yield Fault(wrong=Wrong.INSERTED, number=link.number, name=link.name)
        else:
            taken.add(link.number)
            yield Fault(wrong=Wrong.CHANGED, number=link.number, name=link.name)
    reached = max(reached, *taken, 0)
    for number in empty - taken:
        yield Fault(wrong=Wrong.CUT_OFF if number > reached else Wrong.MISSING, number=number)


def _place_of(link: Link, broken: list[Link], empty: set[int], keys: Keys) -> int | None:
    """The place that an entry was signed for, where it stands at another or, by its order, elsewhere."""
    likely = [link.number - 1, link.number + 1, *(other.number for other in broken[:MOST_TRIED])]
    likely += sorted(empty)[:MOST_TRIED]
    tried = dict.fromkeys(number for number in likely if number != link.number or number in empty)
    return next((number for number in tried if link.was_signed_for(number, keys)), None)
