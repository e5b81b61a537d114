"""`flask connection test`: what each provider makes of a credential and of where a connection leads, in words."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final

import pytest

from app.providers import registry
from tests.cli.conftest import Run
from tests.relay.house import PLACES, Place
from tests.servers import Sandbox

Tried = tuple[int, str]
#: Somebody else's.
ANOTHER: Final = str(uuid.UUID(int=1))


@pytest.fixture
def places(sandbox: Sandbox) -> dict[str, Place]:
    """An account at every provider."""
    sandbox.clear()
    made = {slug: make(sandbox) for slug, make in PLACES.items()}
    sandbox.seed(**{slug: place.seed for slug, place in made.items()})
    return made


def tried(run: Run, provider: str, settings: Mapping[str, Any], *secret: str) -> Tried:
    """Add a connection, untried, and test it: the command's exit code and all that it says."""
    given = [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
    add = ("connection", "add", "acme", provider, "--environment", "sandbox", *given, "--no-verify")
    added = run(*add, stdin="".join(f"{one}\n" for one in secret))
    assert added.exit_code == 0, added.output
    done = run("connection", "test", "acme", provider)
    assert not [one for one in secret if one and one in done.output]
    return done.exit_code, done.output


def refusal(detail: str) -> str:
    return f"Error: The provider does not take it: {detail}\n"


def test_every_provider_is_tried() -> None:
    slugs = {operation.provider for operation in registry.operations()}
    assert slugs == set(WORKS) == set(REFUSED)
    assert {slug for slug in slugs if registry.provider(slug).settings.model_fields} == {slug for slug, *_ in NOWHERE}


WORKS: Final = {
    "codat": "the connection takes business documents files",
    "factify": "Acme; no limit of documents",
    "facturapi": "Acme, RFC not known there yet",
    "flatfile": "environment “dev”, space “March”",
    "formkiq": "site “default” can be read; whether it may write there shows with the first upload",
}


@pytest.mark.parametrize("provider", WORKS)
def test_a_good_credential(run: Run, acme: str, places: dict[str, Place], provider: str) -> None:
    place = places[provider]
    assert tried(run, provider, place.settings, place.key) == (0, f"It works: {WORKS[provider]}\n")


#: In the provider's own words, each of which has others.
REFUSED: Final = {
    "codat": "credential-refused: Unauthorized; 401",
    "factify": "credential-refused: The API key is not valid; invalid_api_key; 401",
    "facturapi": "credential-refused: La llave secreta no es válida.; api_key_invalid; 401",
    "flatfile": "credential-refused: environment {environment_id}; Unauthorized; 401",
    "formkiq": "credential-refused: Forbidden; 403",
}


@pytest.mark.parametrize("provider", REFUSED)
def test_a_refused_credential(run: Run, acme: str, places: dict[str, Place], provider: str) -> None:
    code, said = tried(run, provider, places[provider].settings, "sk_nobody_" + secrets.token_hex(12))
    assert (code, said) == (1, refusal(REFUSED[provider].format(**places[provider].settings)))


#: Which setting is wrong, and what is said of it.
NOWHERE: Final[list[tuple[str, dict[str, str], str]]] = [
    ("codat", {"company_id": ANOTHER}, f"settings-wrong: Company {ANOTHER} not found; 404"),
    (
        "codat",
        {"connection_id": ANOTHER},
        "the company has no such connection; it has: business documents",
    ),
    (
        "facturapi",
        {"organization_id": "f" * 24},
        "settings-wrong: Esta llave secreta no permite hacer esta operación.; api_key_not_allowed; 401",
    ),
    (
        "flatfile",
        {"environment_id": "us_env_nothing"},
        "settings-wrong: environment us_env_nothing; id: Environment us_env_nothing was not found; 404",
    ),
    (
        "flatfile",
        {"space_id": "us_sp_nothing"},
        "settings-wrong: space us_sp_nothing; id: Space us_sp_nothing was not found; 404",
    ),
    ("flatfile", {"base_url": "{sandbox}/elsewhere/v1"}, "settings-wrong: environment {environment_id}; 404"),
    # Where the gateway does not go.
    ("flatfile", {"base_url": "http://127.0.0.1:9/v1"}, "settings-wrong: environment {environment_id}; egress"),
    ("formkiq", {"site_id": "nowhere"}, "settings-wrong: fkq access denied to siteId (nowhere); 403"),
    ("formkiq", {"base_url": "{sandbox}/elsewhere"}, "settings-wrong: 404"),
    ("formkiq", {"base_url": "http://127.0.0.1:9"}, "settings-wrong: egress"),
]


@pytest.mark.parametrize(
    ("provider", "wrong", "expected"), NOWHERE, ids=[f"{slug}-{'-'.join(wrong)}" for slug, wrong, _ in NOWHERE]
)
def test_settings_that_lead_nowhere(
    run: Run, acme: str, places: dict[str, Place], sandbox: Sandbox, provider: str, wrong: dict[str, str], expected: str
) -> None:
    changed = {name: value.replace("{sandbox}", sandbox.url) for name, value in wrong.items()}
    settings = {**places[provider].settings, **changed}
    said = refusal(expected.format(**settings))
    assert tried(run, provider, settings, places[provider].key) == (1, said)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("accounting", (0, "It works: the connection takes accounting files\n")),
        ("banking", (0, "It works: the connection takes banking files\n")),
        ("other", (1, refusal("the connection (Xero) takes no files; the company has: Xero"))),
    ],
)
def test_codats_kinds_of_connections(
    run: Run, acme: str, places: dict[str, Place], sandbox: Sandbox, kind: str, expected: Tried
) -> None:
    place = places["codat"]
    connections = [{"id": place.settings["connection_id"], "kind": kind}]
    company = {"id": place.settings["company_id"], "name": "Acme", "connections": connections}
    sandbox.seed(codat={"clients": [{"key": place.key, "companies": [company]}]})
    assert tried(run, "codat", place.settings, place.key) == expected


