"""The calls that the pages show, as they stand there, against a gateway."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.database import Database
from app.local.place import ROOT
from app.tenants import tokens
from app.words import WORDS
from tests.relay import files
from tests.relay.house import House

pytestmark = pytest.mark.live

API: Final = (ROOT / "docs" / "api.md").read_text()
RESUMABLE: Final = (ROOT / "docs" / "resumable.md").read_text()
README: Final = (ROOT / "README.md").read_text()


def commands(page: str) -> list[str]:
    """What a page tells to type, where it calls the API."""
    return [block for block in re.findall(r"^```sh\n(.+?)^```$", page, re.MULTILINE | re.DOTALL) if "curl" in block]


def examples(page: str) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"^```json\n(.+?)^```$", page, re.MULTILINE | re.DOTALL)]


def call(command: str, house: House, folder: Path, **variables: str) -> dict[str, Any]:
    """Type it, in a folder that has the file."""
    assert command.count("curl") == 1
    here = command.replace("http://127.0.0.1:8000", house.gateway.url).replace(
        "/kemper/", f"/{house.organization.slug}/"
    )
    done = subprocess.run(
        ["sh", "-ec", here.replace("curl ", "curl --silent --show-error --max-time 30 ")],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TOKEN": house.token, **variables},
        capture_output=True,
        check=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_the_page_of_the_api_shows(house: House, tmp_path: Path) -> None:
    (tmp_path / "contract.pdf").write_bytes(files.pdf(20_480))
    hand_in, legal, alone, look, *_ = commands(API)
    made = call(hand_in, house, tmp_path)
    shown, problem = examples(API)
    told = {"size": 20_480, "external_id": "contract-7", "metadata": {"batch": 4}, "state": "delivered"}
    assert made | told == made
    assert shown | told == shown
    assert made["attempts"][0].keys() == shown["attempts"][0].keys()
    assert made.keys() == shown.keys()
    assert call(look, house, tmp_path, ID=made["id"]) == made
    assert call(legal, house, tmp_path)["operation"] == "facturapi/legal"
    once = call(alone, house, tmp_path)
    assert once | {"operation": "codat/file", "filename": "contract.pdf", "external_id": "contract-7"} == once
    assert call(alone, house, tmp_path) == once  # it has a key

    (tmp_path / "contract.pdf").write_bytes(files.pdf(20_480))
    refused = call(
        hand_in.replace("formkiq/document", "flatfile/file").replace('-F \'tags={"kind": "contract"}\'', ""),
        house,
        tmp_path,
    )
    same = ("type", "title", "status", "detail")
    assert {name: refused[name] for name in same} == {name: problem[name] for name in same}
    assert refused.keys() == problem.keys()


#: What the commands beside hand-ins come to where all of it is there already, and nothing has failed.
BESIDE: Final = {"uploads": (200, 409), "connections": (409, 200), "export": (200, 409), "webhooks": (201,)}


@pytest.mark.parametrize("about", BESIDE)
def test_what_it_shows_beside_hand_ins(house: House, database: Database, tmp_path: Path, about: str) -> None:
    (block,) = (one for one in commands(API)[4:] if re.search(rf"organizations/kemper/{about}\b", one))
    all_of_it: dict[str, str] = {}
    for name, owner in {"TOKEN": house.organization.id, "HOUSE_TOKEN": None}.items():
        with database.transaction(owner) as session:
            all_of_it[name] = tokens.create(session, organization_id=owner, name=name, scopes=tokens.SCOPES)[1]
    (tmp_path / "contract.pdf").write_bytes(files.pdf(20_480))
    all_of_it["ID"] = call(commands(API)[0], house, tmp_path)["id"]
    here = re.sub(r"http://127\.0\.0\.1:800[01]", house.gateway.url, block)
    here = here.replace("/kemper/", f"/{house.organization.slug}/")
    with_status = here.replace("curl ", "curl --silent --max-time 30 --write-out '%{stderr}%{http_code}\n' ")
    done = subprocess.run(
        ["sh", "-ec", with_status],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **all_of_it},
        capture_output=True,
        check=True,
        text=True,
    )
    assert tuple(int(status) for status in done.stderr.split()) == BESIDE[about], done.stdout
    assert len(commands(API)) == 4 + len(BESIDE)


def test_what_the_readme_shows(house: House, tmp_path: Path) -> None:
    (command,) = commands(README)
    (problem,) = examples(README)
    statement = tmp_path / "statement.csv"
    statement.write_bytes(files.csv(4000))
    made = call(command, house, tmp_path)
    assert made.get("state") == "delivered", made
    statement.write_bytes(files.pdf(4000))
    refused = call(command, house, tmp_path)
    assert {name: refused[name] for name in ("type", "status")} == {name: problem[name] for name in ("type", "status")}


#: Of these a service that hands in by one call meets none: pages, commands, and files in pieces, which have their own.
ELSEWHERE = ("app.portal", "app.tenants", "app.records", "app.delivery.retrying", "app.resumable")


def statuses(*, of: Callable[[str], bool]) -> set[int]:
    """The statuses of all refusals whose module is one of those."""
    import app.assembly  # noqa: F401 - so that every refusal is known
    from app.errors import Refusal

    def all_of(kind: type[Refusal]) -> Iterator[type[Refusal]]:
        yield kind
        for one in kind.__subclasses__():
            yield from all_of(one)

    return {one.status for one in all_of(Refusal) if one.__module__.startswith("app.") and of(one.__module__)}


def told(text: str, row: str) -> set[int]:
    """The statuses that a table has rows for."""
    return {int(status) for status in re.findall(row, text, re.MULTILINE)}


def test_the_status_of_every_problem_is_in_the_table() -> None:
    from app.api.problems import FAILURES, REFUSED_THERE, UNCONFIRMED

    raised = statuses(of=lambda module: not module.startswith(ELSEWHERE))
    assert told(API, r"^\| (\d{3}) \|") >= raised | set(FAILURES.values()) | {REFUSED_THERE, UNCONFIRMED}


def test_the_status_of_every_problem_with_pieces_is_in_its_table() -> None:
    ours = statuses(of=lambda module: module.startswith("app.resumable"))
    assert ours > {409, 412}
    assert told(RESUMABLE, r"^\| `(\d{3})` \|") >= ours


def test_every_slug_that_it_names_is_one() -> None:
    for slug in re.findall(r"/docs/problems#([\w-]+)", API + README):
        assert slug in WORDS, slug
