"""Flatfile's generators, by what is sent into them, and a few of them against the simulated service."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr, ValidationError
from uuid_utils.compat import uuid7

from app.intake import CollectedFile
from app.providers import base
from app.providers.base import Account, Ending, HandIn, Listed, Outcome, Page, Unavailable, Verdict
from app.providers.flatfile import BASE_URL, FILE, Flatfile, Settings
from app.providers.flatfile_looking import APART, MOST_PAGES
from app.providers.wire import Answer, FilePart, Json, Multipart, NoAnswer, Outgoing, Reply
from app.words import WORDS

if TYPE_CHECKING:
    from tests.servers import Sandbox

T = Any

CONTENT = b"a,b\n1,2\n"
SHA = sha256(CONTENT).hexdigest()
NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
SETTINGS = {"environment_id": "us_env_dev", "space_id": "us_sp_march"}
FLATFILE = Flatfile()
LIST = ("GET", "/files")
POST = ("POST", "/files")


def account(environment: str = "live", **settings: str) -> Account:
    return Account(environment=environment, settings=SETTINGS | settings)


def handin(content: bytes = CONTENT, **more: Any) -> HandIn:
    digest = sha256(content).hexdigest()
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=content, sha256=digest)
    part = FilePart(name="file", filename="orders.csv", content_type="text/csv", size=len(content), source=source)
    given: dict[str, Any] = {"id": uuid7(), "organization": "acme", "received_at": NOW, "parts": {"file": part}}
    return HandIn(**given | more)


def reply(body: Any = None, status: int = 200) -> Reply:
    return Reply(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())


def refused(status: int, text: str = "No.", key: str | None = None) -> Reply:
    return reply({"errors": [{"message": text} | ({"key": key} if key else {})]}, status)


def no(cause: Any, *, released: bool) -> NoAnswer:
    return NoAnswer(cause=cause, released=released)


def file(**more: Any) -> dict[str, Any]:
    at = (NOW + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    return {
        "id": "us_fl_1",
        "name": "orders.csv",
        "mimetype": "text/csv",
        "status": "complete",
        "size": len(CONTENT),
        "bytesReceived": len(CONTENT),
        "createdAt": at,
    } | more


def shown(**more: Any) -> Reply:
    return reply({"data": file(**more)})


def listed(*items: Any, page: int = 1, pages: int = 1) -> Reply:
    return reply({"data": list(items), "pagination": {"currentPage": page, "pageCount": pages, "totalCount": 9}})


class Content(bytes):
    """A download's body: goes where the request says."""


def play(steps: Generator[Outgoing, Answer, T], *answers: Answer | Content) -> tuple[T, list[Outgoing]]:
    """Answer each request in turn; what comes of it, and what was asked."""
    asked: list[Outgoing] = []
    given = iter(answers)
    try:
        asked.append(next(steps))
        while True:
            answer = next(given)
            if isinstance(answer, Content):
                assert asked[-1].sink is not None
                asked[-1].sink.feed(answer)
                answer = reply(b"")
            asked.append(steps.send(answer))
    except StopIteration as end:
        assert next(given, None) is None, "fewer requests than answers"
        return end.value, asked


def asked_of(outgoing: list[Outgoing]) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in outgoing]


def deliver(*answers: Answer | Content, **more: Any) -> tuple[Outcome, list[tuple[str, str]]]:
    outcome, asked = play(FLATFILE.deliver(FILE, handin(**more), account()), *answers)
    return outcome, asked_of(asked)


# What is declared


def test_it_has_every_power() -> None:
    for power in (base.Reconciles, base.Follows, base.Lists, base.Gets, base.Downloads, base.Deletes, base.Chooses):
        assert isinstance(FLATFILE, power)
    assert not isinstance(FLATFILE, base.Renews)
    assert FLATFILE.choosable == {"environment_id": True, "space_id": True}


