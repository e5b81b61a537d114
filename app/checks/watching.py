"""Watches a file pass: from its name, its size and its first bytes to its last, holding on to next to nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.checks import content, contents, names, policy, types
from app.checks.antivirus import Scanning, scanning
from app.checks.budget import INSPECTIONS, Budget
from app.checks.clamd import Scanner
from app.checks.contents import Content
from app.checks.errors import Busy, Rejected, ScannerAway, Unfit
from app.checks.image import Picture
from app.checks.patterns import Viruses
from app.checks.policy import Policy
from app.checks.types import TYPES, Type
from app.providers.operation import Operation, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """What the beginning of a file settles."""

    content_type: str
    facts: Mapping[str, Any]
    contents: tuple[Content, ...]


class Watch:
    """One file on its way. `begin`, then each block by `feed` and `scan`, then `finish`; what is wrong raises Rejected.

    `filename`, `content_type` and `facts` are known once it has begun. Archives are held in memory to be looked into;
    where there is no room for one more, `begin` raises Busy. Where the antivirus has to be asked and cannot be, all but
    `feed` raise ScannerAway.
    """

    filename: str
    content_type: str
    facts: Mapping[str, Any]

    def __init__(
        self,
        operation: Operation,
        part: Part,
        *,
        filename: str,
        declared: str,
        size: int,
        fields: Mapping[str, str],
        allowed: Policy,
        budget: Budget,
        scan: Scanning,
    ) -> None:
        self._operation = operation
        self._part = part
        self._named = filename
        self._declared = declared
        self._size = size
        self._fields = fields
        self._allowed = allowed
        self._budget = budget
        self._scan = scan
        self._viruses = Viruses()
        self._contents: tuple[Content, ...] = ()

    def foresee(self) -> None:
        """Judge what can be before there is a byte: fields, size, name, and the type that the name says."""
        policy.check_values(self._operation, self._text)
        policy.check_required(self._operation, self._text)
        policy.check_size(self._part, self._size)
        with self._verdicts():
            self.filename = names.clean(self._named)
            if self._operation.check == "document":
                self._named_type()

    def begin(self, head: bytes) -> None:
        """Judge all that is known before the first byte leaves; `head` is HEAD_BYTES of the file, or all of it."""
        policy.check_values(self._operation, self._text)
        policy.check_required(self._operation, self._text)
        policy.check_size(self._part, self._size)
        with self._verdicts():
            self.filename = names.clean(self._named)
            begun = _BEGINNINGS[self._operation.check](self, head)
            self._scan.begin(self._size)
        self.content_type, self._contents = begun.content_type, begun.contents
        self.facts = {self._part.name: begun.facts}

    def feed(self, block: bytes | memoryview) -> None:
        """See the next bytes pass; never waits."""
        whole = block if isinstance(block, bytes) else bytes(block)
        with self._verdicts():
            self._viruses.feed(whole)
            for looking in self._contents:
                looking.feed(whole)

    def scan(self, block: bytes | memoryview) -> None:
        """Show the next bytes to the antivirus, which may have to be waited for."""
        with self._verdicts():
            self._scan.feed(block)

    def finish(self) -> Mapping[str, Any]:
        """Judge the file as a whole, which may wait, too; gives its facts."""
        facts = dict(self.facts[self._part.name])
        with self._verdicts():
            for looking in self._contents:
                facts |= looking.finish()
            facts |= self._scan.finish()
        self._contents = ()
        self.facts = {self._part.name: facts}
        return self.facts

    def _text(self, name: str) -> str:
        return self._fields.get(name, "")

    @contextmanager
    def _verdicts(self) -> Iterator[None]:
        """Say of which part it is that something is unfit; what was held of the file is let go."""
        try:
            yield
        except Unfit as verdict:
            self._contents = ()
            raise verdict.rejected(self._part.name) from None
        except (Busy, ScannerAway) as unable:
            self._contents = ()
            unable.field = self._part.name
            raise

    def _begin_document(self, head: bytes) -> _Begun:
        """Name, declared type and content agree on a type that is taken."""
        content.refuse_never_taken(head)
        type_ = self._named_type()
        content.refuse_other_content(type_, head)
        looking = contents.of_document(type_, size=self._size, head=head, allowed=self._allowed, budget=self._budget)
        return _Begun(content_type=type_.media_type, facts={"type": type_.name}, contents=looking)

    def _named_type(self) -> Type:
        """The type that the name says, if it is taken and was declared."""
        type_ = self._type()
        names.refuse_second_endings(self.filename)
        if not types.agrees(type_, self._declared):
            raise Unfit("other-declared", declared=types.media_type(self._declared), kind=type_.words)
        return type_

    def _type(self) -> Type:
        """The type that the name says, if it is taken."""
        taken = frozenset(self._part.types or TYPES)
        if self._allowed.types is not None:
            taken &= self._allowed.types
        type_ = types.by_ending(names.ending(self.filename))
        if type_ is None or type_.name not in taken:
            raise Unfit("type-not-taken", kinds=types.words(taken))
        return type_

    def _begin_image(self, head: bytes) -> _Begun:
        """By its bytes alone: it is given another name on its way."""
        family = content.family(head)
        type_ = TYPES.get(family or "")
        if type_ is None or type_.name not in {"png", "jpeg"}:
            raise Unfit("image-unreadable")
        picture = Picture(type_.name, Unfit("image-unreadable"), extras=False)
        return _Begun(content_type=type_.media_type, facts={"format": type_.name}, contents=(picture,))


#: By the name that an operation gives as its `check`.
_BEGINNINGS: Final[Mapping[str, Callable[[Watch, bytes], _Begun]]] = {
    "document": Watch._begin_document,  # noqa: SLF001
    "image": Watch._begin_image,  # noqa: SLF001
}


def watch(
    operation: Operation,
    part_name: str,
    *,
    filename: str,
    content_type: str,
    size: int,
    fields: Mapping[str, str],
    policy: Policy,
    now: datetime,  # noqa: ARG001 - for checks of what expires
    budget: Budget = INSPECTIONS,
    scanner: Scanner | None = None,
) -> Watch:
    """Of a file that arrives as this part, `size` bytes long; raises Rejected where the operation has no such part."""
    part = next((part for part in operation.parts if part.name == part_name), None)
    if part is None:
        raise Rejected("unknown-part", field=part_name, name=part_name)
    return Watch(
        operation,
        part,
        filename=filename,
        declared=content_type,
        size=size,
        fields=fields,
        allowed=policy,
        budget=budget,
        scan=scanning(scanner),
    )
