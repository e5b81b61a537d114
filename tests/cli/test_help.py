"""What `--help` lists reads as sentences, on a terminal of eighty columns."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import Flask

#: What click leaves beside the names of a group's commands.
COLUMNS, MARGINS = 80, 8


def summaries(group: click.Group, path: str = "flask") -> Iterator[tuple[str, str]]:
    """Each command and what its group's help says of it."""
    room = COLUMNS - MARGINS - max(map(len, group.commands))
    for name, command in group.commands.items():
        yield f"{path} {name}", command.get_short_help_str(room)
        if isinstance(command, click.Group):
            yield from summaries(command, f"{path} {name}")


def test_no_summary_is_cut_off(app: Flask) -> None:
    said = dict(summaries(app.cli))
    assert "flask link add" in said
    assert [name for name, summary in said.items() if not summary or summary.endswith("...")] == []
