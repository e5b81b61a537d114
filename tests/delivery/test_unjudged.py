"""What the antivirus cannot judge is not handed in and not kept, and not called rejected: nothing is wrong with it."""

from __future__ import annotations

import socket
from typing import Any, Final

import pytest

from app.checks import Policy, ScannerAway
from app.intake import Arriving, Streamed
from app.providers import registry
from app.providers.facturapi import LOGO
from app.providers.operation import Mode
from app.records.states import State
from tests.delivery.streaming import Held, Played, streamed
from tests.delivery.tenant import Tenant
from tests.delivery.test_deliverer import png
from tests.delivery.test_keeping import held
from tests.delivery.test_put_by import arriving
from tests.scanning import played

REQUIRED: Final[dict[str, Any]] = {"antivirus": "required", "antivirus_url": "unix:///nowhere/at/all"}


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Played:
    """One whose operation may be kept."""
    provider = Played()
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


def stream(tenant: Tenant, given: Streamed, mode: Mode, **changes: Any) -> Any:
    deliverer = tenant.deliverer(**REQUIRED | changes)
    return deliverer.stream(tenant.origin(), LOGO, given, policy=Policy(), mode=mode)


@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_nothing_is_begun(tenant: Tenant, mode: Mode) -> None:
    with pytest.raises(ScannerAway) as refusal:
        stream(tenant, streamed(Held(png())), mode)
    assert refusal.value.field == "file"
    assert (tenant.uploads(), held(tenant), tenant.requests("PUT")) == ([], 0, [])


def test_nor_of_what_is_held_in_memory(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(ScannerAway) as refusal:
        tenant.hand_in(**REQUIRED)
    assert refusal.value.field == "cer"
    assert tenant.uploads() == []


def test_what_was_put_by_first_is_not_kept(tenant: Tenant) -> None:
    def keep(file: Arriving | None) -> Any:
        return stream(tenant, Streamed(fields={}, secrets={}, file=file), Mode.DURABLE)

    with arriving(png(), png()) as body, pytest.raises(ScannerAway):
        keep(body.file)
    (upload,) = tenant.uploads()
    assert (upload.state, upload.problem) == (State.FAILED, "scanner-away")
    assert held(tenant) == 0


@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_a_daemon_that_hangs_up_on_the_way_ends_it(tenant: Tenant, mode: Mode) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(1)

    with played(hang_up) as url, pytest.raises(ScannerAway):
        stream(tenant, streamed(Held(png())), mode, antivirus_url=url)
    (upload,) = tenant.uploads()
    assert (upload.state, upload.problem) == (State.FAILED, "scanner-away")
    assert held(tenant) == 0
    assert tenant.requests("PUT") == []


def test_where_it_is_only_asked_it_arrives_and_that_is_written_down(tenant: Tenant) -> None:
    assert stream(tenant, streamed(Held(png())), Mode.RELAY, antivirus="when-available").state is State.DELIVERED
    (upload,) = tenant.uploads()
    assert upload.facts["file"]["antivirus"] == "scanner-away"
