"""What was left to a person is listed, and sent again when a person says so, singly and in bulk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, text

from app.database import HOUSE
from app.delivery import retrying
from app.delivery.errors import CopyGone
from app.delivery.retrying import MayBeThere, NotLeft
from app.records.states import State
from app.tenants import connections
from tests.queue.waiting import Queue
from tests.tenancy import house

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a command of `flask upload`."""
    return lambda *arguments: app.test_cli_runner().invoke(args=["upload", *arguments])


def fail(waiting: Queue, *several: UUID) -> None:
    """Let them be refused by the provider."""
    waiting.sandbox.fault(provider="codat", action="status", status=400, times=len(several))
    waiting.sandbox.fault(provider="flatfile", action="status", status=400, times=len(several))
    redeliverer = waiting.redeliverer()
    while redeliverer.next(waiting.organization.id):
        pass
    waiting.sandbox.control("DELETE", "/faults")
    assert waiting.states(several) == [State.FAILED] * len(several)


def test_what_failed_is_delivered_when_somebody_says_so(waiting: Queue) -> None:
    one = waiting.leave()
    fail(waiting, one)
    waiting.clock.ahead = timedelta(hours=30)
    waiting.retry(one)
    upload, kept = waiting.upload(one), waiting.copy(one)
    assert (upload.state, upload.problem, upload.tries, upload.deadline_at) == (State.WAITING, None, 0, None)
    assert kept is not None
    assert kept.keep_until is None, "it is needed again"
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED


def test_what_has_no_copy_any_more_cannot_be_sent_again(waiting: Queue) -> None:
    one = waiting.leave()
    fail(waiting, one)
    waiting.forget_copy(one)
    with pytest.raises(CopyGone):
        waiting.retry(one)
    assert waiting.state(one) is State.FAILED


def test_what_has_not_failed_is_let_be(waiting: Queue) -> None:
    one = waiting.leave()
    with pytest.raises(NotLeft):
        waiting.retry(one)


def test_what_may_be_there_is_sent_again_only_by_who_knows_that(waiting: Queue) -> None:
    one = waiting.leave("factify/version", fields={"document_id": "doc_1", "title": "v2"})
    waiting.attempted(one, "unknown")
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.UNKNOWN
    with pytest.raises(MayBeThere):
        waiting.retry(one)
    waiting.retry(one, may_be_there=True)
    assert waiting.state(one) is State.WAITING
    assert waiting.outcomes(one) == ["overruled"]
    waiting.redeliverer().next(waiting.organization.id)
    assert len(waiting.attempts(one)) == 2, "it was sent, and not looked for once more"


def test_they_are_listed_with_their_reason_and_for_how_long(waiting: Queue, run: Run) -> None:
    codat, flatfile = waiting.leave("codat/file"), waiting.leave("flatfile/file")
    fail(waiting, codat, flatfile)
    waiting.leave("codat/file")
    listed = run("failed").output.splitlines()
    assert " ".join(listed[0].split()) == "ORGANIZATION ID OPERATION FILE SINCE STATE BECAUSE COPY UNTIL"
    assert [line.split()[:3] for line in listed[1:]] == [
        [waiting.organization.slug, str(codat), "codat/file"],
        [waiting.organization.slug, str(flatfile), "flatfile/file"],
    ]
    kept = waiting.copy(codat)
    assert kept is not None
    assert f"{kept.keep_until:%Y-%m-%d %H:%M}Z" in listed[1]
    assert "provider-refused" in listed[1]
    assert str(codat) not in run("failed", "--operation", "flatfile/file").output
    assert str(codat) in run("failed", "--org", waiting.organization.slug, "--since", "1h").output
    assert run("failed", "--org", "nobody").exit_code == 1


def test_they_are_sent_again_by_their_ids(waiting: Queue, run: Run, owner_engine: Engine) -> None:
    one, other = waiting.leave(), waiting.leave()
    fail(waiting, one, other)
    done = run("retry", waiting.organization.slug, str(one))
    assert (done.exit_code, done.output) == (0, "1 will be sent again.\n")
    assert waiting.states([one, other]) == [State.WAITING, State.FAILED]
    with owner_engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'deliver'")) == 1
    again = run("retry", waiting.organization.slug, str(one))
    assert again.exit_code == 1
    assert "nothing to send again" in again.output
    assert run("retry", waiting.organization.slug, str(uuid4())).exit_code == 1


def test_they_are_sent_again_in_bulk(waiting: Queue, run: Run) -> None:
    several = [waiting.leave("codat/file"), waiting.leave("codat/file"), waiting.leave("flatfile/file")]
    gone = waiting.leave("codat/file")
    fail(waiting, *several, gone)
    waiting.forget_copy(gone)
    done = run("retry", "--all", "--operation", "codat/file")
    assert done.output == "2 will be sent again.\n"
    assert waiting.states(several) == [State.WAITING, State.WAITING, State.FAILED]
    assert run("retry", "--all", waiting.organization.slug).output == "1 will be sent again.\n"
    assert waiting.state(gone) is State.FAILED
    for wrong in ((), ("--all", waiting.organization.slug, str(gone)), (waiting.organization.slug,)):
        assert run("retry", *wrong).exit_code == 2


def test_a_house_connection_is_let_be_used_again(waiting: Queue, owner_engine: Engine) -> None:
    """No upload goes through it: it only lends, and there is nobody to wake."""
    lender = house(waiting.database, waiting.vault)

    def resume() -> bool:
        with waiting.database.transaction(HOUSE) as session:
            return retrying.resume(session, lender, waiting.clock())

    assert not resume(), "it was not paused"
    with waiting.database.transaction(HOUSE) as session:
        assert connections.pause(session, lender, "credential-refused", waiting.clock())
    assert resume()
    assert not resume()
    with owner_engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'deliver'")) == 0