def test_settings_have_the_address_that_most_accounts_need() -> None:
    assert Settings.model_validate(SETTINGS).base_url == BASE_URL
    for wrong in (
        {"environment_id": "../x"},
        {"space_id": "a/b"},
        {"space_id": ""},
        {"base_url": BASE_URL + "/"},
        {"base_url": "ftp://x"},
        {"base_url": "https://user@host/v1"},
        {"nose": "x"},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate(SETTINGS | wrong)


@pytest.mark.parametrize(
    ("environment", "address", "expected"),
    [
        ("live", BASE_URL, BASE_URL),
        ("live", "https://platform.flatfile.com/api/v1", "https://platform.flatfile.com/api/v1"),
        ("live", "http://platform.flatfile.com/api/v1", ""),
        ("test", "http://127.0.0.1/v1", ""),
        ("sandbox", "http://127.0.0.1:9/flatfile/v1", "http://127.0.0.1:9/flatfile/v1"),
        ("sandbox", BASE_URL, "http://s/flatfile/v1"),
    ],
)
def test_only_the_sandbox_is_spoken_to_without_tls(environment: str, address: str, expected: str) -> None:
    assert FLATFILE.base_url(account(environment, base_url=address), "http://s") == expected


def test_a_sandbox_that_is_not_there_is_nowhere() -> None:
    assert FLATFILE.base_url(account("sandbox"), None) == ""
    assert FLATFILE.base_url(account(), None) == BASE_URL


def test_the_key_is_a_bearer_token() -> None:
    assert [one.name for one in FLATFILE.credentials({})] == ["key"]
    assert FLATFILE.headers(account(), {"key": SecretStr("sk_x")}) == {"Authorization": "Bearer sk_x"}


# Delivering


@pytest.mark.parametrize(("fields", "mode"), [({}, None), ({"mode": "export"}, "export"), ({"mode": " "}, None)])
def test_the_parts_are_the_vendors_and_the_file_is_the_last(fields: dict[str, str], mode: str | None) -> None:
    given = handin(fields=fields)
    outcome, (asked,) = play(FLATFILE.deliver(FILE, given, account()), shown())
    assert isinstance(asked.body, Multipart)
    texts = [("spaceId", "us_sp_march"), ("environmentId", "us_env_dev")] + ([("mode", mode)] if mode else [])
    assert [(one.name, one.value) for one in asked.body.parts[:-1]] == texts
    last = asked.body.parts[-1]
    assert (last.name, last.file, last.filename) == ("file", given.parts["file"], None)
    assert asked.hands_in
    assert outcome.ending is Ending.DELIVERED
    assert (outcome.reference, outcome.http_status) == ("us_fl_1", 200)


@pytest.mark.parametrize(
    ("status", "received", "expected"),
    [
        ("partial", 3, "processing"),
        ("complete", 8, "ready"),
        ("archived", 8, "ready"),
        ("failed", 0, "failed"),
        ("purged", 8, "failed"),
        ("novel", 8, "ready"),
        ("novel", 7, "processing"),
    ],
)
def test_what_it_does_with_a_file_is_told(status: str, received: int, expected: str) -> None:
    answer = shown(status=status, bytesReceived=received)
    assert deliver(answer)[0].provider_status == expected
    followed, asked = play(FLATFILE.follow(FILE, handin(reference="us_fl_1"), account()), answer)
    assert (followed.ending, followed.provider_status) == (Ending.DELIVERED, expected)
    assert asked_of(asked) == [("GET", "/files/us_fl_1")]


@pytest.mark.parametrize(
    ("answer", "ending", "problem", "field"),
    [
        (refused(400, key="mode"), Ending.FAILED, "provider-refused", "mode"),
        (refused(400, key="spaceId"), Ending.FAILED, "settings-wrong", None),
        (refused(400, key="environmentId"), Ending.FAILED, "settings-wrong", None),
        (refused(400), Ending.FAILED, "provider-refused", None),
        (refused(401), Ending.CREDENTIAL, "credential-refused", None),
        (reply(b"<html>", 401), Ending.CREDENTIAL, "credential-refused", None),
        (refused(402), Ending.FAILED, "plan-not-allowed", None),
        (refused(403), Ending.FAILED, "settings-wrong", None),
        (reply(b"<html>", 403), Ending.FAILED, "provider-error", None),
        (refused(404), Ending.FAILED, "settings-wrong", None),
        (reply(b"<html>", 404), Ending.FAILED, "settings-wrong", None),
        (refused(413), Ending.FAILED, "provider-refused", None),
        (refused(429), Ending.RETRY, "provider-busy", None),
        (reply(b"", 302), Ending.FAILED, "provider-error", None),
        (no("connect", released=False), Ending.RETRY, "provider-unreachable", None),
        (no("reset", released=False), Ending.RETRY, "provider-unreachable", None),
        (no("withdrawn", released=False), Ending.FAILED, "interrupted", None),
    ],
)
def test_a_refusal_is_told_in_its_own_words(answer: Answer, ending: Ending, problem: str, field: str | None) -> None:
    outcome, asked = deliver(answer)
    assert asked == [POST]
    assert (outcome.ending, outcome.problem, outcome.field) == (ending, problem, field)
    assert problem in WORDS
    if isinstance(answer, Reply) and b"errors" in answer.body:
        assert (outcome.message or "").endswith("No.")


DOUBTS: list[Answer] = [
    refused(500),
    refused(408),
    reply(b"<html>", 502),
    no("timeout", released=True),
    no("truncated", released=True),
    reply({"data": {"id": "us_fl_1"}}),
    reply(b"<html>"),
    shown(size=7),
]


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubt_is_settled_by_the_files_own_bytes(doubt: Answer) -> None:
    outcome, asked = deliver(doubt, listed(file(id="us_fl_0"), file()), Content(b"c,d\n3,4\n"), Content(CONTENT))
    assert asked == [POST, LIST, ("GET", "/files/us_fl_0/download"), ("GET", "/files/us_fl_1/download")]
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, "us_fl_1")


