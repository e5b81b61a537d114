"""What Facturapi shows of an organization."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.sandbox.facturapi.organizations import Seal, iso

NOW = datetime(2026, 11, 21, 9, 30, 0, 123_987, tzinfo=UTC)


def test_no_two_changes_have_the_same_time_whatever_the_clock_does() -> None:
    seal, shown = Seal(), []
    for now in (NOW, NOW, NOW - timedelta(days=1), NOW + timedelta(microseconds=500)):
        seal.hold(None, now)
        assert seal.updated_at
        shown.append(iso(seal.updated_at))
    assert [one[-7:] for one in shown] == ["00.123Z", "00.124Z", "00.125Z", "00.126Z"]


def test_times_are_written_as_javascript_does() -> None:
    assert iso(NOW) == "2026-11-21T09:30:00.123Z"
    assert iso(NOW.replace(microsecond=0)) == "2026-11-21T09:30:00.000Z"
