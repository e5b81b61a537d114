"""What a stand-in for Flatfile has to do, point by point, by raw HTTP."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.flatfile.conftest import DEV, KEY, OTHER, PROD, SPACE, STRANGER, Flatfile

if TYPE_CHECKING:
    from tests.servers import Sandbox

pytestmark = pytest.mark.live

CSV = b"a,b\n1,2\n"
REQUIRED = {"id", "name", "ext", "mimetype", "encoding", "status", "size", "bytesReceived", "createdAt", "updatedAt"}
REQUIRED |= {"spaceId"}
NOWHERE = [
    ("GET", "/files/us_fl_nothing"),
    ("PATCH", "/files/us_fl_nothing"),
    ("DELETE", "/files/us_fl_nothing"),
    ("GET", "/files/us_fl_nothing/download"),
    ("GET", "/environments/us_env_nothing"),
    ("GET", "/spaces/us_sp_nothing"),
]


def errors(answer: requests.Response) -> list[dict[str, str]]:
    """An error's list; each has a message."""
    found: list[dict[str, str]] = answer.json()["errors"]
    assert found
    assert all(one["message"] for one in found)
    return found


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer sk_nobody", f"Basic {KEY}", KEY])
def test_1_only_the_key_as_a_bearer_gets_in(flatfile: Flatfile, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in [
        ("GET", "/files"),
        ("POST", "/files"),
        ("GET", "/environments"),
        ("POST", "/spaces"),
        *NOWHERE,
    ]:
        answer = flatfile.ask(method, path, key=None, headers=headers)
        assert answer.status_code == 401
        assert errors(answer)


def test_1_only_version_1_is_there(flatfile: Flatfile) -> None:
    for prefix in ("", "/v2", "/api/v1"):
        answer = flatfile.http.get(
            flatfile.base_url.removesuffix("/v1") + f"{prefix}/files",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=20,
        )
        assert answer.status_code == 404
        assert errors(answer)


def test_1_a_base_url_may_end_with_a_slash(flatfile: Flatfile) -> None:
    file_id = flatfile.upload()["id"]
    for path in ("//files", f"//files/{file_id}", f"//files/{file_id}/download", "//environments", f"//spaces/{SPACE}"):
        answer = flatfile.ask("GET", path, allow_redirects=False)
        assert answer.status_code == 200, path
    parts = {"spaceId": (None, SPACE), "environmentId": (None, DEV), "file": ("a.csv", CSV)}
    assert flatfile.ask("POST", "//files", files=parts, allow_redirects=False).status_code == 200


def test_1_an_account_sees_nothing_of_another(flatfile: Flatfile) -> None:
    file_id = flatfile.upload()["id"]
    for method, path in (
        ("GET", f"/files/{file_id}"),
        ("GET", f"/files/{file_id}/download"),
        ("DELETE", f"/files/{file_id}"),
        ("GET", f"/spaces/{SPACE}"),
        ("GET", f"/environments/{DEV}"),
    ):
        assert flatfile.ask(method, path, key=STRANGER).status_code == 404
    for path in ("/files", "/spaces", "/environments"):
        assert flatfile.ask("GET", path, key=STRANGER).json()["data"] == []


@pytest.mark.parametrize("file_first", [True, False])
def test_2_parts_come_in_any_order(flatfile: Flatfile, file_first: bool) -> None:
    parts: list[tuple[str, tuple[str | None, bytes]]] = [
        ("spaceId", (None, SPACE.encode())),
        ("mode", (None, b"export")),
        ("environmentId", (None, DEV.encode())),
    ]
    parts.insert(0 if file_first else 3, ("file", ("a.csv", CSV)))
    shown = flatfile.ask("POST", "/files", files=parts).json()["data"]
    assert (shown["spaceId"], shown["mode"], shown["size"]) == (SPACE, "export", len(CSV))


@pytest.mark.parametrize("missing", ["spaceId", "environmentId"])
def test_2_what_is_missing_is_named(flatfile: Flatfile, missing: str) -> None:
    for value in (None, ""):
        answer = flatfile.send(CSV, "orders.csv", **{missing: value})
        assert answer.status_code == 400
        assert errors(answer) == [{"key": missing, "message": f"{missing} is required"}]
    assert flatfile.listed() == []


def test_2_a_file_is_required(flatfile: Flatfile) -> None:
    texts = {"spaceId": (None, SPACE), "environmentId": (None, DEV)}
    for answer in (
        flatfile.ask("POST", "/files", files=texts),
        flatfile.ask("POST", "/files", files=texts | {"file": (None, "no file name")}),
        flatfile.ask("POST", "/files", json={"spaceId": SPACE}),
        flatfile.ask("POST", "/files"),
    ):
        assert answer.status_code == 400
        assert errors(answer)[0]["key"] == "file"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"spaceId": "us_sp_nothing"}, 404),
        ({"environmentId": "us_env_nothing"}, 404),
        ({"environmentId": PROD}, 400),
        ({"mode": "both"}, 400),
        ({"origin": "desk"}, 400),
    ],
)
def test_2_what_does_not_fit_is_refused(flatfile: Flatfile, parts: dict[str, str], status: int) -> None:
    answer = flatfile.send(CSV, "orders.csv", **parts)
    assert answer.status_code == status
    assert errors(answer)
    assert flatfile.listed() == []


