"""How commands look at what lies at a provider, and say why they could not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from app.cli import finding
from app.providers import registry
from app.providers.base import Outcome, Provider, Unavailable
from app.services import services
from app.tenants.models import Connection
from app.words import WORDS

P = TypeVar("P")


def found(org: str, name: str) -> Connection:
    """A connection of an organization, or of the house."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        return finding.connection(session, org, name)


def able(slug: str, power: type[P], what: str) -> P:
    """The provider of that slug, if it can do that."""
    provider: Provider = registry.provider(slug)
    if not isinstance(provider, power):
        raise click.ClickException(f"{provider.title} cannot {what}.")
    return provider


@contextmanager
def told() -> Iterator[None]:
    """Turn what a provider did not tell into a sentence."""
    try:
        yield
    except Unavailable as exc:
        raise click.ClickException(sentence(exc.outcome)) from None


def sentence(outcome: Outcome) -> str:
    """Why it ended as it did: in our words, and in the provider's own."""
    params = defaultdict(lambda: "the organization", outcome.params)
    ours = WORDS[outcome.problem] % params if outcome.problem in WORDS else outcome.ending.value
    theirs = "; ".join(str(one) for one in (outcome.http_status, outcome.code, outcome.message) if one)
    return f"{ours} ({theirs})" if theirs else ours
