"""What is said to who asks for a file again after it became an upload, whatever has become of that since."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.database import utcnow
from app.records import uploads
from app.records.states import State
from tests.resumable.desk import CONTENT, Inside
from tests.resumable.test_refusals import slug


def end(inside: Inside, upload_id: str | None, state: State, **told: Any) -> None:
    """Let the upload come to that."""
    with inside.house.database.transaction(inside.house.organization.id) as session:
        upload = uploads.get(session, inside.upload(upload_id).id)
        uploads.move(session, upload, state, actor="tests", now=utcnow(), **told)


@pytest.mark.parametrize(
    ("state", "problem", "status", "said"),
    [
        (State.FAILED, "provider-refused", 424, "provider-refused"),
        (State.FAILED, "provider-unreachable", 502, "provider-unreachable"),
        (State.FAILED, None, 502, "provider-error"),
        (State.UNKNOWN, "unconfirmed", 504, "unconfirmed"),
        (State.CANCELLED, "interrupted", 422, "interrupted"),
    ],
)
def test_what_came_to_nothing_is_a_problem(
    inside: Inside, state: State, problem: str | None, status: int, said: str
) -> None:
    path = inside.whole()
    upload_id = inside.ask("HEAD", path)["Ventanilla-Upload"]
    end(inside, upload_id, state, problem=problem)
    told = inside.patch(path, len(CONTENT), b"")
    assert (told.status, slug(told), told["Content-Type"]) == (status, said, "application/problem+json")
    assert json.loads(told.body)["upload"] == upload_id
    assert (told["Ventanilla-Upload"], told["Ventanilla-State"]) == (upload_id, state)
    assert told["Location"] == told["Ventanilla-Outcome"] == f"/api/v1/uploads/{upload_id}"
    assert inside.ask("HEAD", path).status == status


def test_what_arrived_is_none(inside: Inside) -> None:
    path = inside.whole()
    upload_id = inside.ask("HEAD", path)["Ventanilla-Upload"]
    end(inside, upload_id, State.DELIVERED)
    told = inside.patch(path, len(CONTENT), b"")
    assert (told.status, told["Ventanilla-State"], told["Location"]) == (204, "delivered", None)
