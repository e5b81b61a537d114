"""Tokens on the dashboard: made in words, shown once, given a successor, withdrawn; the house's for owners alone."""

from __future__ import annotations

import pytest

from app.dashboard.tokens import OVERLAPS, SAID
from app.tenants.models import ApiToken
from app.tenants.roles import Role
from app.tenants.tokens import SHAPE, Scope
from tests.dashboard.sitting import Two


def allowed(two: Two, text: str) -> int:
    """What the API says to whoever shows the token on a page."""
    found = SHAPE.search(text)
    assert found, text
    answer = two.app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {found[0]}"})
    return answer.status_code


def tokens(two: Two) -> dict[str, ApiToken]:
    with two.database.transaction(two.mine.id) as session:
        return {one.name: one for one in session.query(ApiToken).order_by(ApiToken.id)}


def test_every_scope_is_explained() -> None:
    assert set(SAID) == set(Scope)


def test_a_token_is_made_and_shown_once(two: Two) -> None:
    owner = two.sit()
    page = f"{two.root}/tokens/new"
    form = owner.see(page)
    assert all(f'value="{scope}"' in form for scope in Scope)
    made = owner.send(
        f"{two.root}/tokens",
        page,
        name="<b>till</b>",
        scopes=["uploads:write", "uploads:read"],
        networks="10.0.0.0/8 127.0.0.0/8",
        expires_at="2100-01-31",
    )
    assert made.status_code == 200, made.text
    assert allowed(two, made.text) == 200
    assert "&lt;b&gt;till&lt;/b&gt;" in made.text
    row = tokens(two)["<b>till</b>"]
    assert row.expires_at is not None
    # In the person's zone the day ends at 06:00 of the next.
    assert (row.expires_at.isoformat(), row.scopes) == ("2100-02-01T06:00:00+00:00", ["uploads:read", "uploads:write"])
    listed = owner.see(f"{two.root}/tokens")
    assert "&lt;b&gt;till&lt;/b&gt;" in listed
    assert not SHAPE.search(listed)
    assert two.actions("api_token.")[0][0] == "api_token.added"
    assert two.actions("api_token.")[0][1].startswith("user:")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "", "scopes": ["uploads:read"]}, 'id="name-fault"'),
        ({"name": "till"}, "scopes"),
        ({"name": "till", "scopes": ["uploads:read"], "networks": "nowhere"}, "networks"),
        ({"name": "till", "scopes": ["uploads:read"], "expires_at": "2001-01-01"}, "expires_at"),
        ({"name": "till", "scopes": ["uploads:read"], "expires_at": "soon"}, "expires_at"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    two: Two, fields: dict[str, str | list[str]], wrong: str
) -> None:
    before = tokens(two).keys()
    answer = two.sit().send(f"{two.root}/tokens", f"{two.root}/tokens/new", **fields)
    assert answer.status_code == 422
    assert wrong in answer.text
    assert f'value="{fields["name"]}"' in answer.text
    assert tokens(two).keys() == before


def test_a_successor_is_made_and_the_former_ends_after_the_overlap(two: Two) -> None:
    owner = two.sit()
    owner.send(f"{two.root}/tokens", f"{two.root}/tokens/new", name="till", scopes=["uploads:read"])
    former = tokens(two)["till"]
    made = owner.send(f"{two.root}/tokens/{former.id}/rotate", overlap_seconds="3600")
    assert made.status_code == 200, made.text
    assert allowed(two, made.text) == 200
    assert "3600" in OVERLAPS
    with two.database.transaction(two.mine.id) as session:
        replaced = session.get_one(ApiToken, former.id)
    assert replaced.rotated_at is not None
    assert replaced.expires_at is not None
    assert f"/tokens/{former.id}/rotate" not in owner.see(f"{two.root}/tokens")


def test_one_is_withdrawn_by_its_name(two: Two) -> None:
    owner, mine = two.sit(), tokens(two)["tests"]
    page = owner.see(f"{two.root}/tokens")
    assert "Withdraw “tests”?" in page
    gone = owner.send(f"{two.root}/tokens/{mine.id}/revoke")
    assert gone.status_code == 303
    assert tokens(two)["tests"].revoked_at is not None
    assert "Withdraw “tests”?" not in owner.see(f"{two.root}/tokens")


def test_nobody_reaches_anothers(two: Two) -> None:
    manager, their = two.sit(Role.MANAGER, at_mine=True), two.theirs
    with two.database.transaction(their.id) as session:
        token = session.query(ApiToken).one()
    assert manager.see(f"{two.root}/tokens")
    manager.see(f"/admin/organizations/{their.organization.slug}/tokens", 404)
    assert manager.send(f"{two.root}/tokens/{token.id}/revoke").status_code == 404
    with two.database.transaction(their.id) as session:
        assert session.get_one(ApiToken, token.id).revoked_at is None


def test_an_auditor_looks_and_changes_nothing(two: Two) -> None:
    auditor, mine = two.sit(Role.AUDITOR), tokens(two)["tests"]
    page = auditor.see(f"{two.root}/tokens")
    assert "tests" in page
    assert "New token" not in page
    assert "Withdraw" not in page
    auditor.see(f"{two.root}/tokens/new", 403)
    assert auditor.send(f"{two.root}/tokens/{mine.id}/revoke").status_code == 403


def test_the_houses_are_the_owners(two: Two) -> None:
    owner = two.sit()
    made = owner.send("/admin/house/tokens", "/admin/house/tokens/new", name="house till", scopes=["uploads:read"])
    assert allowed(two, made.text) == 200
    assert "house till" in owner.see("/admin/house/tokens")
    assert "<strong>house till" in owner.see("/admin/integrations?q=house+till")
    for role, status in ((Role.OPERATOR, 403), (Role.AUDITOR, 403)):
        other = two.sit(role)
        other.see("/admin/house/tokens", status)
        assert "<strong>house till" not in other.see("/admin/integrations?q=house+till")
    two.sit(Role.MANAGER, at_mine=True).see("/admin/house/tokens", 404)


def test_all_tokens_are_found_by_whose_they_are(two: Two) -> None:
    slug = two.mine.organization.slug
    found = two.sit(Role.AUDITOR).see(f"/admin/integrations?q={slug}")
    assert f"/admin/organizations/{slug}/tokens" in found
    assert two.theirs.organization.slug not in found
    manager = two.sit(Role.MANAGER, at_mine=True).client.get("/admin/integrations")
    assert (manager.status_code, manager.headers["Location"]) == (302, f"{two.root}/tokens")
