from __future__ import annotations

import gc
import tracemalloc
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checks import Busy, Policy, Rejected
from app.checks.budget import Budget
from app.checks.patterns import EICAR
from app.checks.types import SAYS_NOTHING, TYPES, Family
from app.providers.operation import Field
from app.words import WORDS
from tests.checks.documents import GOOD, PDF, begun, blocks, office, ole, operation, packed, passed, verdict
from tests.checks.test_image import JPEG, PNG

ENDINGS = sorted({ending for type_ in TYPES.values() for ending in type_.endings})
DECLARED = sorted({said.lower() for type_ in TYPES.values() for said in type_.media_types} | SAYS_NOTHING)


def agree(name: str, ending: str, declared: str) -> str:
    """What the table says of a good file of one type, under a name, said to be something."""
    named = next(type_ for type_ in TYPES.values() if ending in type_.endings)
    if declared not in SAYS_NOTHING and declared not in {said.lower() for said in named.media_types}:
        return "other-declared"
    return "" if named.name == name else "other type"


@pytest.mark.attack("files", "a file that is not what its name or its type says", "refused")
@pytest.mark.parametrize("name", TYPES)
def test_name_declared_type_and_content_agree_or_it_is_refused(name: str) -> None:
    """Every good file under every ending, declared as everything."""
    for ending, declared in product(ENDINGS, DECLARED):
        expected = agree(name, ending, declared)
        found = verdict(f"file{ending.upper()}", GOOD[name], content_type=f"{declared.upper()} ; charset=utf-8")
        named = next(type_ for type_ in TYPES.values() if ending in type_.endings)
        texts = {Family.TEXT, Family.JSON}
        if expected == "other type" and {named.family, TYPES[name].family} <= texts:
            # Any text is a text; only JSON has a form.
            expected = "damaged-file" if named.name == "json" else ""
        if expected == "other type" and named.name == "zip" and TYPES[name].family is Family.ZIP:
            expected = ""  # office files are archives
        if expected == "other type":
            assert found in {"other-content", "not-its-content", "damaged-file", "web-page", "not-plain-text"}, ending
        else:
            assert found == expected, (ending, declared)


def test_there_is_a_good_file_of_every_type() -> None:
    assert GOOD.keys() == TYPES.keys()
    for name, data in GOOD.items():
        watching = passed(f"A file{TYPES[name].endings[0]}", data)
        assert watching.content_type == TYPES[name].media_type
        assert watching.facts["file"]["type"] == name


@pytest.mark.parametrize(
    ("filename", "data", "slug"),
    [
        ("invoice.pdf.exe", b"MZ" + bytes(100), "program"),
        ("invoice.pdf.exe", PDF, "type-not-taken"),
        ("invoice.php.pdf", PDF, "double-ending"),
        ("invoice.exe .pdf", PDF, "double-ending"),
        ("invoice.xml.pdf", PDF, ""),
        ("bank.com.mx v1.2.pdf", PDF, ""),
        ("invoice", PDF, "type-not-taken"),
        ("invoice.", PDF, "type-not-taken"),
        ("program.pdf", b"MZ" + bytes(58) + b"\x40\0\0\0" + b"PE\0\0" + bytes(99), "program"),
        ("program.txt", b"#!/bin/sh\nrm -rf /\n", "program"),
        ("program.zip", b"\x7fELF" + bytes(99), "program"),
        ("lots.csv", b"MZA,LOTE\n1,2\n" * 10, ""),
        ("page.txt", b"\xef\xbb\xbf <!-- x --> <!DOCTYPE html><html>", "web-page"),
        ("page.pdf", b"<html><body>", "web-page"),
        ("page.xls", b"\n<HTML xmlns:x='y'><table>", "web-page"),
        ("page.xml", "<?xml version='1.0'?><svg xmlns='x'/>".encode("utf-16"), "web-page"),
        ("page.csv", b"<table><tr>", "web-page"),
        ("page.txt", b"<?php echo 1;", "web-page"),
        ("picture.jpg", b"GIF89a" + bytes(99), "other-content"),
        ("picture.pdf", PNG, "other-content"),
        ("noise.pdf", b"what?" * 99, "not-its-content"),
        ("shifted.pdf", b"\n" + PDF, "not-its-content"),
        ("locked.docx", ole("EncryptedPackage"), "protected-file"),
        ("renamed.docx", GOOD["doc"], "other-content"),
        ("\u202e", PDF, "bad-file-name"),
    ],
)
def test_a_beginning_tells(filename: str, data: bytes, slug: str) -> None:
    if not slug:
        begun(filename, data)
        return
    with pytest.raises(Rejected) as refusal:
        begun(filename, data)
    assert (refusal.value.slug, refusal.value.field) == (slug, "file")
    assert WORDS[slug] % refusal.value.params
    assert refusal.value.status == (415 if slug in {"type-not-taken", "other-content", "not-its-content"} else 422)


