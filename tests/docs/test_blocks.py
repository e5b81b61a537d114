"""Nothing stands in a page to be copied that nobody has run: each block is typed here, or it is said where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import pytest
from flask import Flask

from app import cli
from app.config import Settings
from app.local.place import ROOT
from tests.cli.conftest import Run, run
from tests.docs.blocks import Block, blocks
from tests.relay.house import PLACES
from tests.servers import Sandbox
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["run"]

#: Blocks that are no commands, by what runs them or compares them with what is there.
HELD: Final[Mapping[tuple[str, str], str]] = {
    ("README.md", "json"): "tests/docs/test_commands.py",
    ("docs/adding-a-provider.md", "python"): "tests/docs/test_adding_a_provider.py",
    ("docs/api.md", "json"): "tests/docs/test_commands.py",
    ("docs/command.md", "json"): "tests/docs/test_snippets.py",
    ("docs/embedding.md", "html"): "tests/docs/test_snippets.py",
    ("docs/quickstart.md", "js"): "tests/docs/test_quickstart.py",
    ("docs/quickstart.md", "json"): "tests/docs/test_quickstart.py",
    ("docs/quickstart.md", "php"): "tests/docs/test_quickstart.py",
    ("docs/quickstart.md", "python"): "tests/docs/test_quickstart.py",
    ("docs/quickstart.md", "sh"): "tests/docs/test_quickstart.py",
    ("docs/receipts.md", "json"): "tests/docs/test_snippets.py",
    ("docs/resumable.md", "python"): "tests/docs/test_snippets.py",
    ("docs/seeds.md", "js"): "tests/passthrough/test_seeds.py",
    ("docs/seeds.md", "python"): "tests/passthrough/test_seeds.py",
    ("docs/webhooks.md", "http"): "tests/docs/test_webhooks.py",
    ("docs/webhooks.md", "js"): "tests/docs/test_webhooks.py",
    ("docs/webhooks.md", "python"): "tests/docs/test_webhooks.py",
}
#: The pages whose `flask …` are typed below, each in an installation of its own.
TYPED: Final = (
    "README.md",
    "docs/api.md",
    "docs/embedding.md",
    "docs/es/enlazar.md",
    "docs/linking.md",
    "docs/passthrough.md",
    "docs/people.md",
    "docs/providers.md",
    "docs/webhooks.md",
)
#: Commands of ours that are not typed here, by the tests that run them in their own circumstances.
ELSEWHERE: Final[Mapping[str, str]] = {
    "audit": "tests/cli/test_receipts.py",
    "db": "tests/ops/test_database.py",
    "demo": "tests/cli/test_demo.py",
    "doctor": "tests/cli/test_doctor.py",
    "receipt": "tests/cli/test_receipts.py",
    "sandbox": "tests/cli/test_ground.py",
    "upload": "tests/docs/test_quickstart.py",
    "vault": "tests/ops/test_database.py",
    "worker": "tests/acceptance/test_crash.py",
}
#: Programs of others, by what holds that they are used as they can be, or why they are not run.
OTHERS: Final[Mapping[str, str]] = {
    "cp": "tests/versions/test_backup.py",
    "curl": "tests/docs/test_commands.py",
    "docker": "no engine is here; tests/ops/test_files.py holds compose.yaml against its schema",
    "export": "tests/docs/test_blocks.py: names settings that there are",
    "gunicorn": "tests/conftest.py starts it so",
    "kubectl": "no cluster is here; tests/ops/test_files.py holds the manifests against their schemas",
    "make": "tests/docs/test_reference.py: names targets that there are",
    "pg_dump": "tests/versions/test_backup.py",
    "pg_restore": "tests/versions/test_backup.py",
    "pip": "tests/local/test_makefile.py installs in the same way, by lock files",
    "psql": "tests/ops/test_database.py",
    "sh": "tests/ops/test_files.py",
    "systemctl": "no systemd is running here; tests/ops/test_files.py lets it read the units",
    "useradd": "`make container` runs the same",
}
#: What a client reads beside the gateway's settings.
CLIENTS: Final = {"VENTANILLA_URL", "VENTANILLA_TOKEN"}
ALL: Final = blocks()


def own(block: Block) -> Iterator[list[str]]:
    """The block's `flask …`, without the first word."""
    for words in block.commands():
        if words[0].removeprefix(".venv/bin/") == "flask":
            rest = words[3:] if words[1] == "--env-file" else words[1:]
            yield rest


def shell() -> list[Block]:
    return [block for block in ALL if block.language == "sh" and (block.page, "sh") not in HELD]


def test_every_block_is_run_or_explained() -> None:
    drawn = [block for block in ALL if not block.language]
    assert [block.page for block in drawn] == ["README.md"], "only the journey's drawing is no language's"
    others = {(block.page, block.language) for block in ALL if block.language not in {"", "sh"}}
    assert others | {("docs/quickstart.md", "sh")} == set(HELD)
    for block in shell():
        for words in block.commands():
            program = words[0].removeprefix(".venv/bin/")
            assert program == "flask" or program in OTHERS, f"{block.page}: nobody runs `{' '.join(words)}`"
        for words in own(block):
            assert block.page in TYPED or words[0] in ELSEWHERE, f"{block.page}: nobody types flask {' '.join(words)}"