@pytest.mark.parametrize("doubt", DOUBTS)
def test_what_is_not_there_failed_only_if_it_said_so_itself(doubt: Answer) -> None:
    outcome, _ = deliver(doubt, listed(file(name="other.csv"), file(size=9)))
    said_so = isinstance(doubt, Reply) and not doubt.ok
    assert outcome.ending is (Ending.RETRY if said_so else Ending.UNKNOWN)
    assert outcome.problem == ("provider-error" if said_so else "unconfirmed")


@pytest.mark.parametrize(
    "look", [no("timeout", released=True), refused(500), refused(401), refused(404), reply(b"<html>"), reply([1])]
)
def test_a_doubt_that_no_look_settles_stays_one(look: Answer) -> None:
    assert deliver(refused(500), look)[0].ending is Ending.UNKNOWN
    if look != refused(404):  # which is an answer: there is no such file
        assert deliver(refused(500), listed(file()), look)[0].ending is Ending.UNKNOWN


# Looking again later


def reconcile(*answers: Answer | Content, **more: Any) -> tuple[Outcome, list[Outgoing]]:
    outcome, asked = play(FLATFILE.reconcile(FILE, handin(**more), account()), *answers)
    assert isinstance(outcome, Outcome)
    return outcome, asked


def at(**apart: float) -> str:
    return (NOW + timedelta(**apart)).isoformat()


@pytest.mark.parametrize(
    ("answers", "ending"),
    [
        ([listed()], Ending.FAILED),
        ([listed(file()), Content(CONTENT)], Ending.DELIVERED),
        ([listed(file()), Content(b"other...")], Ending.FAILED),
        ([listed(file()), Content(b"other")], Ending.UNKNOWN),
        ([listed(file()), Content(b"")], Ending.UNKNOWN),
        ([listed(file(createdAt=at(hours=-1)))], Ending.FAILED),
        ([listed(file(createdAt=at(seconds=-APART.seconds + 1))), Content(CONTENT)], Ending.UNKNOWN),
        ([listed(file(createdAt=at(seconds=-1))), Content(b"other...")], Ending.FAILED),
        ([listed(file(createdAt="?")), Content(CONTENT)], Ending.UNKNOWN),
        ([listed(file(status="partial", bytesReceived=3)), Content(b"a,b")], Ending.UNKNOWN),
        ([listed(file(status="partial", bytesReceived=3)), Content(b"other...")], Ending.UNKNOWN),
        ([listed(file(status="partial", bytesReceived=3)), Content(CONTENT)], Ending.DELIVERED),
        ([listed(file()), refused(400)], Ending.UNKNOWN),
        ([listed(file()), refused(404)], Ending.FAILED),
        ([listed(file()), refused(429)], Ending.RETRY),
        ([listed(file()), refused(401)], Ending.CREDENTIAL),
        ([listed(file()), no("truncated", released=True)], Ending.RETRY),
        ([no("connect", released=False)], Ending.RETRY),
        ([no("egress", released=False)], Ending.RETRY),
        ([refused(404)], Ending.RETRY),
        ([refused(401)], Ending.CREDENTIAL),
        ([reply({"data": {}})], Ending.RETRY),
        ([listed("odd", {}, file(size="8"), file(size=True))], Ending.FAILED),
    ],
)
def test_what_a_later_look_comes_to(answers: list[Answer | Content], ending: Ending) -> None:
    assert reconcile(*answers)[0].ending is ending