@pytest.mark.parametrize("cut", range(1, len(EICAR) + 20, 7))
@pytest.mark.parametrize("last", [True, False])
def test_the_test_virus_is_found_across_blocks_and_at_the_end(cut: int, last: bool) -> None:
    data = b"a" * 20 + EICAR + (b"" if last else b"\n" * 200)
    watching = begun("notes.txt", data)
    with pytest.raises(Rejected, match="virus"):
        for block in blocks(data, cut, cut + 3, cut + 4):
            watching.feed(memoryview(block))
    assert verdict("notes.txt", data.replace(b"EICAR", b"EIKAR"), cut) == ""


@pytest.mark.parametrize("name", [name for name in TYPES if TYPES[name].family not in {Family.ZIP, Family.XML}])
def test_the_test_virus_is_found_in_every_type(name: str) -> None:
    data = GOOD[name] + EICAR
    watching = begun("file" + TYPES[name].endings[0], data)
    with pytest.raises(Rejected, match="virus"):
        watching.feed(data)


@given(
    name=st.sampled_from(sorted(GOOD)), cuts=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=6),
    at=st.integers(min_value=0), new=st.binary(max_size=3),
)  # fmt: skip
def test_however_a_file_is_cut_its_verdict_is_the_same(name: str, cuts: list[int], at: int, new: bytes) -> None:
    place = at % (len(GOOD[name]) + 1)
    data = GOOD[name][:place] + new + GOOD[name][place:]
    filename = "file" + TYPES[name].endings[0]
    assert verdict(filename, data, *cuts) == verdict(filename, data)


