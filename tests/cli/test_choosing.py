"""Settings that the provider itself can name: picked from its list, or made there."""

from __future__ import annotations

import pytest

from app.database import Database
from app.tenants import connections, doors
from tests.cli.conftest import Run
from tests.servers import Sandbox

USER_KEY = "sk_user_0123456789abcdef0123456789abcdef"
SECRET_KEY = "sk_0123456789abcdef0123456789abcdef"
FLATFILE = ("connection", "add", "acme", "flatfile", "--environment", "sandbox", "--secret-env", "key=THE_KEY")


def settings_of(database: Database, name: str) -> dict[str, str]:
    with database.transaction(doors.organization(database, "acme")) as session:
        found = connections.by_name(session, name)
        assert found
        return dict(found.settings)


@pytest.fixture
def flatfile(sandbox: Sandbox) -> tuple[str, ...]:
    """An account with two environments and a space in the second."""
    sandbox.clear()
    environments = [{"id": "us_env_first001", "name": "dev"}, {"id": "us_env_second02", "name": "prod"}]
    spaces = [{"id": "us_sp_march0001", "name": "March", "environment_id": "us_env_second02"}]
    sandbox.seed(flatfile={"accounts": [{"key": SECRET_KEY, "environments": environments, "spaces": spaces}]})
    return (*FLATFILE, "--setting", f"base_url={sandbox.url}/flatfile/v1")


def test_settings_are_picked_one_after_the_other(
    run: Run, acme: str, flatfile: tuple[str, ...], database: Database
) -> None:
    done = run(*flatfile, "--pick", "environment_id", "--pick", "space_id", stdin="2\n1\n", env={"THE_KEY": SECRET_KEY})
    assert done.exit_code == 0, done.output
    assert "us_env_first001  dev" in done.output
    assert SECRET_KEY not in done.output
    held = settings_of(database, "flatfile")
    assert (held["environment_id"], held["space_id"]) == ("us_env_second02", "us_sp_march0001")
    listed = run("connection", "choices", acme, "flatfile", "space_id").output
    assert "us_sp_march0001" in listed


def test_a_setting_is_made_at_the_provider(
    run: Run, acme: str, flatfile: tuple[str, ...], database: Database, sandbox: Sandbox
) -> None:
    given = ("--setting", "environment_id=us_env_first001", "--make", "space_id=April")
    done = run(*flatfile, *given, env={"THE_KEY": SECRET_KEY})
    assert done.exit_code == 0, done.output
    assert "Made April: space_id=us_sp_" in done.output
    assert settings_of(database, "flatfile")["space_id"].startswith("us_sp_")


def test_a_house_key_makes_the_organization_of_a_new_customer(
    run: Run, acme: str, database: Database, sandbox: Sandbox
) -> None:
    sandbox.clear()
    sandbox.seed(facturapi={"user_keys": [USER_KEY], "organizations": []})
    house = ("connection", "add", "house", "facturapi", "--environment", "sandbox", "--name", "ours")
    assert run(*house, stdin=f"{USER_KEY}\n").exit_code == 0
    add = ("connection", "add", acme, "facturapi", "--environment", "sandbox", "--lent-by", "ours")
    done = run(*add, "--make", "organization_id=Acme")
    assert done.exit_code == 0, done.output
    assert "It works" in done.output
    assert settings_of(database, "facturapi")["organization_id"] in done.output


def test_the_house_has_nothing_to_pick(run: Run) -> None:
    done = run("connection", "add", "house", "facturapi", "--environment", "live", "--make", "organization_id=Acme")
    assert "has no settings to pick or make" in done.output


def test_what_cannot_be_picked_is_said(run: Run, acme: str, flatfile: tuple[str, ...]) -> None:
    done = run(*flatfile, "--pick", "colour", env={"THE_KEY": SECRET_KEY})
    assert done.exit_code == 2
    assert "cannot name values of “colour”" in done.output


def test_what_the_provider_refuses_is_said_and_nothing_is_kept(run: Run, acme: str, flatfile: tuple[str, ...]) -> None:
    done = run(*flatfile, "--pick", "environment_id", env={"THE_KEY": "sk_somebody_elses_key_0123456789"})
    assert done.exit_code == 1
    assert "401" in done.output
    assert "somebody_elses" not in done.output
    assert run("connection", "list", acme).output == ""