def test_3_an_upload_answers_with_a_whole_file(flatfile: Flatfile, running: Sandbox) -> None:
    running.clock("2025-03-04T10:11:12Z")
    answer = flatfile.send()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    shown = answer.json()["data"]
    assert shown.keys() >= REQUIRED
    assert re.fullmatch("us_fl_[0-9A-Za-z]{8}", shown["id"])
    assert re.fullmatch(r"2025-03-04T10:11:1\d\.\d{3}Z", shown["createdAt"])
    assert (shown["name"], shown["ext"], shown["mimetype"], shown["encoding"]) == (
        "orders.csv", "csv", "text/csv", "7bit",
    )  # fmt: skip
    assert (shown["size"], shown["spaceId"], shown["mode"], shown["origin"]) == (
        len(CSV), SPACE, "import", "filesystem",
    )  # fmt: skip
    assert shown["bytesReceived"] <= shown["size"]


def test_3_a_file_is_partial_first_and_complete_when_looked_at_again(flatfile: Flatfile) -> None:
    file_id = flatfile.upload()["id"]
    looks = [flatfile.ask("GET", f"/files/{file_id}").json()["data"] for _ in range(3)]
    assert [one["status"] for one in looks] == ["partial", "complete", "complete"]
    assert looks[2]["bytesReceived"] == looks[2]["size"]


def test_3_a_file_that_nobody_asks_for_is_complete_in_time(flatfile: Flatfile, running: Sandbox) -> None:
    running.clock("2025-03-04T10:00:00Z")
    assert flatfile.upload()["status"] == "partial"
    assert [flatfile.listed()[0]["status"] for _ in "12"] == ["partial"] * 2
    running.clock("2025-03-04T10:00:10Z")
    assert flatfile.listed()[0]["status"] == "complete"


def test_3_a_test_may_say_how_it_ends(flatfile: Flatfile, running: Sandbox) -> None:
    file_id = flatfile.upload()["id"]
    running.control("PUT", "/flatfile/status", {"id": file_id, "status": "failed"})
    assert [flatfile.ask("GET", f"/files/{file_id}").json()["data"]["status"] for _ in "12"] == ["failed"] * 2
    wrongs: tuple[Any, ...] = ({"id": "us_fl_nothing", "status": "failed"}, {"id": file_id}, [])
    for wrong in wrongs:
        assert running.ask("PUT", "/_sandbox/flatfile/status", wrong)[0] == 400


