"""What the pages about security say is done is done by tests and files that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MODEL: Final = (ROOT / "docs" / "threat-model.md").read_text()
ANSWERS: Final = (ROOT / "docs" / "asvs.md").read_text()
STRIDE: Final = {"S", "T", "R", "I", "D", "E"}
#: A test as both pages write one: `intake/test_body.py::test_it`, or a whole file of them.
TEST: Final = re.compile(r"`([\w/]+/)?(test_\w+\.py)(?:::(\w+))?`")
#: Everything else of this repository that they could name.
FILE: Final = re.compile(
    r"`((?:app|docs|ops|supply|static)/(?!test_)[\w./-]+|[A-Z][A-Za-z]+(?:\.md|file)|[a-z.]+\.(?:py|toml))`"
)


@cache
def functions_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef))


def missing(text: str) -> list[str]:
    """Tests and files that are named and are not there."""
    found = [
        one[0]
        for one in TEST.finditer(text)
        if not (path := ROOT / "tests" / (one[1] or "") / one[2]).is_file()
        or (one[3] is not None and one[3] not in functions_in(path))
    ]
    return found + [one for one in FILE.findall(text) if not (ROOT / one).exists()]


def rows(text: str) -> list[list[str]]:
    """Cells of every line of a table but those at its top."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"\|[\s|:-]*\|$", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("page", [MODEL, ANSWERS], ids=["threat-model", "asvs"])
def test_what_holds_is_there(page: str) -> None:
    assert missing(page) == []


def test_what_is_not_there_is_noticed() -> None:
    assert missing("`intake/test_nothing.py::test_it`") == ["`intake/test_nothing.py::test_it`"]
    assert missing("`test_mail.py::test_nothing`, `test_mail.py`") == ["`test_mail.py::test_nothing`"]
    assert missing("`app/nothing.py`, `app/mail.py`, `SECURITY.md`, `Makefile`") == ["app/nothing.py"]


def boundaries() -> dict[str, list[list[str]]]:
    """Rows of each boundary of the threat model."""
    found = {part.partition("\n")[0]: rows(part)[1:] for part in MODEL.split("\n## ") if re.match(r"\d", part)}
    assert len(found) == 9
    return found


@pytest.mark.parametrize("boundary", boundaries())
def test_every_kind_of_threat_is_thought_of_at_every_boundary(boundary: str) -> None:
    listed = boundaries()[boundary]
    assert {row[0] for row in listed} == STRIDE
    for kind, threat, control, held in listed:
        assert kind
        assert threat
        assert control
        assert TEST.search(held), threat


#: What can be said of a requirement.
VERDICTS: Final = {"holds", "not here", "not yet", "operator"}
#: The requirements that levels 1 and 2 of ASVS 4.0.3 have, by section.
REQUIRED: Final = """
1.1 1-7, 1.2 1-4, 1.4 1 4-5, 1.5 1-4, 1.6 1-4, 1.7 1-2, 1.8 1-2, 1.9 1-2, 1.10 1, 1.11 1-2, 1.12 2, 1.14 1-6,
2.1 1-12, 2.2 1-3, 2.3 1-3, 2.4 1-5, 2.5 1-7, 2.6 1-3, 2.7 1-6, 2.8 1-7, 2.9 1-3, 2.10 1-4,
3.1 1, 3.2 1-4, 3.3 1-4, 3.4 1-5, 3.5 1-3, 3.7 1, 4.1 1-3 5, 4.2 1-2, 4.3 1-3,
5.1 1-5, 5.2 1-8, 5.3 1-10, 5.4 1-3, 5.5 1-4, 6.1 1-3, 6.2 1-6, 6.3 1-2, 6.4 1-2,
7.1 1-4, 7.2 1-2, 7.3 1 3-4, 7.4 1-3, 8.1 1-4, 8.2 1-3, 8.3 1-8, 9.1 1-3, 9.2 1-4, 10.2 1-2, 10.3 1-3,
11.1 1-8, 12.1 1-3, 12.2 1, 12.3 1-6, 12.4 1-2, 12.5 1-2, 12.6 1, 13.1 1 3-5, 13.2 1-3 5-6, 13.3 1-2, 13.4 1-2,
14.1 1-4, 14.2 1-6, 14.3 2-3, 14.4 1-7, 14.5 1-4
"""


def answers() -> dict[str, list[str]]:
    """Verdict and reason of each requirement of ASVS 4.0.3, by its number."""
    found = [row for row in rows(ANSWERS) if re.fullmatch(r"\d+\.\d+\.\d+", row[0])]
    assert len({row[0] for row in found}) == len(found), "answered twice"
    return {row[0]: row[1:] for row in found}


def required() -> set[str]:
    found = set()
    for section in REQUIRED.split(","):
        name, *spans = section.split()
        for span in spans:
            first, _, last = span.partition("-")
            found |= {f"{name}.{number}" for number in range(int(first), int(last or first) + 1)}
    return found


def test_every_requirement_is_answered() -> None:
    assert answers().keys() == required()


def test_every_answer_is_one() -> None:
    for number, (asked, verdict, where) in answers().items():
        assert asked, number
        assert verdict in VERDICTS, number
        assert where or verdict == "not here", number
        if verdict == "holds":
            assert TEST.search(where) or FILE.search(where), number


def test_what_is_not_yet_so_is_told_at_the_top() -> None:
    """Nobody has to read all of it to find what is missing."""
    lacking = {number for number, (_, verdict, _) in answers().items() if verdict == "not yet"}
    summary = ANSWERS.partition("\n## ")[0]
    assert set(re.findall(r"\d+\.\d+\.\d+", summary)) - {"4.0.3"} == lacking
