"""What is sent again under its key is done once, and answered as it was."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app.api import handing_in
from app.database import Database, utcnow
from app.delivery.http import Http
from app.records import idempotency
from app.records.models import IdempotencyKey, Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk
from tests.api.documents import TABLE, Documents, documents
from tests.api.test_uploads import PASSWORD, certificate
from tests.delivery.test_deliverer import code
from tests.relay.files import png

KEY = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}
OTHER = png(2001)


@pytest.fixture
def docs(desk: Desk, vault: Vault) -> Documents:
    return documents(desk, vault)


def puts(desk: Desk) -> int:
    """How often the provider was handed something."""
    return len([one for one in desk.sandbox.ledger("facturapi") if one["method"] == "PUT"])


def write(desk: Desk, kind: type[Any], **values: Any) -> None:
    """Set all rows of a kind."""
    with desk.database.transaction(desk.mine.organization.id) as session:
        session.execute(update(kind).values(values))


def known(desk: Desk) -> int:
    with desk.database.transaction(desk.mine.organization.id) as session:
        return session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0


def slug(answer: TestResponse) -> str:
    assert answer.json
    return str(answer.json["type"]).partition("#")[2]


def test_the_same_again_is_done_once_and_answered_alike(desk: Desk) -> None:
    first = desk.hand_in(headers=KEY, external_id="a", file=("logo.png", PNG))
    again = desk.hand_in(headers=KEY, external_id="a", file=("logo.png", PNG))  # of another boundary
    assert first.status_code == 201
    assert (again.status_code, again.data) == (first.status_code, first.data)
    for name in ("Location", "Content-Type", "Content-Digest"):
        assert again.headers[name] == first.headers[name]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert puts(desk) == len(desk.uploads()) == 1


def test_without_a_key_it_is_done_twice(desk: Desk) -> None:
    assert desk.hand_in().status_code == desk.hand_in().status_code == 201
    assert puts(desk) == 2
    assert known(desk) == 0


def test_order_and_quotes_say_nothing(desk: Desk) -> None:
    parts = certificate(replace="true", external_id="a")
    first = desk.hand_in(desk.mine.to_certificate, headers=KEY, **parts)
    bare = {"Idempotency-Key": KEY["Idempotency-Key"].strip('"')}
    again = desk.hand_in(desk.mine.to_certificate, headers=bare, **dict(reversed(parts.items())))
    assert (first.status_code, again.data) == (201, first.data)
    assert puts(desk) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"file": ("logo.png", OTHER)},
        {"file": ("other.png", PNG)},
        {"external_id": "b"},
        {"metadata": '{"a": 1}'},
        {"external_id": ""},
    ],
    ids=["content", "file name", "a field", "one more", "one less"],
)
def test_something_else_under_the_same_key(desk: Desk, other: dict[str, Any]) -> None:
    parts: dict[str, Any] = {"external_id": "a", "file": ("logo.png", PNG)}
    assert desk.hand_in(headers=KEY, **parts).status_code == 201
    changed = parts | other
    file = changed.pop("file")
    answer = desk.hand_in(headers=KEY, **changed, file=file)  # which has to be last
    assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")
    assert desk.hand_in(headers=KEY, **parts).status_code == 201
    assert puts(desk) == 1


def test_another_password_is_something_else_and_neither_is_kept(desk: Desk) -> None:
    parts = certificate()
    assert desk.hand_in(desk.mine.to_certificate, headers=KEY, **parts).status_code == 201
    answer = desk.hand_in(desk.mine.to_certificate, headers=KEY, **(parts | {"password": "another"}))
    assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")
    with desk.database.transaction(desk.mine.organization.id) as session:
        row = session.scalars(select(IdempotencyKey)).one()
    told = f"{row.said!r}{row.answer}"
    assert PASSWORD not in told
    assert len(row.said) == 32


def test_another_address_or_method_is_something_else(desk: Desk) -> None:
    assert desk.hand_in(headers=KEY).status_code == 201
    legal = {"name": "x", "legal_name": "x", "tax_system": "601", "zip": "1"}
    for answer in (
        desk.ask("POST", desk.mine.to_logo.replace("logo", "legal"), json=legal, headers=KEY),
        desk.ask("PUT", f"{desk.mine.to_logo}?filename=logo.png", data=PNG, headers=KEY),
    ):
        assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")
    assert puts(desk) == 1


def test_a_key_is_its_tokens_own(desk: Desk) -> None:
    for token in ("both", "write", "house both"):
        assert desk.hand_in(token=token, headers=KEY).status_code == 201
    assert desk.hand_in(desk.theirs.to_logo, "their both", headers=KEY).status_code == 201
    assert puts(desk) == 4


def test_what_has_no_file_is_done_once(desk: Desk) -> None:
    path = desk.mine.to_logo.replace("logo", "legal")
    legal = {"name": "Kemper", "legal_name": "KEMPER", "tax_system": "601", "zip": "26015"}
    first = desk.ask("POST", path, json=legal, headers=KEY)
    again = desk.ask("POST", path, json=dict(reversed(legal.items())), headers=KEY)
    assert (first.status_code, again.data) == (201, first.data)
    assert puts(desk) == 1


@pytest.mark.parametrize(
    ("path", "parts", "before"),
    [
        ("to_logo", {"file": ("logo.png", b"GIF89a" + bytes(64))}, None),
        ("to_logo", {"file": ("logo.png", PNG[:-1] + b"?")}, None),
        ("to_certificate", certificate() | {"password": "wrong"}, None),
        ("to_logo", {"file": ("logo.png", PNG)}, code(400, "invalid_request")),
        ("to_logo", {"file": ("logo.png", PNG)}, code(503, "away")),
    ],
    ids=["refused at its head", "refused at its end", "refused whole", "refused there", "failed there"],
)
def test_where_nothing_was_delivered_the_key_is_free(
    desk: Desk, path: str, parts: dict[str, Any], before: Mapping[str, Any] | None
) -> None:
    if before is not None:
        desk.fault(**before)
    first = desk.hand_in(getattr(desk.mine, path), headers=KEY, **parts)
    assert first.status_code >= 400
    right = certificate() if path == "to_certificate" else {"file": ("logo.png", PNG)}
    done = desk.hand_in(getattr(desk.mine, path), headers=KEY, **right)
    assert (done.status_code, done.headers.get("Idempotent-Replayed")) == (201, None)
    again = desk.hand_in(getattr(desk.mine, path), headers=KEY, **right)
    assert again.data == done.data


def test_what_was_taken_is_answered_as_taken_although_it_has_arrived(docs: Documents) -> None:
    first = docs.hand_in("?wait=0", headers=KEY)
    write(docs.desk, Upload, state=State.DELIVERED)
    again = docs.hand_in(headers=KEY)
    assert (first.status_code, again.status_code, again.data) == (202, 202, first.data)
    write(docs.desk, Upload, state=State.FAILED)
    assert docs.hand_in(headers=KEY).data == first.data
    assert docs.arrived() == []


def test_who_cannot_be_heard_any_more_is_answered_by_the_record(docs: Documents) -> None:
    """The process died after the file had arrived, and before it had said so."""
    first = docs.hand_in(headers=KEY)
    assert first.status_code == 201
    write(docs.desk, IdempotencyKey, answer=None)
    again = docs.hand_in(headers=KEY)
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    other = docs.hand_in(headers=KEY, file=(TABLE[0], b"a,b\n3,4\n", TABLE[2]))
    assert (other.status_code, slug(other)) == (422, "idempotency-key-reused")
    write(docs.desk, Upload, state=State.UNKNOWN)
    assert docs.hand_in(headers=KEY).status_code == 504
    assert len(docs.arrived()) == 1


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError(None, None, Exception("away"))

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "answer", away)
        first = desk.hand_in(headers=KEY)
    again = desk.hand_in(headers=KEY)
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert puts(desk) == 1


def test_who_died_before_the_mark_leaves_a_free_key(docs: Documents) -> None:
    """The sweeper calls that failed, where there is no whole copy."""
    assert docs.hand_in(headers=KEY).status_code == 201
    write(docs.desk, IdempotencyKey, answer=None)
    write(docs.desk, Upload, state=State.FAILED)
    assert docs.hand_in(headers=KEY).headers.get("Idempotent-Replayed") is None
    assert len(docs.arrived()) == len(docs.desk.uploads()) == 2
    assert known(docs.desk) == 1


def test_what_somebody_works_on_is_in_use(docs: Documents) -> None:
    assert docs.hand_in(headers=KEY).status_code == 201
    write(docs.desk, IdempotencyKey, answer=None)
    write(docs.desk, Upload, state=State.DELIVERING)
    answer = docs.hand_in(headers=KEY)
    assert (answer.status_code, slug(answer), answer.headers["Retry-After"]) == (409, "idempotency-key-in-use", "2")
    assert len(docs.arrived()) == 1


def test_of_two_that_find_it_free_one_is_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked before either has begun."""
    both, deliver = threading.Barrier(2), handing_in._deliver

    def meet(*args: Any, **kwargs: Any) -> Any:
        both.wait(30)
        return deliver(*args, **kwargs)

    monkeypatch.setattr(handing_in, "_deliver", meet)
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(desk.hand_in(headers=KEY))) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.status_code for one in answers) == [201, 409]
    asked = [one["method"] for one in desk.sandbox.ledger("facturapi")]
    assert asked == ["GET", "PUT"]  # who was second has not even looked
    assert len(desk.uploads()) == 1


