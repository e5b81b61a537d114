"""Why a call is not passed on.

Refusal
├── NoSuchProvider     404    the address names no provider that there is
├── NoConnection       404    the token's organization has none to that provider, or none of that name
├── WhichConnection    400    it has several, and the address does not say which
├── NotListed          403    the call is in no row of the provider's rules, or its path could be read in two ways
├── NotPassedOn        403    it is in a row that says no
│   ├── NotOpened      403    ... unless somebody opens the connection for it
│   └── NotBorrowed    403    ... for who borrows a credential
├── Foreign            404    it names something that is not the connection's
├── NoAnswerCame       502    the provider gave none; `outcome` says why
└── Unfit              400    a body that this call does not have
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal
from app.providers.base import Outcome


class NoSuchProvider(Refusal):
    """No provider of that name."""

    slug: ClassVar[str] = "not-found"
    status: ClassVar[int] = 404


class NoConnection(Refusal):
    """The token's organization has no such connection."""

    slug: ClassVar[str] = "no-connection"
    status: ClassVar[int] = 404


class WhichConnection(Refusal):
    """The organization has several connections to that provider."""

    slug: ClassVar[str] = "which-connection"


class NotListed(Refusal):
    """What is in no row is not passed on."""

    slug: ClassVar[str] = "call-not-listed"
    status: ClassVar[int] = 403


class NotPassedOn(Refusal):
    """A row says no; `params["reason"]` says why."""

    slug: ClassVar[str] = "call-denied"
    status: ClassVar[int] = 403


class NotOpened(NotPassedOn):
    """The connection was not opened for it."""

    slug: ClassVar[str] = "call-not-open"


class NotBorrowed(NotPassedOn):
    """The credential is the house's, and this is not about this one organization alone."""

    slug: ClassVar[str] = "call-not-lent"


class Foreign(Refusal):
    """An id that is not the connection's: answered as if it did not exist."""

    slug: ClassVar[str] = "not-found"
    status: ClassVar[int] = 404


class Unfit(Refusal):
    """A body that the call does not have: a form where none is looked at, or no JSON object where an id has to be."""

    slug: ClassVar[str] = "bad-request"


class NoAnswerCame(Refusal):
    """The provider did not answer, or could not be asked."""

    slug: ClassVar[str] = "provider-unreachable"
    status: ClassVar[int] = 502

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(**outcome.params)
        self.outcome = outcome
        self.retry_after = outcome.retry_after
