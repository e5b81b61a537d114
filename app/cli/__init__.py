"""`flask …`: the operators' commands."""

from __future__ import annotations

import click
from flask import Flask

from app.cli import connections, doctor, files, forms, ground, organizations, tokens, uploads, worker

#: What works where nothing is set up yet.
GROUND = (doctor.doctor, ground.db, ground.vault, ground.sandbox)
assert files.files.name in connections.connection.commands  # noqa: S101 - importing it is what adds its commands
EVERYTHING = (
    *GROUND,
    organizations.org,
    connections.connection,
    uploads.upload,
    forms.form,
    forms.link,
    tokens.token,
    worker.worker,
)


def init_app(app: Flask) -> None:
    """Add every command."""
    for command in EVERYTHING:
        app.cli.add_command(command)


def without_gateway(fault: SystemExit) -> Flask:
    """An application that serves nothing, for the commands that make or examine what a gateway needs to start."""
    app = Flask("app", static_folder=None, template_folder=None)
    for command in EVERYTHING:
        app.cli.add_command(command if command in GROUND else _refuse(command, fault))
    return app


def _refuse(command: click.Command, fault: SystemExit) -> click.Command:
    """The same command in name, which says what keeps the gateway from starting."""

    @click.pass_context
    def say(_: click.Context) -> None:
        raise fault

    loose = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(command.name, callback=say, help=command.help, context_settings=loose, add_help_option=False)
