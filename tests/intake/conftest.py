"""The servers that the tests of intake speak to, and the deadlines that only some of them wait for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.intake.serving import Gateway, running, self_signed

# An example may take as long as a busy machine needs; a test has its own deadline.
settings.register_profile("ventanilla", deadline=None)
settings.load_profile("ventanilla")


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(Gateway(tmp_path_factory.mktemp("counter"))) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def tls_counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("tls")
    with running(Gateway(folder, tls=self_signed(folder))) as gateway:
        yield gateway
