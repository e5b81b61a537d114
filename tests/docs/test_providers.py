"""What the pages say of each operation and each connection is what they declare."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from app.local.place import ROOT
from app.providers import registry
from app.providers.base import RateLimit
from app.providers.operation import GIB, KIB, Operation

PAGES: Final = (ROOT / "README.md", ROOT / "docs" / "providers.md")
UNITS: Final = {GIB: "GiB", KIB: "KiB", 1_000_000: "MB", 1000: "kB"}


def rows(page: Path) -> dict[str, list[str]]:
    """Cells of the tables' rows, by their first, without its ticks."""
    found = re.findall(r"^\| `([^`]+)` \|(.+)\|$", page.read_text(), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


def size(operation: Operation) -> str:
    if not operation.parts:
        return "–"
    most = max(part.max_bytes for part in operation.parts)
    unit = next(one for one in UNITS if most % one == 0)
    return f"{most // unit} {UNITS[unit]}" + (" a file" if len(operation.parts) > 1 else "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_operation_has_its_row(page: Path) -> None:
    told = rows(page)
    for operation in registry.operations():
        assert told[operation.slug][1:3] == [size(operation), ", ".join(operation.modes)], operation.slug


def limits(said: RateLimit) -> str:
    return f"{said.requests} of them `{min(said.methods)}`" if said.methods else f"{said.requests} requests a minute"


def test_every_connection_has_its_row() -> None:
    told = rows(ROOT / "docs" / "providers.md")
    for provider in registry.PROVIDERS.values():
        settings, secrets, kept = told[provider.slug]
        assert re.findall(r"`(\w+_\w+|auth)`", settings) == list(provider.settings.model_fields)
        signing = [{"auth": auth} for auth in ("key", "token")] if provider.slug == "formkiq" else [{}]
        fields = [field.name for one in signing for field in provider.credentials(one)]
        assert re.findall(r"`(\w+)`", secrets) == fields
        assert all(limit.seconds == 60 for limit in provider.limits)
        assert kept == (", ".join(map(limits, provider.limits)) or "–")
        assert f"\n## {provider.title}\n" in (ROOT / "docs" / "providers.md").read_text()


def test_every_part_and_field_is_told_to_services() -> None:
    told = rows(ROOT / "docs" / "api.md")
    for operation in registry.operations():
        fields = [f"`{field.name}`" + "*" * field.required for field in operation.fields]
        parts = [f"`{part.name}`" for part in operation.parts]
        assert told[operation.slug] == [", ".join(parts) or "–", ", ".join(fields) or "–"]
