"""Why nothing is taken for delivery, or no more of a file that is on its way.

Refusal
├── ConnectionPaused    503    the provider did not take the credential, and nobody repaired it yet
├── TookTooLong         408    a file was on its way for too long in all; its sender was waited for most of the time
│   └── HeldUp          502    the same; the provider was
├── WasCancelled        409    somebody stopped it while it was on its way
├── CopyGone            500    the copy that was to be sent again cannot be read any more
└── HandedBack          503    its worker ends: somebody else takes it up
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class ConnectionPaused(Refusal):
    """Nothing is sent through this connection until its credential is repaired."""

    slug: ClassVar[str] = "connection-paused"
    status: ClassVar[int] = 503


class TookTooLong(Refusal):
    """Passing a file on took longer than it may, mostly because of who sent it; no wait was too long by itself."""

    slug: ClassVar[str] = "took-too-long"
    status: ClassVar[int] = 408


class HeldUp(TookTooLong):
    """The same, mostly because of the provider."""

    status: ClassVar[int] = 502


class WasCancelled(Refusal):
    """It was stopped before all of it could be at the provider."""

    slug: ClassVar[str] = "upload-cancelled"
    status: ClassVar[int] = 409


class CopyGone(Refusal):
    """What was kept of a file is not there, or does not open."""

    slug: ClassVar[str] = "copy-lost"
    status: ClassVar[int] = 500


class HandedBack(Refusal):
    """The worker is about to end, and the file was not all sent."""

    slug: ClassVar[str] = "interrupted"
    status: ClassVar[int] = 503
