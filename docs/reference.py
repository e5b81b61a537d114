"""Writes the reference pages from what the code itself says: `python docs/reference.py`; a test holds them to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

sys.path.insert(0, str(Path(__file__).parent.parent))

from app import words
from app.config import Settings
from app.passthrough.faces import FACES
from app.passthrough.rules import Rule, Verdict
from app.providers import registry

FOLDER: Final = Path(__file__).parent
BLOCKS: Final[Mapping[str, Mapping[str, str]]] = {
    "What was sent, and how": words.INTAKE,
    "SAT certificates": words.CERTIFICATE,
    "Files of any kind": words.POLICY,
    "Documents": words.DOCUMENT,
    "More than can be taken": words.LOAD,
    "Who may come in": words.ENTRANCE,
    "Setting tenants up": words.TENANTS,
    "The provider, and the way to it": words.DELIVERY,
    "Receipts": words.RECEIPTS,
    "People who sign in": words.PEOPLE,
    "What services are told": words.API,
    "Files in pieces": words.RESUMABLE,
    "Speaking to a provider through the gateway": words.PASSTHROUGH,
}
#: What is done with a call, as a table says it.
VERDICTS: Final = {Verdict.ALLOW: "yes", Verdict.ASK: "if opened", Verdict.DENY: "no"}


#: What `gunicorn.conf.py` reads, which is no part of the gateway's own settings.
SERVER: Final = (
    "The server reads `HOST` and `PORT` (where it listens), `WEB_CONCURRENCY` (processes) and `THREADS` (requests at",
    "once in each) besides; `FORWARDED_ALLOW_IPS` and `LOG_LEVEL` are the gateway's and its own.",
)


def settings() -> str:
    """Every setting, with its default and what it is for."""
    lines = [
        "# Settings",
        "",
        "Read from the environment when a process starts; a wrong or missing one stops it with a line that names it.",
        "",
        "| variable | default | what it is |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{name.upper()}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    lines += ["", *SERVER]
    return "\n".join(lines) + "\n"


def problems() -> str:
    """Every problem by its slug, with the sentence that people read."""
    lines = ["# Problems", "", "What can be wrong, by the slug that records and answers name it with."]
    for title, block in BLOCKS.items():
        lines += ["", f"## {title}", ""]
        for slug, sentence in block.items():
            lines += [f"### `{slug}`", "", sentence.replace("%(", "*").replace(")s", "*"), ""]
        lines.pop()
    return "\n".join(lines) + "\n"


def calls() -> str:
    """Every call of every provider that has been weighed, and why it is passed on or not."""
    lines = [
        "# Calls that are passed on",
        "",
        "Each row is a call of a provider's own API, below `/proxy/{provider}` ([passthrough.md](passthrough.md)).",
        "What is in no row is not passed on. *If opened*: `flask connection allow ORG NAME CALL`. *Own key*: not with",
        "a key that the house lends to several organizations.",
    ]
    for face in FACES.values():
        lines += ["", f"## {registry.provider(face.slug).title}", ""]
        if face.base_path:
            lines += [f"Below `{face.base_path}`.", ""]
        lines += ["| call | passed on | own key | hands in | why |", "|---|---|---|---|---|"]
        lines += [
            f"| `{row.call}` | {VERDICTS[row.verdict]} | {_own_key(row)} | {_handed_in(row)} | {row.reason} |"
            for row in face.rules
        ]
    return "\n".join(lines) + "\n"


def _own_key(row: Rule) -> str:
    return "" if row.borrowed or row.verdict is Verdict.DENY else "yes"


def _handed_in(row: Rule) -> str:
    return f"`{row.operation}`" if row.operation else ""


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "(needed)"
    if field.default in (None, ()):
        return ""
    default = field.default
    return f"`{','.join(map(str, default)) if isinstance(default, tuple) else default}`"


PAGES: Final = {"settings.md": settings, "problems.md": problems, "calls.md": calls}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
