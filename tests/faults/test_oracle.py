"""The oracle finds what it is there to find: every lie that is planted, and no other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.faults.oracle import Arrival, Found, Handed, Row, judge

ID = "0191c5a2-0000-7000-8000-000000000001"
HASH = 64 * "a"
HANDED = Handed(
    organization="acme", operation="flatfile/file", filename="a.csv", sha256=HASH, key="sk_1", status=201, id=ID
)
ROW = Row(id=ID, organization="acme", operation="flatfile/file", state="delivered", parts=[("a.csv", HASH)])
ARRIVAL = Arrival(sha256=HASH, place="flatfile 1", filename="a.csv", authorization="Bearer sk_1")
TRUE = Found(rows=[ROW], arrivals=[ARRIVAL])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """Something that is not as it was told; `found` and `handed` are changed to it, `kind` is what it is called."""

    id: str
    kind: str
    found: Found = TRUE
    handed: Handed = HANDED


def row(**changed: Any) -> Found:
    """As it should be, but for its row."""
    return replace(TRUE, rows=[replace(ROW, **changed)])


LIES = (
    Lie(id="delivered-and-not-there", kind="lost", found=replace(TRUE, arrivals=[])),
    Lie(id="accepted-and-no-record", kind="lost", found=Found()),
    Lie(
        id="accepted-and-rejected",
        kind="lost",
        handed=replace(HANDED, status=202),
        found=Found(rows=[replace(ROW, state="rejected")]),
    ),
    Lie(id="told-otherwise", kind="lost", handed=replace(HANDED, told="unknown")),
    Lie(
        id="delivered-by-a-record-of-nobody",
        kind="lost",
        handed=replace(HANDED, status=None, id=None),
        found=replace(TRUE, arrivals=[]),
    ),
    Lie(id="twice", kind="doubled", found=replace(TRUE, arrivals=[ARRIVAL, replace(ARRIVAL, place="flatfile 2")])),
    Lie(
        id="twice-and-nothing-told",
        kind="doubled",
        handed=replace(HANDED, status=None, id=None),
        found=replace(TRUE, arrivals=[ARRIVAL, replace(ARRIVAL, place="flatfile 2")]),
    ),
    Lie(id="other-name-there", kind="misnamed", found=replace(TRUE, arrivals=[replace(ARRIVAL, filename="b.csv")])),
    Lie(
        id="other-organization-there",
        kind="misnamed",
        found=replace(TRUE, arrivals=[replace(ARRIVAL, authorization="Bearer sk_2")]),
    ),
    Lie(id="other-name-here", kind="misnamed", found=row(parts=[("b.csv", HASH)])),
    Lie(id="other-hash-here", kind="misnamed", found=row(parts=[("a.csv", 64 * "b")])),
    Lie(id="other-operation-here", kind="misnamed", found=row(operation="codat/file")),
    Lie(id="in-dead-hands", kind="orphans", found=row(state="delivering")),
    Lie(
        id="waits-for-nothing",
        kind="orphans",
        found=replace(row(state="waiting", due=False), copies={ID}, objects={ID}),
    ),
    Lie(id="waits-without-a-copy", kind="orphans", found=row(state="waiting")),
    Lie(id="copy-without-object", kind="orphans", found=replace(TRUE, copies={ID})),
    Lie(id="object-without-copy", kind="orphans", found=replace(TRUE, objects={ID})),
    Lie(id="object-of-nobody", kind="orphans", found=replace(TRUE, objects={ID[:-1] + "2"})),
    Lie(id="locked-job", kind="orphans", found=replace(TRUE, locked_jobs=["deliver 7"])),
)
TRUTHS = {
    "delivered": (HANDED, TRUE),
    "put-there-again": (HANDED, replace(TRUE, arrivals=[ARRIVAL, ARRIVAL])),
    "nothing-told-and-there": (replace(HANDED, status=None, id=None), TRUE),
    "nothing-told-and-nothing-there": (replace(HANDED, status=None, id=None), Found()),
    "unknown-and-there": (HANDED, row(state="unknown")),
    "unknown-and-not-there": (replace(HANDED, status=202), Found(rows=[replace(ROW, state="unknown")])),
    "in-living-hands": (HANDED, row(state="delivering", owned=True)),
    "failed-and-kept": (
        replace(HANDED, status=202),
        Found(rows=[replace(ROW, state="failed")], copies={ID}, objects={ID}),
    ),
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.id)
def test_a_lie_is_found(lie: Lie) -> None:
    verdict = judge([lie.handed], lie.found)
    wrong = {kind for kind in ("lost", "doubled", "misnamed", "orphans") if getattr(verdict, kind)}
    assert lie.kind in wrong, verdict
    assert not verdict.clean
    assert lie.kind in str(verdict)


@pytest.mark.parametrize("case", TRUTHS.values(), ids=list(TRUTHS))
def test_the_truth_is_believed(case: tuple[Handed, Found]) -> None:
    handed, found = case
    verdict = judge([handed], found)
    assert verdict.clean, verdict


def test_what_is_another_test_s_is_left_to_it() -> None:
    assert judge(
        [replace(HANDED, organization="other", id=None, status=None, sha256=64 * "c")], row(state="delivering")
    ).clean
