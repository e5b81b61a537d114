"""What a stand-in for Codat has to do, point by point, by raw HTTP."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.codat.conftest import (
    ACCOUNTING,
    ACME,
    BANKING,
    DOCUMENTS,
    EMPTY,
    KEY,
    STRANGER,
    THEIRS,
    XERO,
    Codat,
    authorization,
)

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

FILES, DOWNLOAD = f"/companies/{ACME}/files", f"/companies/{ACME}/files/download"
NOBODY = "00000000-0000-0000-0000-000000000000"
ENDINGS = {"pdf", "xls", "xlsx", "xlsb", "csv", "doc", "docx", "ppt", "pptx", "jpeg", "jpg", "png", "PDF"}
LIMITS = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")


def file(name: str = "statement.pdf", content: bytes = b"%PDF-1", part: str = "file") -> tuple[str, tuple[str, bytes]]:
    return part, (name, content)


def unzipped(answer: requests.Response) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def limited(running: Sandbox) -> Iterator[Sandbox]:
    """The sandbox keeping to limits."""
    running.control("PUT", "/limits", {"on": True})
    yield running
    running.control("PUT", "/limits", {"on": False})


def test_1_its_addresses_have_no_version(codat: Codat) -> None:
    assert codat.ask("GET", f"/companies/{ACME}").json()["name"] == "Acme"
    assert codat.ask("GET", f"/v1/companies/{ACME}").status_code == 404


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        authorization("nobody"),
        authorization(KEY + ":"),
        authorization("user:" + KEY),
        authorization(KEY.partition(":")[0]),
        f"Bearer {KEY}",
        KEY,
    ],
)
def test_1_only_the_key_as_a_whole_gets_in(codat: Codat, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in (FILES, "/integrations", f"/companies/{NOBODY}"):
        answer = codat.ask("GET", path, key=None, headers=headers)
        assert (answer.status_code, answer.json()["statusCode"]) == (401, 401)


def test_1_a_clients_key_reaches_no_other_clients_company(codat: Codat) -> None:
    for key, company in ((STRANGER, ACME), (KEY, THEIRS)):
        for path in ("", "/connections", "/files", "/files/download"):
            assert codat.ask("GET", f"/companies/{company}{path}", key=key).status_code == 403
        sent = codat.ask("POST", f"/companies/{company}/connections/{BANKING}/files", key=key, files=[file()])
        assert (sent.status_code, sent.json()["statusCode"]) == (403, 403)


def test_1_companies_and_their_connections_can_be_looked_at(codat: Codat) -> None:
    shown = codat.ask("GET", f"/companies/{ACME}/connections").json()
    assert [(one["id"], one["platformName"], one["sourceType"], one["status"]) for one in shown["results"]] == [
        (BANKING, "Banking file upload", "Banking", "Linked"),
        (ACCOUNTING, "Accounting file upload", "Accounting", "Linked"),
        (DOCUMENTS, "Business documents file upload", "Other", "Linked"),
        (XERO, "Xero", "Accounting", "Linked"),
    ]
    assert all(one["integrationId"] and one["linkUrl"].startswith("https://") for one in shown["results"])
    assert codat.ask("GET", f"/companies/{ACME}").json()["dataConnections"] == shown["results"]
    integrations = codat.ask("GET", "/integrations").json()["results"]
    assert {one["integrationId"] for one in shown["results"]} == {one["integrationId"] for one in integrations}
    assert all(len(one["key"]) == 4 for one in integrations)


def test_1_connections_come_in_pages(codat: Codat) -> None:
    pages = [codat.ask("GET", f"/companies/{ACME}/connections?page={n}&pageSize=3").json() for n in (1, 2, 3)]
    assert [len(page["results"]) for page in pages] == [3, 1, 0]
    assert [(page["pageNumber"], page["pageSize"], page["totalResults"]) for page in pages] == [
        (n, 3, 4) for n in (1, 2, 3)
    ]
    assert codat.ask("GET", pages[0]["_links"]["next"]["href"]).json() == pages[1]
    assert "next" not in pages[1]["_links"]
    assert codat.ask("GET", f"/companies/{ACME}/connections?page=0").status_code == 400


@pytest.mark.parametrize("part", ["file", "fileName"])
def test_2_a_file_may_be_called_by_either_name(codat: Codat, part: str) -> None:
    assert codat.upload(file(part=part)).status_code == 200
    assert codat.names() == ["statement.pdf"]


def test_2_twenty_files_may_come_at_once(codat: Codat) -> None:
    assert codat.upload(*(file(f"{n}.csv") for n in range(20))).status_code == 200
    assert codat.names() == [f"{n}.csv" for n in range(20)]


def test_2_a_file_without_a_name_is_none(codat: Codat) -> None:
    answers = [
        codat.upload(("file", (None, b"%PDF-1"))),
        codat.upload(("file", ("", b"%PDF-1"))),
        codat.upload(("attachment", ("a.pdf", b"%PDF-1"))),
        codat.ask("POST", f"/companies/{ACME}/connections/{BANKING}/files", data=b"%PDF-1"),
        codat.ask("POST", f"/companies/{ACME}/connections/{BANKING}/files"),
    ]
    assert [one.status_code for one in answers] == [400] * 5
    assert codat.names() == []


def test_2_what_the_broken_package_sends_is_not_stored(codat: Codat) -> None:
    sent = codat.upload(("content", (None, b"b'%PDF-1'")), ("requestBody", (None, b"statement.pdf")))
    assert (sent.status_code, sent.json()["validation"]["errors"][0]["itemId"]) == (400, "file")
    assert codat.names() == []


def test_2_paths_in_names_are_not_kept(codat: Codat) -> None:
    codat.upload(file("../../etc/a.pdf"))
    assert codat.names() == ["a.pdf"]


def test_3_an_upload_is_answered_with_200_and_says_nothing(codat: Codat) -> None:
    answer = codat.upload(file())
    assert (answer.status_code, answer.json(), answer.headers["Content-Type"]) == (200, {}, "application/json")


def test_4_the_list_is_a_bare_array(codat: Codat, running: Sandbox) -> None:
    running.clock("2025-03-04T10:11:12Z")
    codat.upload(file("statement-2025-03.pdf"))
    codat.upload(file("pitch.pptx"), connection=DOCUMENTS)
    answer = codat.ask("GET", FILES)
    assert answer.headers["Content-Type"] == "application/json"
    first, second = answer.json()
    assert re.fullmatch(r"2025-03-04T10:11:1\dZ", first.pop("uploaded"))
    assert first == {"fileName": "statement-2025-03.pdf", "displayName": None, "sourceType": "Banking"}
    assert second["sourceType"] == "Other"
    empty = codat.ask("GET", f"/companies/{EMPTY}/files")
    assert (empty.status_code, empty.json()) == (200, [])


def test_5_a_download_is_a_zip_that_is_not_called_one(codat: Codat) -> None:
    codat.upload(file(content=b"one"))
    codat.upload(file(content=b"two"))
    codat.upload(file(content=b"three"), connection=DOCUMENTS)
    answer = codat.ask("GET", DOWNLOAD, headers={"Accept": "application/json;q=1, application/octet-stream;q=0"})
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert unzipped(answer) == {
        "Banking file upload/statement.pdf": b"one",
        "Banking file upload/statement (2).pdf": b"two",
        "Business documents file upload/statement.pdf": b"three",
    }
    assert unzipped(codat.ask("GET", f"/companies/{EMPTY}/files/download")) == {}


@pytest.mark.parametrize(
    ("date", "name"),
    [
        ("2025-03-04T00:00:00Z", "first"),
        ("2025-03-04", "first"),
        ("2025-03-04T17:59:59-06:00", "first"),
        ("2025-03-04T18:00:00-06:00", "second"),
        ("2025-03-05T01:00:00+02:00", "first"),
        ("2025-03-05T23:00:00.123Z", "second"),
    ],
)
def test_5_a_date_is_a_day_in_utc(codat: Codat, running: Sandbox, date: str, name: str) -> None:
    running.clock("2025-03-04T23:59:00Z")
    codat.upload(file("first.pdf"))
    running.clock("2025-03-05T00:00:00Z")
    codat.upload(file("second.pdf"))
    answer = codat.ask("GET", f"{DOWNLOAD}?{urlencode({'date': date})}")
    assert list(unzipped(answer)) == [f"Banking file upload/{name}.pdf"]
    assert len(unzipped(codat.ask("GET", DOWNLOAD))) == 2


def test_5_what_is_no_date_is_refused(codat: Codat) -> None:
    assert codat.ask("GET", f"{DOWNLOAD}?date=yesterday").status_code == 400


def test_6_an_error_is_whole(codat: Codat) -> None:
    path = f"/companies/{ACME}/connections/{NOBODY}/files"
    answer, again = (codat.ask("POST", path, files=[file()]) for _ in range(2))
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert re.fullmatch("[0-9a-f]{32}", body["correlationId"])
    assert body.pop("correlationId") != again.json()["correlationId"]
    assert body == {
        "statusCode": 404,
        "service": "PublicApi",
        "error": f"Data connection {NOBODY} not found",
        "validation": None,
        "canBeRetried": "Unknown",
        "detailedErrorCode": 0,
    }
    wrong = codat.upload(file("a.exe")).json()
    assert wrong["validation"] == {
        "errors": [
            {"itemId": "a.exe", "message": "This type of file is not supported.", "validatorName": "FileUpload"}
        ],
        "warnings": [],
    }


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 429, 500, 503])
def test_6_the_error_of_any_status_is_whole(codat: Codat, running: Sandbox, status: int) -> None:
    running.fault(provider="codat", action="status", status=status)
    answer = codat.ask("GET", FILES)
    body = answer.json()
    assert (answer.status_code, body["statusCode"]) == (status, status)
    assert (type(body["canBeRetried"]), type(body["detailedErrorCode"]), type(body["error"])) == (str, int, str)
    assert answer.headers["Content-Type"] == "application/json"
    assert all(name in answer.headers for name in LIMITS)


def test_7_what_is_not_there_is_named_by_who_misses_it(codat: Codat) -> None:
    company = codat.ask("GET", f"/companies/{NOBODY}/files")
    connection = codat.upload(file(), connection=NOBODY)
    assert (company.status_code, company.json()["service"]) == (404, "ClientsApi")
    assert (connection.status_code, connection.json()["service"]) == (404, "PublicApi")
    assert codat.upload(file(), company=EMPTY).status_code == 404


def test_7_a_connection_of_another_kind_takes_nothing(codat: Codat) -> None:
    sent = codat.upload(file(), connection=XERO)
    assert (sent.status_code, sent.json()["validation"]["errors"][0]["itemId"]) == (400, "connectionId")
    assert codat.names() == []


def test_7_limits_of_size_number_and_type(codat: Codat) -> None:
    assert codat.upload(file("largest.pdf", bytes(10_000_000))).status_code == 200
    refused = [
        codat.upload(file("too-large.pdf", bytes(10_000_001))),
        codat.upload(*(file(f"{n}.csv") for n in range(21))),
        codat.upload(file("good.pdf"), file("bad.txt")),
        codat.upload(file("pdf")),
    ]
    assert [one.status_code for one in refused] == [400] * 4
    assert codat.names() == ["largest.pdf"]


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_7_every_type_of_the_list_is_taken(codat: Codat, ending: str) -> None:
    assert codat.upload(file(f"a.{ending}")).status_code == 200


def test_8_every_answer_tells_of_the_limits(codat: Codat, running: Sandbox) -> None:
    running.clock("2025-03-04T10:00:00Z")
    answers = [codat.ask("GET", FILES), codat.upload(file()), codat.upload(file("a.exe")), codat.ask("GET", DOWNLOAD)]
    left = [int(one.headers["X-Rate-Limit-Remaining"]) for one in answers]
    assert left == [1_999, 1_998, 1_997, 1_996]
    assert {one.headers["X-Rate-Limit-Limit"] for one in answers} == {"2000"}
    assert {one.headers["X-Rate-Limit-Reset"] for one in answers} == {"2025-03-05T00:00:00Z"}
    unknown = codat.ask("GET", FILES, key=None)
    nowhere = codat.ask("GET", "/nothing")
    assert all(name in one.headers for name in LIMITS for one in (unknown, nowhere))


def test_8_a_days_requests_are_not_exceeded_while_limits_are_on(codat: Codat, limited: Sandbox) -> None:
    limited.clock("2025-03-04T23:50:00Z")
    limited.control("PUT", "/codat/used", {"key": KEY, "requests": 1_999})
    assert codat.ask("GET", FILES).status_code == 200
    refused = codat.ask("GET", FILES)
    assert (refused.status_code, refused.json()["statusCode"]) == (429, 429)
    assert 500 < int(refused.headers["Retry-After"]) <= 600
    assert refused.headers["X-Rate-Limit-Remaining"] == "0"
    assert codat.ask("GET", f"/companies/{THEIRS}/files", key=STRANGER).status_code == 200
    limited.clock("2025-03-05T00:00:01Z")
    assert codat.ask("GET", FILES).status_code == 200


def test_8_an_address_has_a_thousand_requests_a_minute(codat: Codat, limited: Sandbox) -> None:
    statuses = [codat.ask("GET", "/integrations").status_code for _ in range(500)]
    statuses += [codat.ask("GET", f"/companies/{THEIRS}", key=STRANGER).status_code for _ in range(500)]
    refused = codat.ask("GET", "/integrations")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert set(statuses) == {200}


def test_8_faults_end_after_their_times(codat: Codat, running: Sandbox) -> None:
    for status in (408, 429, 500, 503):
        running.fault(provider="codat", action="status", status=status, times=2)
    answers = [codat.upload(file()) for _ in range(9)]
    assert [one.status_code for one in answers] == [408, 408, 429, 429, 500, 500, 503, 503, 200]
    assert answers[2].headers["Retry-After"].isdecimal()


def test_9_an_upload_that_is_sent_twice_shows(codat: Codat, running: Sandbox) -> None:
    running.fault(provider="codat", action="drop_answer")
    with pytest.raises(requests.ConnectionError):
        codat.upload(file())
    codat.upload(file())
    codat.upload(file(content=b"other"))
    assert codat.names() == ["statement.pdf"] * 3
    query = urlencode({"key": KEY, "company": ACME})
    counted = running.control("GET", f"/codat/uploads?{query}")["uploads"]
    assert [(one["connectionId"], one["fileName"], one["size"], one["times"]) for one in counted] == [
        (BANKING, "statement.pdf", 6, 2),
        (BANKING, "statement.pdf", 5, 1),
    ]


def test_9_an_upload_that_was_never_whole_is_none(codat: Codat, running: Sandbox) -> None:
    running.fault(provider="codat", action="reset", after_bytes=10)
    with pytest.raises(requests.ConnectionError):
        codat.upload(file())
    assert codat.names() == []
    assert running.ledger("codat", complete=False)


@pytest.mark.parametrize(
    "seed",
    [
        [],
        {"users": []},
        {"clients": {}},
        {"clients": [{"key": ""}]},
        {"clients": [{"key": "k", "more": 1}]},
        {"clients": [{"key": "k", "companies": [{"id": "no", "name": "A"}]}]},
        {"clients": [{"key": "k", "companies": [{"id": NOBODY, "name": ""}]}]},
        {"clients": [{"key": "k", "companies": {}}]},
        {"clients": [{"key": "k", "companies": [{"id": NOBODY, "name": "A", "connections": [{"id": NOBODY}]}]}]},
        {"clients": [{"key": "k", "companies": [{"id": NOBODY, "name": "A", "connections": [{"kind": "banking"}]}]}]},
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(codat: Codat, running: Sandbox, seed: object) -> None:
    assert running.ask("POST", "/_sandbox/seed", {"codat": seed})[0] == 400


def test_a_company_has_one_client(codat: Codat, running: Sandbox) -> None:
    running.seed(codat={"clients": [{"key": STRANGER, "companies": [{"id": ACME, "name": "Taken over"}]}]})
    assert codat.ask("GET", f"/companies/{ACME}", key=STRANGER).json()["name"] == "Taken over"
    assert codat.ask("GET", f"/companies/{ACME}").status_code == 403


def test_control_refuses_what_makes_no_sense(codat: Codat, running: Sandbox) -> None:
    for method, path, data in (
        ("PUT", "/codat/used", {"key": "nobody", "requests": 1}),
        ("PUT", "/codat/used", {"key": KEY, "requests": -1}),
        ("GET", "/codat/uploads", None),
        ("GET", f"/codat/uploads?{urlencode({'key': KEY, 'company': NOBODY})}", None),
    ):
        assert running.ask(method, "/_sandbox" + path, data)[0] == 400


def test_uploads_carry_the_time_of_the_clock(codat: Codat) -> None:
    codat.upload(file())
    uploaded = datetime.fromisoformat(codat.ask("GET", FILES).json()[0]["uploaded"])
    assert abs(datetime.now(UTC) - uploaded) < timedelta(seconds=30)
