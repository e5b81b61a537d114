"""Looking again at what a provider has: whether an attempt arrived, and what became of what did."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.providers.base import Ending, HandIn, Outcome
from app.providers.wire import Answer, FilePart, Outgoing
from app.records.models import Upload
from app.tenants.models import Organization

#: So long after its mark a request may still be under way somewhere: until then 'it is not there' is not for good.
SETTLED: Final = timedelta(minutes=10)
#: Longest look while the caller waits.
LOOK_SECONDS: Final = 5.0
OCTETS: Final = "application/octet-stream"


class NoBytes(RuntimeError):  # noqa: N818 - says what there is not
    """A generator that only looks wants to send a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The source of a file of which only the record is left."""

    sha256: str | None

    def blocks(self) -> Iterator[bytes]:
        raise NoBytes


class Delivery:
    """A delivery's generator, and whether it has itself looked at what the provider has since it handed in."""

    def __init__(self, steps: Generator[Outgoing, Answer, Outcome]) -> None:
        self.looked = False
        self.steps: Final = self._watched(steps)

    def _watched(self, steps: Generator[Outgoing, Answer, Outcome]) -> Generator[Outgoing, Answer, Outcome]:
        handed_in = False
        try:
            outgoing = next(steps)
            while True:
                self.looked = handed_in
                handed_in = handed_in or outgoing.hands_in
                outgoing = steps.send((yield outgoing))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        finally:
            steps.close()


def recorded(upload: Upload, organization: Organization, baseline: Mapping[str, Any]) -> HandIn:
    """A hand-in as far as its record tells: no bytes, no fields, no secrets."""
    return HandIn(
        id=upload.id,
        organization=organization.slug,
        received_at=upload.created_at.astimezone(ZoneInfo(organization.timezone)),
        parts={
            part["name"]: FilePart(
                name=part["name"],
                filename=part["filename"],
                content_type=OCTETS,
                size=part["size"],
                source=Recorded(sha256=part["sha256"]),
            )
            for part in upload.parts
        },
        facts=upload.facts,
        baseline=baseline,
        reference=upload.reference,
    )


def believed(looked: Outcome, *, answered: bool, age: timedelta, settled: timedelta = SETTLED) -> Ending:
    """What to make of a look: that it is not there settles nothing while the request may still be on its way."""
    if looked.ending is Ending.FAILED and not answered and age < settled:
        return Ending.UNKNOWN
    return looked.ending


def learnt_at_once(attempt: Outcome, looked: Outcome) -> Outcome:
    """What a delivery in doubt comes to after a look that its caller waited for.

    Its own word for a failure counts if the look agrees; a look that learnt nothing leaves it in doubt.
    """
    ending = believed(looked, answered=attempt.http_status is not None, age=timedelta())
    if ending in {Ending.DELIVERED, Ending.FAILED}:
        return looked
    return attempt
