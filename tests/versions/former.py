"""The release before this one, as its own code: what runs beside this one while an installation is brought up."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import create_engine

from app import database
from app.database import driver_url
from app.local.place import ROOT
from tests.faults.world import Member

#: The last revision of the release before this one. A release sets it to its own, for the next.
FORMER: Final = "0026"
SCRIPTS: Final = ScriptDirectory.from_config(database._alembic())


def unpack(folder: Path) -> Path:
    """The former release's code, below `folder`; skips the test where its history is not at hand."""
    commit = _last_commit()
    packed = _git("archive", "--format=tar", commit)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    (folder / "static" / "dist").symlink_to(ROOT / "static" / "dist")  # what was built, which is in no history
    for catalogue in ROOT.glob("translations/*/LC_MESSAGES/*.mo"):
        shutil.copy(catalogue, folder / catalogue.relative_to(ROOT))
    return folder


def another(member: Member, name: str, listener: socket.socket | None = None) -> Member:
    """One more of the same, not started; a node with an address of its own."""
    made = replace(member, name=name, command=[*member.command], listener=listener, child=None)
    if listener is not None:
        made.command[-1] = f"fd://{listener.fileno()}"
        made.environment = {**member.environment, "PUBLIC_URL": made.url}
    return made


def of_code(member: Member, folder: Path) -> Member:
    """The same, but that it runs from another folder's code; not started."""
    return replace(member, command=["env", "-C", str(folder), *member.command], child=None)


def back_to_former(owner_url: SecretStr) -> None:
    """Take the tables back to what the former release has."""
    engine = create_engine(driver_url(owner_url).replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        config = database._alembic()
        config.attributes["connection"] = connection
        command.downgrade(config, FORMER)
    engine.dispose()


def _last_commit() -> str:
    """What was there before the first revision of this release."""
    (first,) = SCRIPTS.get_revision(FORMER).nextrev or ("",)
    path = Path(SCRIPTS.get_revision(first).path).relative_to(ROOT)
    added = _git("log", "--diff-filter=A", "--format=%H", "--", str(path)).decode().split()
    if not added:
        pytest.skip(f"there is no history of {path} here")
    return f"{added[-1]}^"


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("the former release's code is in git's history, and that is not here")
