"""Every operation that a provider has, as far as the sandbox knows them, has been weighed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from app.passthrough.faces import FACES
from app.passthrough.rules import Rule, Verdict
from app.providers import registry
from app.sandbox import PROVIDERS

#: Beside what they may leave out, Werkzeug adds these by itself.
NOBODYS = {"HEAD", "OPTIONS"}


def routes(provider: str) -> Iterator[tuple[str, str]]:
    """Method and path of all that the simulated provider answers, below what its API's paths begin with."""
    app = Flask(__name__)
    (simulated,) = (one for one in PROVIDERS if one.slug == provider)
    app.register_blueprint(simulated.blueprint)
    begins = f"/{provider}{FACES[provider].base_path}"
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"\1", rule.rule)
        if "<path:prefix>" in rule.rule or re.search("//|/jwt/|/cognito", path) or not path.startswith(f"{begins}/"):
            continue  # where files can be had, who renews tokens, and the same below another address
        for method in sorted((rule.methods or set()) - NOBODYS):
            yield method, path.removeprefix(begins)


@pytest.mark.parametrize("provider", sorted(FACES))
def test_what_the_provider_has_is_in_a_row(provider: str) -> None:
    """The sandbox implements the operation table of the provider's contract: a row that is missing here shows."""
    known = list(routes(provider))
    assert known
    missing = [f"{method} {path}" for method, path in known if FACES[provider].rules.find(method, path) is None]
    assert missing == []


@pytest.mark.parametrize(("provider", "row"), [(face.slug, row) for face in FACES.values() for row in face.rules])
def test_a_row_makes_sense(provider: str, row: Rule) -> None:
    face = FACES[provider]
    assert row.reason.endswith(".")
    assert "\n" not in row.reason
    assert len(row.call) <= 200  # as the database keeps it
    if row.operation is not None:
        assert row.verdict is not Verdict.DENY
        operation = registry.operation(row.operation)
        assert operation.provider == provider
        assert set(row.parts.values()) <= {part.name for part in operation.parts}
    parameters = set(re.findall(r"\{(\w+)\}", row.path))
    settings = registry.provider(provider).settings.model_fields
    for owned in row.owned:
        assert owned.setting in settings
        assert owned.where != "path" or owned.name in parameters
    assert set(re.findall(r"\{(\w+)\}", row.again)) <= {*parameters, "reference"}
    filled = re.sub(r"\{\w+\}", "a", row.path)
    found = face.rules.find(row.method, filled)
    assert found is not None
    assert found.rule is row


@pytest.mark.parametrize("provider", sorted(FACES))
def test_what_hands_in_is_in_a_row_that_hands_in(provider: str) -> None:
    handed = {row.operation for row in FACES[provider].rules if row.operation}
    wanted = {one.slug for one in registry.provider(provider).operations if one.parts}
    assert handed == wanted