@given(name=st.sampled_from(sorted(GOOD)), start=st.booleans(), noise=st.binary(min_size=1))
def test_whatever_comes_there_is_a_verdict(name: str, start: bool, noise: bytes) -> None:
    data = (GOOD[name][: len(GOOD[name]) // 2] if start else b"") + noise
    verdict("file" + TYPES[name].endings[0], data)


@pytest.mark.parametrize(
    ("size", "slug", "status"), [(0, "empty-file", 422), (101, "file-too-large", 413), (100, None, 0)]
)
def test_size_is_judged_before_anything_leaves(size: int, slug: str | None, status: int) -> None:
    wanted = operation(max_bytes=100)
    if slug is None:
        begun("a.txt", b"a" * size, operation=wanted)
        return
    with pytest.raises(Rejected) as refusal:
        begun("a.txt", b"a" * size, operation=wanted)
    assert (refusal.value.slug, refusal.value.status, refusal.value.field) == (slug, status, "file")


FIELDS = (
    Field(name="title", label="Title", max_length=5),
    Field(name="mode", label="Mode", kind="choice", choices=(("a", "A"), ("b", "B")), required=False),
    Field(name="twice", label="Twice", kind="checkbox", required=False),
)


@pytest.mark.parametrize(
    ("fields", "slug", "field"),
    [
        ({"title": "one", "mode": "a", "twice": "on"}, None, None),
        ({"title": "one"}, None, None),
        ({}, "missing-field", "title"),
        ({"title": "longer"}, "field-too-long", "title"),
        ({"title": "one", "mode": "c"}, "not-a-choice", "mode"),
        ({"title": "one", "twice": "perhaps"}, "not-a-choice", "twice"),
    ],
)
def test_fields_are_judged_before_the_file(fields: dict[str, str], slug: str | None, field: str | None) -> None:
    wanted = operation(fields=FIELDS)
    if slug is None:
        begun("a.txt", b"a", operation=wanted, fields=fields)
        return
    with pytest.raises(Rejected) as refusal:
        begun("a.txt", b"", operation=wanted, fields=fields)
    assert (refusal.value.slug, refusal.value.field) == (slug, field)
    assert WORDS[slug] % refusal.value.params


def test_an_operation_takes_its_types_and_a_form_fewer() -> None:
    wanted = operation("pdf", "csv")
    assert verdict("a.pdf", PDF, operation=wanted) == ""
    assert verdict("a.txt", b"a", operation=wanted) == "type-not-taken"
    narrowed = Policy(types=frozenset({"csv", "zip"}))
    assert verdict("a.csv", b"a", operation=wanted, policy=narrowed) == ""
    with pytest.raises(Rejected) as refusal:
        begun("a.zip", GOOD["zip"], operation=wanted, policy=narrowed)
    assert refusal.value.params == {"kinds": "CSV"}


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(Rejected, match="unknown-part"):
        begun("a.pdf", PDF, part_name="other")


@pytest.mark.parametrize(("data", "format_"), [(PNG, "png"), (JPEG, "jpeg")])
def test_a_logo_goes_by_its_bytes(data: bytes, format_: str) -> None:
    logo = operation(check="image")
    watching = begun("logo.gif", data, operation=logo)
    assert watching.facts == {"file": {"format": format_}}
    assert watching.content_type == f"image/{format_}"
    watching.feed(data)
    assert watching.finish() == {"file": {"format": format_, "width": 2, "height": 1}}
    for bad in (data[:-1], data + b"x", b"<svg/>", PDF):
        assert verdict("logo.png", bad, operation=logo) == "image-unreadable"


def test_a_policy_is_what_a_form_says() -> None:
    said: dict[str, Any] = {"types": ["pdf", "csv"], "uninspected": True, "protected": False}
    policy = Policy.parse({"presets": {"a": "b"}, **said})
    assert policy == Policy(types=frozenset({"pdf", "csv"}), uninspected=True)
    assert policy.dump() == said
    assert Policy.parse({}) == Policy() == Policy.parse(Policy().dump())


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"types": []}, "at least one"),
        ({"types": "pdf"}, "list"),
        ({"types": ["pdf", "exe"]}, "exe: no such type"),
        ({"types": [1]}, "1: no such type"),
        ({"uninspected": "yes"}, "uninspected must be true or false"),
        ({"protected": 1}, "protected must be true or false"),
    ],
)
def test_a_policy_that_is_none_says_why(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Policy.parse(settings)


def test_archives_share_one_budget_and_give_it_back() -> None:
    data = GOOD["zip"]
    budget = Budget(len(data) + 10)
    first = begun("a.zip", data, budget=budget)
    assert budget.held == len(data)
    with pytest.raises(Busy) as refusal:
        begun("b.zip", data, budget=budget)
    assert (refusal.value.slug, refusal.value.status, refusal.value.field) == ("busy", 503, "file")
    begun("a.pdf", PDF, budget=budget)  # nothing of it is held
    first.feed(data)
    first.finish()
    assert budget.held == 0
    for refused in (data[:-1], packed({"a.zip": data[:-1]})):
        budget.limit = 2 * len(refused)
        with pytest.raises(Rejected) as kept:
            passed("b.zip", refused, budget=budget)
        assert (kept.value.slug, budget.held) == ("ambiguous-archive", 0)


def test_a_file_that_goes_away_gives_its_room_back() -> None:
    budget = Budget(1 << 20)
    watching = begun("a.zip", GOOD["zip"], budget=budget)
    watching.feed(GOOD["zip"][:10])
    del watching
    gc.collect()
    assert budget.held == 0


def test_an_archive_in_an_archive_needs_room_too() -> None:
    data = packed({"in.docx": office("docx", {"big.bin": bytes(100_000)})})
    assert verdict("a.zip", data, budget=Budget(10_000)) == ""
    budget = Budget(len(data) + 10)
    watching = begun("a.zip", data, budget=budget)
    watching.feed(data)
    with pytest.raises(Busy) as refusal:
        watching.finish()
    assert refusal.value.field == "file"
    del watching, refusal
    gc.collect()
    assert budget.held == 0


@pytest.mark.parametrize("name", ["pdf", "png", "jpeg", "text", "json", "xml"])
def test_memory_does_not_grow_with_the_file(name: str) -> None:
    block = {"xml": b"<b>text</b>" + b"text" * 16_000, "json": b"[1], " * 13_000}.get(name, b"text " * 13_000)
    size = 200 * len(block)
    start = {"png": PNG[:33] + b"\x7f\xff\xff\xffIDAT", "jpeg": JPEG[:-2], "json": b"[", "xml": b"<a>"}
    head = start.get(name, GOOD[name][:20])
    watching = begun("file" + TYPES[name].endings[0], head + block, size=size)
    watching.feed(head)
    tracemalloc.start()
    for _ in range(200):
        watching.feed(block)
    assert tracemalloc.get_traced_memory()[1] < 12 * len(block)
    tracemalloc.stop()
