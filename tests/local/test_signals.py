from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from app.local.signals import Signals


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_wish_to_stop_is_noted_and_wakes(signum: signal.Signals) -> None:
    with Signals() as signals:
        assert not signals.stopping
        threading.Timer(0.05, os.kill, (os.getpid(), signum)).start()
        signals.wait(10)
        assert signals.stopping
        signals.wait(10)  # and nothing is waited for any more


def test_a_childs_end_wakes_and_stops_nothing() -> None:
    with Signals() as signals:
        child = subprocess.Popen([sys.executable, "-c", ""])
        signals.wait(10)
        assert child.wait(10) == 0
        assert not signals.stopping


def test_the_wait_is_bounded_and_former_handlers_come_back() -> None:
    former = signal.getsignal(signal.SIGINT)
    with Signals() as signals:
        signals.wait(0.01)
        assert signal.getsignal(signal.SIGINT) != former
    assert signal.getsignal(signal.SIGINT) == former