def test_who_is_said_to_run_a_block_is_there() -> None:
    for (page, _), path in HELD.items():
        assert Path(page).name in (ROOT / path).read_text(), f"{path} does not know {page}"
    for path in {*ELSEWHERE.values(), *re.findall(r"tests/[\w/]+\.py", "".join(OTHERS.values()))}:
        assert (ROOT / path).is_file(), path


def test_every_command_of_ours_is_there_with_its_options() -> None:
    found = [(block.page, words) for block in shell() for words in own(block)]
    assert len(found) > 30
    everything = click.Group(commands={command.name or "": command for command in cli.EVERYTHING})
    for page, words in found:
        command: click.Command = everything
        rest = iter(words)
        while isinstance(command, click.Group):
            name = next(rest)
            if command is cli.uploads.upload and name not in command.commands:
                command = cli.handing_in.hand_in  # what it does with files
                continue
            assert name in command.commands, f"{page}: flask {' '.join(words)}"
            command = command.commands[name]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            assert not word.startswith("--") or word in known, f"{page}: {word} of flask {' '.join(words)}"


def test_every_variable_that_is_exported_is_read_by_somebody() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    for block in shell():
        for words in block.commands():
            if words[0] == "export":
                assert {word.partition("=")[0] for word in words[1:]} <= settings | CLIENTS, block.page


# --- typed ------------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Typist:
    """Types what a page says, with what is this installation's own in the place of what is only written so."""

    run: Run
    here: dict[str, str] = field(default_factory=dict)
    #: What was said so far.
    said: list[str] = field(default_factory=list)

    def type(self, words: list[str], stdin: str = "") -> str:
        told = [self._here(word) for word in words]
        done = self.run(*told, stdin=stdin or None)
        assert done.exit_code == 0, f"flask {' '.join(told)}: {done.output}"
        self.said.append(done.output)
        return done.output

    def _here(self, word: str) -> str:
        for written, mine in self.here.items():
            word = mine if word == written else word.replace(written, mine) if len(written) > SHORT else word
        return word


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, receiver: Receiver) -> Settings:
    """Those of a gateway that may send webhooks to the receiver."""
    return settings.model_copy(update={"egress_allow": (*settings.egress_allow, receiver.url)})


#: What is no longer than this is looked for as a word of its own.
SHORT: Final = len("live")
#: What is asked for where a page does not say it.
ASKED: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "user": lambda _: "a long enough passphrase\na long enough passphrase\n",
    "connection": lambda keys: f"{keys['key']}\n",
}
#: A provider's account of the page's, by the setting that names it there.
ACCOUNT: Final = "5a2a307be93a2f00129ea035"


def furnished(typist: Typist, page: str, sandbox: Sandbox) -> Mapping[str, str]:
    """Give the installation what the page takes for granted; the keys that it will be asked for."""
    if page == "README.md":
        key = "sk_user_0123456789abcdef0123456789abcdef"
        sandbox.seed(facturapi={"user_keys": [key], "organizations": [{"id": ACCOUNT, "name": "Acme"}]})
        return {"key": key}
    for name in ("acme", "kemper"):
        typist.run("org", "add", name, "--name", name.title())
    place = PLACES["codat"](sandbox)
    sandbox.seed(codat=place.seed)
    for name, value in place.settings.items():
        typist.here[f"{name}=…"] = f"{name}={value}"
    if page in {"docs/linking.md", "docs/es/enlazar.md", "docs/embedding.md"}:
        add = ["connection", "add", "acme", "codat", "--environment", "sandbox", "--no-verify"]
        named = [word for name, value in place.settings.items() for word in ("--setting", f"{name}={value}")]
        typist.type([*add, *named], stdin=f"{place.key}\n")
        made = typist.type(["form", "add", "acme", "codat", "codat/file"])
        typist.here |= {"ADDRESS": _address(made), "$FORM": _address(made)}
    return {"key": place.key}


def _address(said: str) -> str:
    """The last part of a form's address."""
    (found,) = re.findall(r"/f/(\S+)", said)
    return str(found)


@pytest.mark.live
@pytest.mark.parametrize("page", TYPED)
def test_what_a_page_says_can_be_typed(page: str, run: Run, app: Flask, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.clear()
    typist = Typist(run=run, here={"live": "sandbox", "https://hooks.kemper.example/ventanilla": receiver.url})
    keys = furnished(typist, page, sandbox)
    typed = [words for block in shell() if block.page == page for words in own(block) if words[0] not in ELSEWHERE]
    assert typed
    for words in typed:
        said = typist.type(
            words, ASKED[words[0]](keys) if words[:2] in (["user", "add"], ["connection", "add"]) else ""
        )
        if words[:2] == ["form", "add"]:
            typist.here["ADDRESS"] = _address(said)
        if words[:2] == ["webhook", "add"]:
            typist.here["0197a3c2-…"] = re.findall(r"[0-9a-f-]{36}", said)[0]
        if words[:2] == ["webhook", "list"]:
            typist.run("webhook", "disable", "kemper", typist.here["0197a3c2-…"])
