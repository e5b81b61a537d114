from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from click.testing import Result
from flask import Flask

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a command in the gateway's application: `run("org", "list")`; `stdin` is piped in."""
    runner = app.test_cli_runner()

    def run(*arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Result:
        result = runner.invoke(args=arguments, input=stdin, env=env)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def acme(run: Run) -> str:
    """An organization."""
    done = run("org", "add", "acme", "--name", "Acme", "--rfc", "EKU9003173C9")
    assert done.exit_code == 0, done.output
    return "acme"