def test_flatfiles_space_is_in_the_environment(run: Run, acme: str, places: dict[str, Place], sandbox: Sandbox) -> None:
    place = places["flatfile"]
    other = {"id": "us_env_other", "name": "prod"}
    (account,) = place.seed["accounts"]
    sandbox.seed(flatfile={"accounts": [account | {"environments": [*account["environments"], other]}]})
    said = refusal(f"settings-wrong: space “March” is in another environment, {place.settings['environment_id']}")
    assert tried(run, "flatfile", {**place.settings, "environment_id": other["id"]}, place.key) == (1, said)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"use": "id"}, "this is an ID token; an access token is needed"),
        ({"seconds": -60}, r"the token ended at \d{4}-\d\d-\d\d \d\d:\d\d UTC; get a new one"),
        (
            {"groups": ["default_read", "legal"]},
            r"the token does not let it write to site “default” \(its groups: default_read, legal\)",
        ),
        ({"groups": []}, r"the token does not let it write to site “default” \(its groups: none\)"),
    ],
    ids=["id", "ended", "read-only", "no-groups"],
)
def test_a_token_that_would_be_refused_is_not_sent(
    run: Run, acme: str, places: dict[str, Place], sandbox: Sandbox, asked: dict[str, Any], expected: str
) -> None:
    code, said = with_token(run, sandbox, asked)
    assert code == 1
    assert re.fullmatch(re.escape(refusal("{}")).replace(r"\{\}", expected), said), said
    assert sandbox.ledger("formkiq") == []


@pytest.mark.parametrize(
    ("asked", "renewable", "expected"),
    [
        ({}, False, "nothing renews the token: use a key for forms that nobody watches"),
        ({}, True, "the token is renewed by itself"),
        # It has ended, and is renewed before it is tried.
        ({"seconds": -60}, True, "the token is renewed by itself"),
        ({"groups": ["Admins"]}, True, "the token is renewed by itself"),
    ],
    ids=["alone", "renewable", "ended", "admin"],
)
def test_a_good_token(
    run: Run,
    acme: str,
    places: dict[str, Place],
    sandbox: Sandbox,
    asked: dict[str, Any],
    renewable: bool,
    expected: str,
) -> None:
    code, said = with_token(run, sandbox, asked, renewable=renewable)
    assert (code, said.splitlines()[0]) == (0, f"It works: site “default” can be read; {expected}")
    assert ("It ends by itself on" in said) is not renewable


def test_a_token_of_nobodys(run: Run, acme: str, places: dict[str, Place], sandbox: Sandbox) -> None:
    settings = token_settings(sandbox)
    expected = refusal("this is not a token (a JWT)")
    assert tried(run, "formkiq", settings, "no.token", "", "") == (1, expected)


def with_token(run: Run, sandbox: Sandbox, asked: Mapping[str, Any], *, renewable: bool = False) -> Tried:
    """Test a connection with such a token."""
    order = {"groups": ["default"], "use": "access", "seconds": 3600, **asked}
    given = sandbox.control("POST", "/formkiq/token", order)
    renewing = (given["refresh_token"], given["client_id"]) if renewable else ("", "")
    return tried(run, "formkiq", token_settings(sandbox), given["token"], *renewing)


def token_settings(sandbox: Sandbox) -> dict[str, str]:
    return {"base_url": f"{sandbox.url}/formkiq/jwt", "auth": "token"}


#: With a key that is lent, and no settings.
HOUSE: Final = {
    "codat": (0, "It works: the key works; which companies it is for shows with their connections\n"),
    "factify": (0, "It works: Acme; no limit of documents\n"),
    # The house's has to be the account's: an organization's own is good for that alone.
    "facturapi": (1, refusal(NOWHERE[2][2])),
    "flatfile": (0, "It works: the key works; which spaces it is for shows with their connections\n"),
    "formkiq": (1, refusal("the key was not tried: those that borrow it say for which installation")),
}


@pytest.mark.parametrize("provider", WORKS)
def test_the_houses_key(run: Run, places: dict[str, Place], provider: str) -> None:
    add = ("connection", "add", "house", provider, "--environment", "sandbox", "--no-verify")
    assert run(*add, stdin=places[provider].key + "\n").exit_code == 0
    done = run("connection", "test", "house", provider)
    assert (done.exit_code, done.output) == HOUSE[provider]


@pytest.mark.parametrize("provider", ["codat", "factify", "flatfile"])
def test_the_houses_key_is_refused(run: Run, places: dict[str, Place], provider: str) -> None:
    add = ("connection", "add", "house", provider, "--environment", "sandbox")
    done = run(*add, stdin="sk_nobody_0123456789abcdef\n")
    assert done.exit_code == 1
    assert "credential-refused: " in done.output
    assert "401" in done.output
