"""Looks into archives and office files that are held in memory whole: what they unpack to, how much, how deep."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from app.checks import archive, content, names, office, ole
from app.checks.archive import Data, Entry
from app.checks.budget import Budget
from app.checks.errors import Unfit
from app.checks.patterns import Viruses
from app.checks.policy import Policy
from app.checks.types import Family, Type

#: Larger ones are not held.
MOST_BYTES: Final = 16 << 20
MOST_UNPACKED_BYTES: Final = 256 << 20
#: Office files come to twenty at most, unless made to.
MOST_RATIO: Final = 100
#: Below it no ratio is too much: a blank page packs well.
FREE_BYTES: Final = 1 << 20
#: An office file in an archive, with another one in it.
MOST_DEPTH: Final = 3

#: Of office programs, and archives by their beginning.
_GZIPPED_PICTURES: Final = (".emz", ".wmz")


class Inspected:
    """Holds a file until it is whole, and then looks into it. Without room for it, Busy is raised at once."""

    def __init__(self, type_: Type, size: int, allowed: Policy, budget: Budget) -> None:
        self._type = type_
        self._allowed = allowed
        self._budget = budget
        self._held = budget.hold(size)
        self._data = bytearray()

    def feed(self, block: bytes) -> None:
        self._data += block

    def finish(self) -> Mapping[str, Any]:
        try:
            _Look(self._type, self._budget, self._allowed).into(self._data, self._type)
        finally:
            self._data = bytearray()
            self._held.release()
        return {}


class _Look:
    """One look into a file and what it holds; counts what it comes to in all."""

    def __init__(self, outer: Type, budget: Budget, allowed: Policy) -> None:
        self._outer = outer
        self._budget = budget
        self._allowed = allowed
        self._entries = 0
        self._unpacked = 0

    def into(self, data: Data, type_: Type | None, depth: int = 1) -> None:
        """`type_` is known of the file that was handed in; of what it holds, nothing is."""
        if content.family(bytes(data[:16])) is Family.OLE:
            ole.check(data, type_name=type_.name if type_ else None, words=(type_ or self._outer).words)
            return
        if depth > MOST_DEPTH:
            raise Unfit("too-complex")
        found = archive.entries(data)
        self._count(found, len(data))
        plain = not any(entry.name == office.CONTENT_TYPES for entry in found)
        parts = b""
        for entry in found:
            self._refuse_by_name(entry, plain=plain)
            kept = self._member(data, entry, depth, plain=plain)
            parts = kept if entry.name == office.CONTENT_TYPES else parts
        if type_ is not None and type_.name in office.MAIN_PARTS:
            office.check(type_, parts, [entry.name for entry in found])

    def _count(self, found: tuple[Entry, ...], packed: int) -> None:
        """By what they say, which they are held to."""
        unpacked = sum(entry.size for entry in found)
        self._unpacked += unpacked
        self._entries += len(found)
        if (
            self._entries > archive.MOST_ENTRIES
            or self._unpacked > MOST_UNPACKED_BYTES
            or unpacked > max(FREE_BYTES, MOST_RATIO * packed)
        ):
            raise Unfit("unpacks-too-large")

    @staticmethod
    def _refuse_by_name(entry: Entry, *, plain: bool) -> None:
        if entry.name.lower().rpartition("/")[2] == office.MACROS:
            raise Unfit("macros")
        # Pictures of office files may be SVG: the program draws them and runs nothing.
        if plain and names.runs(entry.name):
            raise Unfit("program")

    def _member(self, data: Data, entry: Entry, depth: int, *, plain: bool) -> bytes:
        """Look at a member as it unpacks, and into it; gives the list of parts, if it is that."""
        listed = entry.name == office.CONTENT_TYPES
        if listed and entry.size > office.MOST_LIST_BYTES:
            raise Unfit("unpacks-too-large")
        pieces = archive.unpack(data, entry)
        start = bytearray()
        for piece in pieces:
            start += piece
            if len(start) >= content.HEAD_BYTES:
                break
        nested = self._is_archive(entry, bytes(start[: content.HEAD_BYTES]), plain=plain)
        held = self._budget.hold(entry.size) if nested else None
        viruses, kept = Viruses(), bytearray()
        doctypes = office.NoDoctype() if not plain and entry.name.lower().endswith((".xml", ".rels")) else None
        try:
            for piece in chain((bytes(start),), pieces):
                viruses.feed(piece)
                if doctypes:
                    doctypes.feed(piece)
                if nested or listed:
                    kept += piece
            if nested:
                self.into(kept, None, depth + 1)
        finally:
            if held:
                held.release()  # a refusal that is kept would keep it
        return bytes(kept) if listed else b""

    def _is_archive(self, entry: Entry, head: bytes, *, plain: bool) -> bool:
        """Whether a member has to be looked into too; what cannot be, or runs, is refused."""
        if content.is_program(head):
            raise Unfit("program")
        if content.family(head) in {Family.ZIP, Family.OLE}:
            if entry.size > MOST_BYTES:
                raise Unfit("unpacks-too-large")
            return True
        picture = not plain and entry.name.lower().endswith(_GZIPPED_PICTURES)
        if content.is_opaque(head) and not picture and not self._allowed.uninspected:
            raise Unfit("unreadable-archive")
        return False
