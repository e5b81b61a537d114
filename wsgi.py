"""What gunicorn serves and what flask's commands run in: the gateway, as the environment describes it."""

from __future__ import annotations

import os

from flask import Flask

from app import create_app


def _make() -> Flask:
    try:
        return create_app()
    except SystemExit as fault:
        if "FLASK_RUN_FROM_CLI" not in os.environ:
            raise
        from app import cli

        return cli.without_gateway(fault)  # some commands are there to make what is missing


app = _make()