def test_all_pages_are_looked_through() -> None:
    outcome, asked = reconcile(listed(file(size=1), pages=2), listed(file(), page=2, pages=2), Content(CONTENT))
    assert outcome.ending is Ending.DELIVERED
    assert [one.query.get("pageNumber") for one in asked] == ["1", "2", None]
    assert all(one.query["spaceId"] == "us_sp_march" for one in asked[:2])


def test_a_list_that_does_not_say_where_it_ends_ends_with_an_empty_page() -> None:
    assert reconcile(reply({"data": [file(size=1)]}), reply({"data": []}))[0].ending is Ending.FAILED


def test_a_list_without_an_end_settles_nothing() -> None:
    pages = [listed(file(size=1), page=1, pages=99)] * MOST_PAGES
    assert reconcile(*pages)[0].ending is Ending.UNKNOWN


def test_it_is_looked_for_among_files_of_its_mode() -> None:
    _, asked = reconcile(listed(), fields={"mode": "export"})
    assert asked[0].query["mode"] == "export"


def test_without_a_hash_nothing_is_said_to_be_missing() -> None:
    given = handin()
    part = given.parts["file"]
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=CONTENT, sha256="")
    object.__setattr__(source, "sha256", None)
    unhashed = FilePart(name="file", filename=part.filename, content_type="", size=part.size, source=source)
    assert reconcile(listed(), parts={"file": unhashed})[0].ending is Ending.UNKNOWN


def test_what_cannot_be_followed_is_not_learnt() -> None:
    follow = FLATFILE.follow(FILE, handin(reference="us_fl_1"), account())
    assert play(follow, refused(404))[0].ending is Ending.RETRY
    assert play(FLATFILE.follow(FILE, handin(), account()))[0].ending is Ending.UNKNOWN


# What operators do


def named(id_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "name": name} | more


def verify(*answers: Answer) -> Verdict:
    verdict: Verdict = play(FLATFILE.verify(account(), {"key": SecretStr("sk_x")}, NOW), *answers)[0]
    return verdict


def test_a_connection_that_works_is_told_by_its_names() -> None:
    environment = reply({"data": named("us_env_dev", "dev")})
    for space in (named("us_sp_march", "March"), named("us_sp_march", "March", environmentId="us_env_dev")):
        verdict = verify(environment, reply({"data": space}))
        assert verdict == Verdict(ok=True, detail="environment “dev”, space “March”")


def test_a_space_of_another_environment_is_named() -> None:
    space = named("us_sp_march", "March", environmentId="us_env_prod")
    verdict = verify(reply({"data": named("us_env_dev", "dev")}), reply({"data": space}))
    assert not verdict.ok
    assert verdict.detail == "settings-wrong: space “March” is in another environment, us_env_prod"


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        ([refused(401, "Unauthorized")], "credential-refused: environment us_env_dev; Unauthorized; 401"),
        ([refused(404, "gone", "id")], "settings-wrong: environment us_env_dev; id: gone; 404"),
        ([reply({"data": named("us_env_dev", "dev")}), refused(404)], "settings-wrong: space us_sp_march; No.; 404"),
        ([no("connect", released=False)], "provider-unreachable: environment us_env_dev; connect"),
    ],
)
def test_a_connection_that_does_not_work_is_told_in_its_own_words(answers: list[Answer], detail: str) -> None:
    assert verify(*answers) == Verdict(ok=False, detail=detail)


