"""Real workers seal what was delivered, within moments, and whatever kills them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app.records import verifying
from app.records.models import AuditEntry, Receipt
from app.records.signing import Keys
from tests.queue.conftest import PATIENT_SECONDS, Start
from tests.queue.test_worker import kill
from tests.queue.waiting import Queue
from tests.tenancy import NOW, becomes

pytestmark = pytest.mark.live


def counted(waiting: Queue) -> tuple[int, int]:
    """How many receipts there are, and how many entries are in no chain yet."""
    with waiting.database.transaction(waiting.organization.id) as session:
        unsealed = select(func.count()).select_from(AuditEntry).where(AuditEntry.number.is_(None))
        return session.scalars(select(func.count()).select_from(Receipt)).one(), session.scalars(unsealed).one()


def is_whole(waiting: Queue) -> bool:
    owner = waiting.organization.id
    with waiting.database.transaction(owner) as session:
        keys = Keys.load(session)
        reports = verifying.audit_log(session, owner, keys), verifying.receipt_chain(session, owner, keys)
    return all(report.is_whole for report in reports)


def test_a_worker_seals_by_itself(waiting: Queue, start: Start) -> None:
    start()
    waiting.arrive(NOW)
    assert becomes(lambda: counted(waiting) == (1, 0), PATIENT_SECONDS)
    assert is_whole(waiting)


def test_several_workers_seal_and_are_killed_in_the_midst_of_it(waiting: Queue, start: Start) -> None:
    stop = threading.Event()
    workers = [start() for _ in range(3)]

    def go_on() -> int:
        count = 0
        while not stop.wait(0.02):
            waiting.arrive(NOW)
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        delivering = pool.submit(go_on)
        try:
            for child in workers[1:]:
                wait_for_more(waiting)
                kill(child)
            wait_for_more(waiting)
        finally:
            stop.set()
        made = delivering.result()
    assert becomes(lambda: counted(waiting) == (made, 0), PATIENT_SECONDS)
    assert is_whole(waiting)


def wait_for_more(waiting: Queue) -> None:
    """Wait until more is sealed than is now."""
    former, _ = counted(waiting)
    assert becomes(lambda: counted(waiting)[0] > former, PATIENT_SECONDS)