def test_4_a_download_has_the_same_bytes(flatfile: Flatfile) -> None:
    content = bytes(range(256)) * 5_000
    file_id = flatfile.upload(content)["id"]
    answer = flatfile.ask("GET", f"/files/{file_id}/download")
    assert answer.content == content
    assert (answer.headers["Content-Length"], answer.headers["Content-Type"]) == (str(len(content)), "text/csv")


def test_4_what_was_deleted_is_gone(flatfile: Flatfile) -> None:
    file_id = flatfile.upload()["id"]
    assert flatfile.ask("DELETE", f"/files/{file_id}").status_code == 200
    for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", ""), ("PATCH", "")):
        answer = flatfile.ask(method, f"/files/{file_id}{path}")
        assert answer.status_code == 404
        assert errors(answer)
    assert flatfile.listed() == []


@pytest.mark.parametrize(("method", "path"), NOWHERE)
def test_4_what_never_was_is_not_there(flatfile: Flatfile, method: str, path: str) -> None:
    answer = flatfile.ask(method, path)
    assert answer.status_code == 404
    assert errors(answer)


def test_5_a_deletion_is_answered_in_words(flatfile: Flatfile) -> None:
    answer = flatfile.ask("DELETE", f"/files/{flatfile.upload()['id']}")
    assert (answer.status_code, answer.json()) == (200, {"data": {"success": True}})


def test_6_files_come_in_pages_of_twenty_newest_first(flatfile: Flatfile) -> None:
    for n in range(21):
        flatfile.upload(name=f"{n}.csv")
    pages = [flatfile.ask("GET", "/files", params={"pageNumber": n}).json() for n in (1, 2, 3)]
    assert [[one["name"] for one in page["data"]] for page in pages] == [
        [f"{n}.csv" for n in range(20, 0, -1)],
        ["0.csv"],
        [],
    ]
    assert [page["pagination"] for page in pages] == [
        {"currentPage": n, "pageCount": 2, "totalCount": 21} for n in (1, 2, 3)
    ]
    assert [one["name"] for one in flatfile.listed("?pageSize=2&pageNumber=2")] == ["18.csv", "17.csv"]


def test_6_files_are_found_by_space_and_mode(flatfile: Flatfile) -> None:
    flatfile.upload(name="march.csv")
    flatfile.upload(name="april.csv", spaceId=OTHER, environmentId=PROD)
    flatfile.upload(name="out.csv", mode="export")
    assert [one["name"] for one in flatfile.listed()] == ["april.csv", "march.csv"]
    assert [one["name"] for one in flatfile.listed(f"?spaceId={SPACE}")] == ["march.csv"]
    assert [one["name"] for one in flatfile.listed("?mode=export")] == ["out.csv"]
    assert flatfile.listed("?spaceId=us_sp_nothing") == []


def test_6_a_page_that_cannot_be_is_refused(flatfile: Flatfile) -> None:
    for query in ("pageSize=0", "pageNumber=-1", "pageNumber=x"):
        answer = flatfile.ask("GET", f"/files?{query}")
        assert answer.status_code == 400
        assert errors(answer)[0]["key"] in query


def test_6_an_empty_list_has_its_pagination_too(flatfile: Flatfile) -> None:
    assert flatfile.ask("GET", "/files").json()["pagination"] == {"currentPage": 1, "pageCount": 0, "totalCount": 0}


def test_7_environments_are_kept(flatfile: Flatfile) -> None:
    given = {"name": "test", "isProd": True, "guestAuthentication": ["magic_link"], "metadata": {"a": 1}}
    made = flatfile.ask("POST", "/environments", json=given).json()["data"]
    assert made.items() >= given.items()
    assert made["accountId"].startswith("us_acc_")
    assert (made["features"], made["namespaces"]) == ({}, ["default"])
    assert flatfile.ask("GET", f"/environments/{made['id']}").json()["data"] == made
    assert flatfile.ask("GET", "/environments/current").json()["data"]["id"] == DEV
    listed = flatfile.ask("GET", "/environments?pageSize=2&pageNumber=2").json()
    assert (listed["data"], listed["pagination"]["totalCount"]) == ([made], 3)


