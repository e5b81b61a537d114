"""One real sandbox for all of these tests, clean before each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.serving(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def running(started: Sandbox) -> Sandbox:
    """The sandbox, with an empty ledger, no faults, limits off and the clock right."""
    started.clear()
    return started
