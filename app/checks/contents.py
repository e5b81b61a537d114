"""What looks at a file of each type while it passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from app.checks import inspection
from app.checks.budget import Budget
from app.checks.errors import Unfit
from app.checks.image import Picture
from app.checks.inspection import Inspected
from app.checks.patterns import HiddenArchive
from app.checks.pdf import Pdf
from app.checks.policy import Policy
from app.checks.text import Text
from app.checks.types import Family, Type
from app.checks.xml import Xml


class Content(Protocol):
    """Looks at what a file is made of. Both raise Unfit."""

    def feed(self, block: bytes, /) -> None: ...

    def finish(self) -> Mapping[str, Any]:
        """What is worth knowing of a file that passed."""
        ...


class Uninspected:
    """An archive that is too large to be looked into, and is taken all the same."""

    def feed(self, block: bytes) -> None:
        """There is nothing to do."""

    def finish(self) -> Mapping[str, Any]:
        return {"inspected": False}


def of_document(type_: Type, *, size: int, head: bytes, allowed: Policy, budget: Budget) -> tuple[Content, ...]:
    """For a file that begins so. Raises Unfit for what that tells already, Busy where there is no room for it."""
    match type_.family:
        case Family.PDF:
            return Pdf(type_, size, allowed), HiddenArchive(size)
        case Family.PNG | Family.JPEG:
            return Picture(type_.name, Unfit("damaged-file", kind=type_.words), extras=True), HiddenArchive(size)
        case Family.XML:
            return (Xml(type_),)
        case Family.TEXT | Family.JSON:
            return (Text(type_, head),)
    if size <= inspection.MOST_BYTES:
        return (Inspected(type_, size, allowed, budget),)
    if not allowed.uninspected:
        raise Unfit("not-inspected", limit=inspection.MOST_BYTES)
    return (Uninspected(),)