@pytest.mark.parametrize("given", [{}, {"name": "a"}, {"isProd": True}, {"name": 1, "isProd": True}, [], "x"])
def test_7_an_environment_needs_a_name_and_a_purpose(flatfile: Flatfile, given: Any) -> None:
    answer = flatfile.ask("POST", "/environments", json=given)
    assert answer.status_code == 400
    assert errors(answer)


def test_7_spaces_are_kept(flatfile: Flatfile) -> None:
    made = flatfile.ask("POST", "/spaces", json={"name": "May", "environmentId": PROD, "labels": ["x"]}).json()["data"]
    assert made.items() >= {"name": "May", "environmentId": PROD, "labels": ["x"], "filesCount": 0}.items()
    flatfile.upload(spaceId=made["id"], environmentId=PROD)
    shown = flatfile.ask("GET", f"/spaces/{made['id']}").json()["data"]
    assert shown == made | {"filesCount": 1}
    plain = flatfile.ask("POST", "/spaces", json={}).json()["data"]
    assert plain["environmentId"] == DEV
    assert plain.keys() >= {"id", "name", "createdAt", "updatedAt", "guestAuthentication"}


def test_7_spaces_are_found(flatfile: Flatfile) -> None:
    flatfile.ask("POST", "/spaces", json={"name": "May", "environmentId": PROD, "namespace": "portal"})

    def names(query: str) -> list[str]:
        return [one["name"] for one in flatfile.ask("GET", f"/spaces{query}").json()["data"]]

    assert names("") == ["March import", "April import", "May"]
    assert names(f"?environmentId={PROD}") == ["April import", "May"]
    assert names("?search=IMPORT&pageSize=1&pageNumber=2") == ["April import"]
    assert names("?namespace=portal") == ["May"]


@pytest.mark.parametrize(
    ("given", "status"), [({"name": 1}, 400), ({"environmentId": "us_env_nothing"}, 404), ([], 400), ("{", 400)]
)
def test_7_a_space_that_makes_no_sense_is_refused(flatfile: Flatfile, given: Any, status: int) -> None:
    rest = {"data": given} if given == "{" else {"json": given}
    answer = flatfile.ask("POST", "/spaces", **rest)
    assert answer.status_code == status
    assert errors(answer)


def test_7_a_file_can_be_changed(flatfile: Flatfile) -> None:
    path = f"/files/{flatfile.upload()['id']}"
    changes = {"name": "b.xlsx", "mode": "export", "status": "archived", "workbookId": "us_wb_1", "actions": []}
    changed = flatfile.ask("PATCH", path, json=changes).json()["data"]
    assert changed.items() >= (changes | {"ext": "xlsx"}).items()
    assert flatfile.ask("GET", path).json()["data"] == changed
    wrongs: tuple[Any, ...] = ({"name": 1}, {"mode": "both"}, {"actions": "x"}, [])
    for wrong in wrongs:
        answer = flatfile.ask("PATCH", path, json=wrong)
        assert answer.status_code == 400
        assert errors(answer)


def test_8_faults_of_the_service(flatfile: Flatfile, running: Sandbox) -> None:
    running.fault(provider="flatfile", action="status", status=429, headers={"Retry-After": "7"})
    running.fault(provider="flatfile", action="status", status=429)
    running.fault(provider="flatfile", action="status", status=503)
    running.fault(provider="flatfile", action="status", status=502, body="<html>Bad gateway</html>")
    answers = [flatfile.send() for _ in range(4)]
    assert [one.status_code for one in answers] == [429, 429, 503, 502]
    assert [one.headers.get("Retry-After") for one in answers] == ["7", "2", None, None]
    assert all(errors(one) for one in answers[:3])
    assert answers[3].headers["Content-Type"].startswith("text/html")
    assert flatfile.listed() == []


