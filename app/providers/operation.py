"""What every operation declares: pure data, which forms, checks, API and docs are built from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30


class Mode(StrEnum):
    """How an upload travels: held in memory, spooled and retried, or passed through once."""

    DIRECT = "direct"
    DURABLE = "durable"
    RELAY = "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that an operation takes. `label` and `help` are messages for translation."""

    name: str
    label: str
    help: str = ""
    max_bytes: int
    #: Ending that the right file usually has, shown as a hint and never enforced by name.
    ending: str = ""
    #: Types that are taken, as `app.checks.types` names them; a form may narrow them. Empty: its check knows.
    types: tuple[str, ...] = ()
    #: Whether nobody but the provider may see it: not even the antivirus, which keeps what it is shown in a file.
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value that an operation takes beside its files. `label`, `help` and the choices' words are for translation."""

    name: str
    label: str
    help: str = ""
    kind: Literal["text", "long", "password", "checkbox", "choice"] = "text"
    required: bool = True
    max_length: int = 200
    #: Of kind `choice`: value and word of each.
    choices: tuple[tuple[str, str], ...] = ()
    #: Whether a customer is asked for it; else it is the operator's to preset in a form, or an API caller's to give.
    asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a provider takes. With `parts` it is a file or several, without any it is its fields alone."""

    slug: str
    title: str
    #: What is asked for and why, in a sentence or two for the customer.
    intro: str
    #: Where the customer finds it.
    where: str = ""
    #: The first is the default.
    modes: tuple[Mode, ...]
    parts: tuple[Part, ...]
    fields: tuple[Field, ...] = ()
    #: Name of the check that all parts pass together (`app.checks`).
    check: str = "document"
    #: Whether a new form for it is open at once; an e.firma's waits for an operator.
    open: bool = True
    #: The same upload sent again takes the place of what arrived: no second one can come of it.
    repeatable: bool = False
    #: How long one that was accepted is tried again, before it is left to a person.
    patience: timedelta = timedelta(days=1)

    @property
    def provider(self) -> str:
        return self.slug.partition("/")[0]

    @property
    def durable(self) -> bool:
        """Whether a copy may be kept of what is handed in."""
        return Mode.DURABLE in self.modes

    def mode(self, *, durable: bool | None = None) -> Mode:
        """How it travels: its first mode, or whether a copy is to be kept, where it lets one choose."""
        wanted = {None: self.modes[0], True: Mode.DURABLE, False: Mode.RELAY}[durable]
        return wanted if wanted in self.modes else self.modes[0]

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]

    @property
    def body_bytes(self) -> int:
        """Most bytes that a whole hand-in can have: its parts, its fields, and room for the framing."""
        return sum(part.max_bytes for part in self.parts) + sum(4 * f.max_length for f in self.fields) + 16 * KIB