def test_files_are_listed_page_by_page() -> None:
    page, asked = play(FLATFILE.list(account()), listed(file(), {}, pages=2))
    assert page == Page(
        items=(
            Listed(
                id="us_fl_1",
                name="orders.csv",
                size=8,
                content_type="text/csv",
                created_at=NOW + timedelta(seconds=1),
                status="complete",
            ),
        ),
        next="2",
    )
    assert asked[0].query == {"spaceId": "us_sp_march", "pageSize": "100", "pageNumber": "1"}
    page, asked = play(FLATFILE.list(account(), "2"), listed(page=2, pages=2))
    assert (page, asked[0].query["pageNumber"]) == (Page(items=()), "2")
    with pytest.raises(Unavailable):
        play(FLATFILE.list(account()), refused(500))


def test_one_file_is_shown_fetched_and_deleted() -> None:
    found, asked = play(FLATFILE.get(account(), "us/fl"), shown())
    assert (found.id, asked_of(asked)) == ("us_fl_1", [("GET", "/files/us%2Ffl")])
    assert play(FLATFILE.get(account(), "x"), refused(404))[0] is None
    with pytest.raises(Unavailable):
        play(FLATFILE.get(account(), "x"), reply(b"<html>", 404))
    content, asked = play(FLATFILE.content(account(), "x"))
    assert (content.method, content.path, asked) == ("GET", "/files/x/download", [])
    for answer, ending in (
        (reply({"data": {"success": True}}), Ending.DELIVERED),
        (refused(404), Ending.DELIVERED),
        (reply(b"<html>", 404), Ending.FAILED),
        (refused(401), Ending.CREDENTIAL),
    ):
        outcome, asked = play(FLATFILE.delete(account(), "x"), answer)
        assert (outcome.ending, asked_of(asked)) == (ending, [("DELETE", "/files/x")])


def test_environments_and_spaces_can_be_chosen() -> None:
    page, asked = play(FLATFILE.choices(account(), "environment_id"), listed(named("e", "dev"), {}))
    assert (page.items, page.next) == ((Listed(id="e", name="dev"),), None)
    assert (asked[0].path, "environmentId" in asked[0].query) == ("/environments", False)
    page, asked = play(FLATFILE.choices(account(), "space_id", "3"), listed({"id": "s"}, page=3, pages=4))
    assert (page.items, page.next) == ((Listed(id="s", name="s"),), "4")
    assert asked[0].query == {"environmentId": "us_env_dev", "pageSize": "100", "pageNumber": "3"}
    unset = Account(environment="live", settings={})
    assert "environmentId" not in play(FLATFILE.choices(unset, "space_id"), listed())[1][0].query


@pytest.mark.parametrize(
    ("setting", "environment", "value"),
    [
        ("environment_id", "live", {"name": "New", "isProd": True}),
        ("environment_id", "test", {"name": "New", "isProd": False}),
        ("space_id", "live", {"name": "New", "environmentId": "us_env_dev"}),
    ],
)
def test_environments_and_spaces_can_be_made(setting: str, environment: str, value: dict[str, Any]) -> None:
    made, (asked,) = play(FLATFILE.make(account(environment), setting, "New"), reply({"data": named("i", "New")}))
    assert made == Listed(id="i", name="New")
    assert isinstance(asked.body, Json)
    assert (asked.method, asked.body.value, asked.hands_in) == ("POST", value, False)
    _, (asked,) = play(FLATFILE.make(Account(environment="live", settings={}), setting, "New"), shown())
    assert isinstance(asked.body, Json)
    assert "environmentId" not in asked.body.value
    with pytest.raises(Unavailable) as refusal:
        play(FLATFILE.make(account(), setting, "New"), refused(400, "name is required", "name"))
    assert refusal.value.outcome.message == "name: name is required"


# Against the simulated service


def drive(url: str, steps: Generator[Outgoing, Answer, T], key: str = "sk_adapter") -> T:
    """Make the requests for real, one after the other."""
    with requests.Session() as http:
        http.trust_env = False
        try:
            outgoing = next(steps)
            while True:
                outgoing = steps.send(send(http, url, outgoing, key))
        except StopIteration as end:
            return end.value