def test_8_faults_on_the_way(flatfile: Flatfile, running: Sandbox) -> None:
    running.fault(provider="flatfile", action="delay", seconds=0.5)
    started = time.monotonic()
    assert flatfile.send().status_code == 200
    assert time.monotonic() - started >= 0.5
    running.fault(provider="flatfile", action="truncate", after_bytes=20)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        flatfile.send()
    running.fault(provider="flatfile", action="reset", after_bytes=100)
    with pytest.raises(requests.ConnectionError):
        flatfile.send()
    # What was cut off after it arrived is there; what never arrived whole is not.
    assert len(flatfile.listed()) == 2


def test_8_json_that_ends_early(flatfile: Flatfile, running: Sandbox) -> None:
    running.fault(provider="flatfile", action="status", status=200, body='{"data": {"id": "us_fl')
    assert flatfile.send().text == '{"data": {"id": "us_fl'


def test_9_an_empty_mode_is_import(flatfile: Flatfile) -> None:
    assert flatfile.upload(mode="")["mode"] == "import"


def test_9_what_it_does_not_know_is_ignored(flatfile: Flatfile) -> None:
    shown = flatfile.upload(colour="blue", actions="[object Object]")
    assert "colour" not in shown
    answer = flatfile.ask("GET", "/files", headers={"X-Disable-Hooks": "true", "X-Nonsense": "1"})
    assert answer.status_code == 200


def blocks(head: bytes, size: int, tail: bytes) -> Iterator[bytes]:
    yield head
    for start in range(0, size, 1 << 20):
        yield bytes(min(1 << 20, size - start))
    yield tail


def test_a_large_file_takes_no_memory(flatfile: Flatfile, running: Sandbox) -> None:
    def peak() -> int:
        """In KiB; of the only process there is beside gunicorn's arbiter."""
        pids = [running.child.process.pid]
        pids += [int(pid) for pid in Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text().split()]
        shown = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(re.findall(r"VmHWM:\s+(\d+)", text)[0]) for text in shown)

    flatfile.upload(bytes(20 << 20))
    before, size = peak(), 300 << 20
    head = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value.encode())
        for name, value in ((b"spaceId", SPACE), (b"environmentId", DEV))
    )
    head += b'--B\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n'
    connection = http.client.HTTPConnection(urlsplit(flatfile.base_url).netloc, timeout=60)
    tail = b"\r\n--B--\r\n"
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "multipart/form-data; boundary=B",
        "Content-Length": str(len(head) + size + len(tail)),
    }
    connection.request("POST", "/flatfile/v1/files", blocks(head, size, tail), headers)
    assert connection.getresponse().status == 200
    connection.close()
    (shown, *_) = flatfile.listed()
    assert (shown["name"], shown["size"]) == ("large.csv", size)
    # Its hash is known, its bytes are not kept, and the sandbox says so.
    assert running.ledger("flatfile")[-2]["parts"][-1]["size"] == size
    assert flatfile.ask("GET", f"/files/{shown['id']}/download").status_code == 501
    assert peak() - before < 16 << 10


@pytest.mark.parametrize(
    "seed",
    [
        [],
        {"users": []},
        {"accounts": {}},
        {"accounts": [{"key": ""}]},
        {"accounts": [{"key": "k", "more": 1}]},
        {"accounts": [{"key": "k", "environments": [{"id": "us_env_1"}]}]},
        {"accounts": [{"key": "k", "spaces": [{"id": "us_sp_1", "name": "A", "environment_id": "us_env_1"}]}]},
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(flatfile: Flatfile, running: Sandbox, seed: object) -> None:
    assert running.ask("POST", "/_sandbox/seed", {"flatfile": seed})[0] == 400