def test_it_is_forgotten_after_a_day(desk: Desk, worker: Database) -> None:
    assert desk.hand_in(headers=KEY).status_code == 201
    idempotency.forget(worker, utcnow() + timedelta(hours=23))
    assert known(desk) == 1
    write(desk, IdempotencyKey, expires_at=utcnow())
    assert desk.hand_in(headers=KEY, file=("logo.png", OTHER)).status_code == 201  # whether it is gone by then or not
    assert known(desk) == 1
    idempotency.forget(worker, utcnow() + timedelta(hours=25))
    assert known(desk) == 0
    assert puts(desk) == 2


def test_a_paused_connection_does_not_take_back_an_answer(desk: Desk) -> None:
    first = desk.hand_in(headers=KEY)
    desk.set(type(desk.mine.connection), desk.mine.connection.id, paused_at=utcnow())
    assert desk.hand_in(headers=KEY).data == first.data
    assert desk.hand_in(headers={"Idempotency-Key": "another"}).status_code == 503


@pytest.mark.parametrize(
    "key", ['""', '"', '"a', "", " ", "a b", 'a"b', '"a\\b"', "ñ", "a,b", "a;b", '"' + 256 * "a" + '"', 256 * "a"]
)
def test_what_is_no_key(desk: Desk, key: str) -> None:
    answer = desk.hand_in(headers={"Idempotency-Key": key})
    assert (answer.status_code, slug(answer)) == (400, "bad-idempotency-key")
    assert not desk.uploads()


@pytest.mark.parametrize("key", ['"a b"', '"a\\"b\\\\"', "a:/b", 255 * "a", '"' + 255 * "a" + '"'])
def test_what_is_one(desk: Desk, key: str) -> None:
    assert desk.hand_in(headers={"Idempotency-Key": key}).status_code == 201
    assert desk.hand_in(headers={"Idempotency-Key": key}).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("path", ["to_logo", "to_certificate"])
def test_the_key_is_there_before_anything_is_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """What is read at the provider ahead of the hand-in is an outgoing byte, too."""
    found: list[bool] = []
    ask = Http.ask

    def look(*args: Any, **kwargs: Any) -> Any:
        found.append(known(desk) == 1)
        return ask(*args, **kwargs)

    monkeypatch.setattr(Http, "ask", look)
    parts = certificate() if path == "to_certificate" else {}
    assert desk.hand_in(getattr(desk.mine, path), headers=KEY, **parts).status_code == 201
    assert found == [True, True]
