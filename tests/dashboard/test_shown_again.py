"""A page that is shown again holds what was typed, and its other forms what was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pytest
from flask import Flask, g, render_template_string

PAGE = """{% from "dashboard/_parts.html" import choice, field, tick %}
{{ field("name", "Name", "before") }}
{{ choice("kind", "Kind", [("a", "A"), ("b", "B")], "b") }}
{{ tick("open", "Open", checked=true) }}{{ tick("late", "Late") }}"""


class Shown(Protocol):
    """Shows the page after that was sent to it."""

    def __call__(self, sent: Mapping[str, str], *, refused: bool = True) -> str: ...


@pytest.fixture
def shown(app: Flask) -> Shown:
    def show(sent: Mapping[str, str], *, refused: bool = True) -> str:
        with app.test_request_context(method="POST", data=sent):
            if refused:
                g.faults = []
            return render_template_string(PAGE)

    return show


def is_ticked(page: str, name: str) -> bool:
    (box,) = (tag for tag in page.split("<input") if f'name="{name}"' in tag and "checkbox" in tag)
    return " checked" in box


def test_what_was_typed_is_kept(shown: Shown) -> None:
    page = shown({"name": "", "kind": "a", "open.shown": "1", "late.shown": "1", "late": "1"})
    assert 'value="before"' not in page
    assert '<option value="a" selected>' in page
    assert not is_ticked(page, "open")
    assert is_ticked(page, "late")


@pytest.mark.parametrize("refused", [True, False])
def test_what_another_form_of_the_page_asks_for_stays(shown: Shown, *, refused: bool) -> None:
    page = shown({"typed": "slug"}, refused=refused)
    assert 'value="before"' in page
    assert '<option value="b" selected>' in page
    assert is_ticked(page, "open")
    assert not is_ticked(page, "late")


def test_without_a_fault_nothing_that_was_sent_is_shown(shown: Shown) -> None:
    page = shown({"name": "typed", "kind": "a", "open.shown": "1"}, refused=False)
    assert 'value="before"' in page
    assert is_ticked(page, "open")
