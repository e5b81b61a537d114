"""The page shows the lines of the example, in its order, and names what is there."""

from __future__ import annotations

import re

from app.local.place import ROOT
from app.providers import base

PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text()
EXAMPLE = (ROOT / "tests" / "providers" / "test_sixth.py").read_text()


def test_what_it_shows_is_what_runs() -> None:
    shown = re.findall(r"^```python\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(shown) >= 8
    at = [f"\n{EXAMPLE}".find(f"\n{lines}") for lines in shown]
    for lines, place in zip(shown, at, strict=True):
        assert place >= 0, f"the example has no such lines any more:\n{lines}"


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:app|tests|translations)/[\w/.]+)`", PAGE))
    assert named
    for one in named:
        assert (ROOT / one).exists(), one


def test_it_names_every_power() -> None:
    powers = {name for name, one in vars(base).items() if getattr(one, "_is_runtime_protocol", False)}
    assert powers
    assert all(f"`{power}`" in PAGE for power in powers), powers