def send(http: requests.Session, url: str, outgoing: Outgoing, key: str) -> Answer:
    given: dict[str, Any] = {}
    if isinstance(outgoing.body, Multipart):
        given["files"] = [
            (one.name, (one.file.filename, b"".join(one.file.source.blocks()), one.file.content_type))
            if one.file
            else (one.name, (None, one.value))
            for one in outgoing.body.parts
        ]
    elif isinstance(outgoing.body, Json):
        given["json"] = outgoing.body.value
    headers = FLATFILE.headers(account(), {"key": SecretStr(key)})
    try:
        answer = http.request(
            outgoing.method, url + outgoing.path, params=dict(outgoing.query), headers=headers, timeout=20, **given
        )
    except requests.ConnectionError:
        return no("reset", released=True)
    if outgoing.sink is not None and answer.ok:
        outgoing.sink.feed(answer.content)
    return Reply(status=answer.status_code, body=answer.content)


@pytest.fixture
def served(sandbox: Sandbox) -> str:
    seed = {
        "key": "sk_adapter",
        "environments": [{"id": "us_env_dev", "name": "dev"}],
        "spaces": [{"id": "us_sp_march", "name": "March", "environment_id": "us_env_dev"}],
    }
    sandbox.clear()
    sandbox.seed(flatfile={"accounts": [seed]})
    return f"{sandbox.url}/flatfile/v1"


@pytest.mark.live
def test_a_file_goes_in_is_followed_and_comes_back(served: str) -> None:
    outcome = drive(served, FLATFILE.deliver(FILE, handin(), account()))
    assert (outcome.ending, outcome.provider_status) == (Ending.DELIVERED, "processing")
    follow = handin(reference=outcome.reference)
    seen = [drive(served, FLATFILE.follow(FILE, follow, account())).provider_status for _ in range(2)]
    assert seen == ["processing", "ready"]
    (item,) = drive(served, FLATFILE.list(account())).items
    assert (item.id, item.size, item.status) == (outcome.reference, len(CONTENT), "complete")
    assert drive(served, FLATFILE.get(account(), item.id)) == item
    assert drive(served, FLATFILE.delete(account(), item.id)).ending is Ending.DELIVERED
    assert drive(served, FLATFILE.get(account(), item.id)) is None


@pytest.mark.live
def test_a_lost_answer_is_found_again(served: str, sandbox: Sandbox) -> None:
    sandbox.fault(provider="flatfile", method="POST", action="drop_answer")
    given = handin(received_at=datetime.now(UTC))
    outcome = drive(served, FLATFILE.deliver(FILE, given, account()))
    assert outcome.ending is Ending.DELIVERED
    assert drive(served, FLATFILE.reconcile(FILE, given, account())).reference == outcome.reference
    other = handin(b"c,d\n1,2\n", received_at=datetime.now(UTC))
    assert drive(served, FLATFILE.reconcile(FILE, other, account())).ending is Ending.UNKNOWN
    sandbox.fault(provider="flatfile", method="POST", action="status", status=500)
    longer = handin(b"a,b\n1,2\n3,4\n", received_at=datetime.now(UTC))
    assert drive(served, FLATFILE.deliver(FILE, longer, account())).ending is Ending.RETRY


@pytest.mark.live
def test_a_connection_is_tried_chosen_and_made(served: str) -> None:
    credential = {"key": SecretStr("sk_adapter")}
    verdict = drive(served, FLATFILE.verify(account(), credential, NOW))
    assert verdict == Verdict(ok=True, detail="environment “dev”, space “March”")
    assert not drive(served, FLATFILE.verify(account(), credential, NOW), key="sk_other").ok
    missing = drive(served, FLATFILE.verify(account(space_id="us_sp_none"), credential, NOW))
    assert missing.detail.startswith("settings-wrong: space us_sp_none; id: ")
    environment = drive(served, FLATFILE.make(account(), "environment_id", "trial"))
    space = drive(served, FLATFILE.make(account(environment_id=environment.id), "space_id", "April"))
    chosen = drive(served, FLATFILE.choices(account(environment_id=environment.id), "space_id"))
    assert chosen.items == (space,)
    assert environment in drive(served, FLATFILE.choices(account(), "environment_id")).items
