"""A call that hands in: what its provider's face knows of it, and how far it is on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from app.delivery.calls import Answered, Call, Whole
from app.delivery.origin import Result
from app.errors import Refusal
from app.intake.along import Along
from app.providers.base import Account, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.wire import Answer

#: What an answer means to the hand-in that it answers.
Judge = Callable[[HandIn, Account, Answer], Outcome]
#: Judges the form's fields as far as they have come; `True`: that is all of them.
CheckFields = Callable[[Mapping[str, str], bool], None]
#: What is remembered with the mark, so that a look can tell later whether it arrived.
Remember = Callable[[Mapping[str, str], datetime], Mapping[str, str]]
#: What is answered for something that is there by now; a call asks the provider. None: nothing can be.
Recall = Callable[[Outcome], Call | Whole | None]


class SentBefore(Refusal):
    """It is the same as one that was just sent without an answer; `result` is what is known of that one now."""

    status: ClassVar[int] = 409

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class Repeated(SentBefore):
    """That one arrived: this is not sent again."""

    slug: ClassVar[str] = "repeated"


class InDoubt(SentBefore):
    """Nobody knows yet whether it did: nor is it then."""

    slug: ClassVar[str] = "unconfirmed"
    status: ClassVar[int] = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class Handing:
    """A call that hands in, and what its provider's face knows of it."""

    #: Without a body.
    call: Call
    operation: Operation
    along: Along
    judge: Judge
    check: CheckFields
    baseline: Remember
    recall: Recall
    #: What the path says, as fields of the operation's.
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """What became of one, and what the provider says of it; None: that it cannot be asked, or does not tell."""

    result: Result
    answered: Answered | None


class Passage:
    """One hand-in on its way: where its bytes come from, and what is known of it by now."""

    def __init__(
        self,
        handing: Handing,
        blocks: Callable[[Callable[[bytes], bytes]], Iterator[bytes]],
        *,
        handin: Callable[[], HandIn],
        streams: bool,
    ) -> None:
        self.handing: Final = handing
        self.handin: Final = handin
        self.streams: Final = streams
        #: Of the file, as far as it has come.
        self.size = 0
        self.answered: Whole | None = None
        self._blocks = blocks

    def blocks(self) -> Iterator[bytes]:
        """The whole body, to be taken once."""
        return self._blocks(self._see)

    def _see(self, block: bytes) -> bytes:
        self.size += len(block)
        return block
