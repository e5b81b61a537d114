"""`flask …`: the operators' commands."""

from __future__ import annotations

import click
from flask import Flask

from app.cli import (
    audit,
    certificates,
    connections,
    demo,
    doctor,
    files,
    forms,
    ground,
    handing_in,
    organizations,
    receipts,
    tokens,
    uploads,
    users,
    vault,
    webhooks,
    worker,
)

#: What works where nothing is set up yet.
GROUND = (doctor.doctor, ground.db, vault.vault, ground.sandbox)
# Importing these is what adds their commands.
assert {files.files.name, certificates.expiring.name} <= connections.connection.commands.keys()  # noqa: S101
#: Groups of which some commands do, too.
PARTLY = {receipts.receipt: frozenset({"verify"}), uploads.upload: frozenset({handing_in.hand_in.name})}
EVERYTHING = (
    *GROUND,
    organizations.org,
    connections.connection,
    uploads.upload,
    forms.form,
    forms.link,
    tokens.token,
    receipts.receipt,
    audit.audit,
    webhooks.webhook,
    users.user,
    worker.worker,
    demo.demo,
)


def init_app(app: Flask) -> None:
    """Add every command."""
    for command in EVERYTHING:
        app.cli.add_command(command)


def without_gateway(fault: SystemExit) -> Flask:
    """An application that serves nothing, for the commands that make or examine what a gateway needs to start."""
    app = Flask("app", static_folder=None, template_folder=None)
    for command in EVERYTHING:
        app.cli.add_command(_without_gateway(command, fault))
    return app


def _without_gateway(command: click.Command, fault: SystemExit) -> click.Command:
    if command in GROUND:
        return command
    if not isinstance(command, click.Group) or command not in PARTLY:
        return _refuse(command, fault)
    parts = {name: one if name in PARTLY[command] else _refuse(one, fault) for name, one in command.commands.items()}
    return type(command)(command.name, parts, help=command.help)


def _refuse(command: click.Command, fault: SystemExit) -> click.Command:
    """The same command in name, which says what keeps the gateway from starting."""

    @click.pass_context
    def say(_: click.Context) -> None:
        raise fault

    loose = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(command.name, callback=say, help=command.help, context_settings=loose, add_help_option=False)
