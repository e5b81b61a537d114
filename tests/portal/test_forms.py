"""The form page of every operation, made from its declaration; and what is said of what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup, Tag
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from app.checks import Rejected
from app.checks.types import TYPES
from app.errors import Refusal
from app.intake import Collected, CollectedFile
from app.intake.errors import BodyTooLarge, FileTooLarge, UnknownPart
from app.portal import forms, pages
from app.portal.errors import StalePage
from app.providers import registry
from app.providers.operation import Field, Mode, Operation, Part
from app.tenants.models import Link
from tests.portal.conftest import NOON, form_page, way

Open = Callable[..., None]
OPERATIONS = sorted(registry.operations(), key=lambda operation: operation.slug)


def read(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def names(operation: Operation) -> list[str]:
    return [part.name for part in operation.parts] + [
        field.name for field in operation.fields if field.asked or field.required
    ]


def text_of(page: BeautifulSoup, selector: str) -> str:
    return " ".join((page.select_one(selector) or Tag(name="p")).get_text(" ").split())


def refused(
    refusal: Refusal,
    *,
    files: tuple[str, ...] = (),
    operation: str = "facturapi/certificate",
    typed: dict[str, str] | None = None,
) -> BeautifulSoup:
    """The form page after a hand-in that was refused."""
    through = way(operation)
    kept = {
        name: CollectedFile(name=name, filename=f"my.{name}", content_type="", content=b"", sha256="") for name in files
    }
    fields = {"notice": "2026-01", **(typed or {})}
    collected = Collected(fields=fields, secrets={"password": SecretStr("hunter2!")}, files=kept)
    form = forms.build(through, fields)
    form.validate()
    page, status = pages._form(through, refusal, forms.Sent(body=collected, form=form))
    assert status == refusal.status
    return read(page)


@pytest.mark.parametrize("lang", ["es", "en"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.slug)
def test_a_form_asks_for_what_its_operation_declares(request_in: Open, operation: Operation, lang: str) -> None:
    request_in(lang)
    page = read(form_page(operation.slug))
    inputs = page.select("form :is(input, textarea, select)")
    assert {str(tag["name"]) for tag in inputs} == {"csrf_token", "outcome", "notice", *names(operation)}
    for tag in page.select("form :is(input, textarea, select):not([type=hidden])"):
        assert page.select_one(f"label[for={tag['id']}]"), tag
        assert all(page.select_one(f"#{name}") for name in str(tag["aria-describedby"]).split()), tag
    if lang == "es" and operation.intro:
        assert operation.intro not in page.get_text()


def test_a_form_says_where_to_find_it_with_a_picture_that_has_a_text(request_in: Open) -> None:
    request_in("es")
    picture = read(form_page("facturapi/certificate")).select_one("svg[role=img]")
    assert picture
    described = [picture.select_one(f"#{name}") for name in str(picture["aria-labelledby"]).split()]
    assert all(tag and tag.get_text() for tag in described)


def test_a_page_asks_no_other_host_for_anything(request_in: Open) -> None:
    request_in("es")
    for tag in read(form_page()).select("[src], link[href], use[href], form[action]"):
        for attribute in ("src", "href", "action"):
            assert str(tag.get(attribute, "/")).startswith("/"), tag


def test_a_page_is_small(request_in: Open) -> None:
    request_in("es")
    assert len(form_page().encode()) < 25_000


def test_without_a_notice_there_is_nothing_to_accept(request_in: Open) -> None:
    request_in("es")
    assert not read(form_page(notice_version=None)).select("#notice")


@pytest.mark.parametrize("lang", ["es", "en"])
def test_what_is_wrong_stands_next_to_its_field_which_has_the_focus(request_in: Open, lang: str) -> None:
    request_in(lang)
    page = refused(Rejected("wrong_password", field="password"), files=("cer", "key"))
    field = page.select_one("#password")
    assert isinstance(field, Tag)
    assert field["aria-invalid"] == "true"
    assert field.has_attr("autofocus")
    assert "password-error" in str(field["aria-describedby"])
    said = page.select_one("#password-error")
    assert said
    assert said.get_text().startswith("La contraseña no abre" if lang == "es" else "The password does not open")
    assert [str(tag["id"]) for tag in page.select("[aria-invalid], [autofocus]")] == ["password"]


def test_names_of_files_are_remembered_and_a_password_never(request_in: Open) -> None:
    request_in("es")
    page = refused(Rejected("wrong_password", field="password"), files=("cer", "key"))
    assert "Habías elegido “my.cer”." in page.get_text()
    assert "hunter2" not in str(page)
    assert page.select_one("#notice[checked]")


@pytest.mark.parametrize("slug", sorted(forms.QUESTIONS))
def test_a_question_is_asked_with_a_box_to_say_yes(request_in: Open, slug: str) -> None:
    request_in("es")
    page = refused(Rejected(slug, field="cer", date=NOON, held_date=NOON), files=("cer", "key"))
    box = page.select_one("input[name=replace]")
    assert isinstance(box, Tag)
    assert box["type"] == "checkbox"
    assert not box.has_attr("checked")
    assert box.has_attr("autofocus")
    said = page.select_one("#replace-error")
    assert said
    assert said.get_text().endswith("de todos modos?")
    assert page.select_one("#cer[required]")


def test_without_a_question_there_is_no_box(request_in: Open) -> None:
    request_in("es")
    assert not refused(Rejected("expired", field="cer", date=NOON)).select("input[name=replace]")


def test_what_is_wrong_with_the_whole_form_stands_above_it_and_has_the_focus(request_in: Open) -> None:
    request_in("en")
    page = refused(StalePage())
    summary = page.select_one("#summary")
    assert isinstance(summary, Tag)
    assert summary["role"] == "alert"
    assert summary.has_attr("autofocus")
    assert "open for too long" in summary.get_text()
    assert not page.select("[aria-invalid]")


def test_a_field_is_called_by_its_label(request_in: Open) -> None:
    request_in("es")
    labels = {part.name: part.label for part in registry.operation("facturapi/certificate").parts}
    said = refused(Rejected("duplicate-part", field="cer", name="cer")).select_one("#cer-error")
    assert said
    assert "“cer”" not in said.get_text()
    assert labels["cer"]
    assert "“x<y”" in refused(UnknownPart(name="x<y")).get_text()


def test_on_the_form_of_an_e_firma_a_verdict_speaks_of_the_e_firma(request_in: Open) -> None:
    request_in("es")
    for operation, whose in (("facturapi/certificate", "Es la del CSD ("), ("facturapi/fiel", "Es la de tu e.firma (")):
        said = refused(Rejected("wrong_password", field="password"), operation=operation).select_one("#password-error")
        assert whose in (said or Tag()).get_text()


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.parts], ids=lambda operation: operation.slug)
def test_where_a_file_streams_it_is_the_last_thing_asked_for(request_in: Open, operation: Operation) -> None:
    request_in("es")
    page = read(form_page(operation.slug))
    asked = [str(tag["name"]) for tag in page.select("form :is(input, textarea, select)")]
    files = [part.name for part in operation.parts]
    assert (asked[-len(files) :] == files) is (operation.modes[0] is not Mode.DIRECT)
    assert bool(page.select("form[data-streams] progress")) is (operation.modes[0] is not Mode.DIRECT)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.slug)
def test_what_is_taken_is_said_in_words_and_to_the_picker(request_in: Open, operation: Operation) -> None:
    request_in("en")
    page = read(form_page(operation.slug))
    for part in operation.parts:
        tag = page.select_one(f"#{part.name}")
        assert isinstance(tag, Tag)
        accepted = [] if not tag.has_attr("accept") else str(tag["accept"]).split(",")
        assert all(ending in accepted for name in part.types for ending in TYPES[name].endings)
        assert bool(accepted) is bool(part.types)
        if part.types:
            said = text_of(page, f"#{part.name}-help")
            assert "at most" in said
            assert all(TYPES[name].words.partition(" ")[0] in said for name in part.types)


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> str:
    """An operation that asks for one of everything, and that no provider has."""
    made = Operation(
        slug="facturapi/kinds",
        title="Kinds",
        intro="",
        modes=(Mode.RELAY,),
        parts=(Part(name="file", label="File", max_bytes=10_000_000, types=("pdf", "xlsx")),),
        fields=(
            Field(name="path", label="Path", required=False),
            Field(name="notes", label="Notes", kind="long", required=False, max_length=2000),
            Field(name="duplicates", label="Also twice", help="Why not.", kind="checkbox", required=False),
            Field(name="mode", label="Mode", kind="choice", choices=(("import", "Import"), ("export", "Export"))),
            Field(name="hidden", label="Hidden", asked=False, required=False),
            Field(name="needed", label="Needed", asked=False),
        ),
    )
    monkeypatch.setitem(registry.OPERATIONS, made.slug, made)
    return made.slug


def test_every_kind_of_field_has_its_control(request_in: Open, kinds: str) -> None:
    request_in("en")
    page = read(form_page(kinds))
    assert page.select_one("input[type=text]#path:not([required])")
    assert page.select_one("textarea#notes[maxlength='2000']")
    assert page.select_one("input[type=checkbox]#duplicates[value=true]")
    assert [option["value"] for option in page.select("select#mode[required] option")] == ["", "import", "export"]
    assert not page.select("#hidden")
    assert page.select_one("#needed[required]")  # without it nothing could be handed in
    assert "PDF or Excel (.xlsx), at most 10 MB." in text_of(page, "#file-help")


def test_what_was_typed_is_kept_beside_what_is_wrong(request_in: Open, kinds: str) -> None:
    request_in("en")
    typed = {"path": "a & b", "notes": "one=1\n</textarea>", "duplicates": "true", "mode": "export"}
    page = refused(Rejected("missing-field", field="path"), operation=kinds, typed=typed, files=("file",))
    assert page.select_one("#path[aria-invalid][autofocus][value='a & b']")
    assert text_of(page, "#path-error") == "Fill this in."
    assert page.select_one("#notes").text.strip() == "one=1\n</textarea>"  # type: ignore[union-attr]
    assert page.select_one("#duplicates[checked]")
    assert page.select_one("option[value=export][selected]")
    assert "You had chosen “my.file”." in page.get_text()


def test_an_operator_presets_fields_and_narrows_types(request_in: Open, kinds: str) -> None:
    request_in("en")
    page = read(form_page(kinds, settings={"presets": {"path": "in", "mode": "import"}, "types": ["pdf"]}))
    assert not page.select("#path, #mode")
    assert page.select_one("#notes")
    assert str(page.select_one("#file")["accept"]) == ".pdf,application/pdf"  # type: ignore[index]
    assert text_of(page, "#file-help") == "PDF, at most 10 MB."


def test_every_page_is_a_hand_in_of_its_own(request_in: Open) -> None:
    request_in("en")
    first, second = (read(form_page()).select_one("#outcome") for _ in range(2))
    assert first
    assert second
    assert first["value"] != second["value"]
    again = refused(Rejected("expired", field="cer", date=NOON), typed={"outcome": str(first["value"])})
    assert again.select_one("#outcome")["value"] != first["value"]  # type: ignore[index]


def test_a_file_that_is_too_large_is_told_how_large_it_may_be(request_in: Open, kinds: str) -> None:
    request_in("en")
    for refusal in (FileTooLarge(10_000_001, field="file", name="file"), BodyTooLarge(10_016_384)):
        said = refused(refusal, operation=kinds).select_one("#file-error")
        assert (said or Tag()).get_text() == "This file is larger than 10 MB, the most that is taken here."


@pytest.mark.parametrize("refusal", [FileTooLarge(16384, field="cer", name="cer"), BodyTooLarge(65536)])
def test_too_large_is_said_in_the_words_of_certificates(request_in: Open, refusal: Refusal) -> None:
    request_in("es")
    assert "demasiado grande para ser un certificado" in (refused(refusal).select_one("main") or Tag()).get_text()


def test_the_notice_in_force_has_to_be_accepted(request_in: Open) -> None:
    request_in("es")

    def errors(**fields: str) -> list[str]:
        form = forms.build(way(), fields)
        form.validate()
        return list(form.notice.errors)

    assert errors(notice="2026-01") == []
    for fields in ({}, {"notice": ""}, {"notice": "y"}, {"notice": "2025-01"}):
        assert errors(**fields) == ["Acepta el aviso de privacidad para continuar."]


def test_a_passphrase_is_asked_for_and_a_wrong_one_stands_next_to_it(request_in: Open) -> None:
    from app.tenants.errors import WrongPassphrase

    request_in("es")
    link = Link(id=uuid7(), passphrase_hash="x", locale="en")
    through = way(link=link)
    assert through.locked
    page, status = pages._passphrase(through, "tok", WrongPassphrase(field="passphrase"))
    assert status == 403
    field = read(page).select_one("#passphrase[aria-invalid]")
    assert isinstance(field, Tag)
    assert field.has_attr("autofocus")
    through.unlock()
    assert not through.locked
    assert not way(link=Link(id=uuid7(), passphrase_hash=None)).locked
    assert way(link=Link(id=uuid7(), passphrase_hash="x")).locked
