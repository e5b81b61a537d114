"""The built front end: small, complete, all of it ours; and an organization's colour, readable whatever it is."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from app.portal.assets import DARK_PAGE, DIST, FOREVER, LIGHT_PAGE, ROOT, contrast, readable

BUDGET = 60_000
KINDS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
#: What the portal's own pages do not load.
OTHERS = ("resumable.", "receipt.", "api.", "dashboard", "charts.", "embed.", "framed.")
#: What only forms that take large files load, compressed.
TRAY_BUDGET = 120_000
#: Named in messages of libraries; the pages' policy lets nobody go there.
NAMED = {name: {b"uppy.io", b"github.com"} for name in ("resumable.js", "dashboard-handing-in.js")}
byte = st.integers(0, 255)


def built() -> dict[str, str]:
    return json.loads((DIST / "manifest.json").read_text())  # type: ignore[no-any-return]


def test_a_page_is_small() -> None:
    page = [name for plain, name in built().items() if not plain.startswith(OTHERS)]
    assert sum((DIST / name).stat().st_size for name in page) < BUDGET / 2


def given_to(app: Flask, path: str, taken: str) -> tuple[Headers, bytes]:
    """Headers and content of a file, for a browser that takes those encodings."""
    with app.test_client().get(path, headers={"Accept-Encoding": taken}) as answer:
        assert answer.status_code == 200
        return answer.headers, answer.data


@pytest.mark.parametrize("plain", sorted(name for name in built() if name != "favicon.svg"))
def test_a_built_file_travels_packed(app: Flask, plain: str) -> None:
    path = f"/static/dist/{built()[plain]}"
    about, packed = given_to(app, path, "br, gzip")
    about_whole, whole = given_to(app, path, "")
    assert about["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in about_whole
    assert gzip.decompress(packed) == whole
    assert len(packed) < len(whole)
    assert about["ETag"] != about_whole["ETag"]
    assert about["Content-Type"] == about_whole["Content-Type"]
    assert about["Content-Type"].startswith(KINDS[plain.rpartition(".")[2]])
    for one in (about, about_whole):
        assert one["Vary"] == "Accept-Encoding"
        assert one["Cache-Control"] == FOREVER


@pytest.mark.parametrize("name", ["nothing.css", "../css/portal.css", "..%2fjs%2fportal.js", "", "."])
@pytest.mark.parametrize("taken", ["gzip", ""])
def test_nothing_else_is_given(app: Flask, name: str, taken: str) -> None:
    answer = app.test_client().get(f"/static/dist/{name}", headers={"Accept-Encoding": taken})
    assert answer.status_code == 404


def test_who_will_not_have_it_packed_gets_it_whole(app: Flask) -> None:
    about, _ = given_to(app, f"/static/dist/{built()['portal.css']}", "gzip;q=0, *")
    assert "Content-Encoding" not in about


def test_what_takes_large_files_is_no_larger_than_a_picture() -> None:
    tray = [DIST / built()[name] for name in ("resumable.js", "resumable.css")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in tray) < TRAY_BUDGET


def test_no_built_file_names_another_host() -> None:
    for plain, name in built().items():
        hosts = set(re.findall(rb"https?://([^/\"' )`]+)", (DIST / name).read_bytes()))
        assert hosts <= {b"www.w3.org"} | NAMED.get(plain, set()), name


def test_no_stylesheet_holds_a_picture_of_its_own() -> None:
    """The pages' policy shows none that is not a file of ours."""
    for name in (name for name in built().values() if name.endswith(".css")):
        found = re.findall(r"url\(([^)]*)\)", (DIST / name).read_text())
        assert all((DIST / path.strip("\"'")).is_file() for path in found), name


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    from app.dashboard.showing import WAYS
    from app.portal.outcomes import LOOKS

    for folder, sprite in (("portal", "icons.svg"), ("dashboard", "dashboard-icons.svg")):
        there = set(re.findall(r'<symbol id="([\w-]+)"', (DIST / built()[sprite]).read_text()))
        pages = "".join(path.read_text() for path in (ROOT / "templates" / folder).rglob("*.html"))
        named = set(re.findall(r'icon(?:_name=|\()"([\w-]+)"', pages)) | {look.icon for look in LOOKS.values()}
        assert named <= there, folder
    assert {way.icon for way in WAYS} <= there


def test_no_template_has_a_style_or_a_script_of_its_own() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = re.sub(r"{[%{#].*?[%}#]}", "", path.read_text(), flags=re.DOTALL)  # what reaches the browser
        assert not re.search(r"\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=|javascript:", text), path


def test_script_and_style_are_worth_compressing_and_stay_tiny() -> None:
    size = sum(len(gzip.compress((DIST / built()[name]).read_bytes())) for name in ("portal.js", "portal.css"))
    assert size < 10_000


@given(red=byte, green=byte, blue=byte)
def test_any_colour_becomes_readable(red: int, green: int, blue: int) -> None:
    for page in (LIGHT_PAGE, DARK_PAGE):
        assert contrast(readable((red, green, blue), on=page), page) >= 4.5


@pytest.mark.parametrize("colour", [(0x1F, 0x6F, 0x5C), (0, 0, 0)])
def test_a_colour_that_is_readable_stays_as_it_is(colour: tuple[int, int, int]) -> None:
    assert readable(colour, on=LIGHT_PAGE) == colour


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)
