"""`flask webhook`: an endpoint's life on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook

from app.config import Settings
from app.database import Database
from app.records.models import WebhookDelivery
from app.tenants import doors
from tests.cli.conftest import Run
from tests.webhooks.receiver import Receiver, receiving, status

HOOKS = "https://hooks.example/v1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, receiver: Receiver) -> Settings:
    """Those of a gateway that may go to the receiver."""
    return settings.model_copy(update={"egress_allow": (*settings.egress_allow, receiver.url)})


def add(run: Run, org: str, url: str = HOOKS, *options: str) -> tuple[str, str]:
    """Make an endpoint; its id and secret."""
    done = run("webhook", "add", org, url, *options)
    assert done.exit_code == 0, done.output
    return done.stderr.strip().rstrip(".").split()[-1], done.stdout.strip()


def test_one_is_added_and_its_secret_shown_once(run: Run, acme: str) -> None:
    endpoint, secret = add(run, acme, HOOKS, "--event", "upload.delivered")
    assert secret.startswith("whsec_")
    listed = run("webhook", "list", acme).output
    assert endpoint in listed
    assert HOOKS in listed
    assert "upload.delivered" in listed
    assert "in use" in listed
    assert secret not in listed
    _, everything = add(run, acme)
    assert everything != secret
    assert "everything" in run("webhook", "list", acme).output


def test_where_no_webhook_goes_none_is_added(run: Run, acme: str) -> None:
    done = run("webhook", "add", acme, "http://hooks.example/")
    assert (done.exit_code, done.output) == (1, "Error: “http://hooks.example/” cannot be the url.\n")
    assert "is not one of" in run("webhook", "add", acme, HOOKS, "--event", "everything").output


def test_a_try_says_what_is_answered(run: Run, acme: str, receiver: Receiver) -> None:
    endpoint, secret = add(run, acme, receiver.url)
    assert run("webhook", "test", acme, endpoint).output == "It arrived: 204.\n"
    assert Webhook(secret).verify(receiver.came[0].body, receiver.came[0].headers)["type"] == "webhook.test"
    receiver.answers.append(status(500))
    done = run("webhook", "test", acme, endpoint)
    assert (done.exit_code, done.output) == (1, "Error: It did not arrive: 500.\n")


def test_disabled_and_enabled(run: Run, acme: str) -> None:
    endpoint, _ = add(run, acme)
    assert "not disabled" in run("webhook", "enable", acme, endpoint).output
    assert run("webhook", "disable", acme, endpoint).output == "Disabled.\n"
    assert "disabled before" in run("webhook", "disable", acme, endpoint).output
    assert "operator" in run("webhook", "list", acme).output
    assert "Enable it first" in run("webhook", "redeliver", acme, endpoint, "--failed").output
    assert run("webhook", "enable", acme, endpoint).output == "Enabled.\n"


def test_a_new_secret_signs_beside_the_former(run: Run, acme: str, receiver: Receiver) -> None:
    endpoint, former = add(run, acme, receiver.url)
    new = run("webhook", "rotate-secret", acme, endpoint, "--overlap", "1h").stdout.strip()
    run("webhook", "test", acme, endpoint)
    for secret in (former, new):
        assert Webhook(secret).verify(receiver.came[0].body, receiver.came[0].headers)


def test_deliveries_are_listed_and_sent_again(run: Run, acme: str, database: Database, worker: Database) -> None:
    endpoint, _ = add(run, acme)
    organization, now = doors.organization(database, acme), datetime.now(UTC)
    given = {"organization_id": organization, "endpoint_id": UUID(endpoint), "due_at": now, "deadline_at": now}
    kinds = {"due": {}, "arrived": {"ended_at": now, "arrived": True}, "failed": {"ended_at": now, "answer": "500"}}
    made = {}
    with worker.transaction(organization) as session:
        for name, kind in kinds.items():
            row = WebhookDelivery(id=uuid4(), event_id=uuid4(), event="upload.failed", **given, **kind)
            session.add(row)
            made[name] = str(row.id)
    listed = {line.split()[0]: line for line in run("webhook", "deliveries", acme, endpoint).output.splitlines()}
    assert all(state in listed[id_] for state, id_ in made.items())
    assert "500" in listed[made["failed"]]
    assert run("webhook", "deliveries", acme, endpoint, "--failed").output.count("upload.failed") == 1
    assert run("webhook", "redeliver", acme, endpoint, made["arrived"]).output == "1 will be sent again.\n"
    assert run("webhook", "redeliver", acme, endpoint, "--failed").output == "1 will be sent again.\n"
    assert "no such delivery" in run("webhook", "redeliver", acme, endpoint, str(uuid4())).output
    assert "Name one delivery" in run("webhook", "redeliver", acme, endpoint).output


def test_nobody_elses_endpoint_is_found(run: Run, acme: str) -> None:
    run("org", "add", "other", "--name", "Other")
    endpoint, _ = add(run, "other")
    house, _ = add(run, "house")
    for name in (endpoint, house):
        for command in ("test", "disable", "enable", "deliveries", "rotate-secret"):
            done = run("webhook", command, acme, name)
            assert done.exit_code == 1
            assert "has no such endpoint" in done.output
    assert run("webhook", "disable", "house", house).exit_code == 0
