"""The sessions of a process, one a connection, those used last."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final
from uuid import UUID

from app.delivery.egress import Egress
from app.delivery.http import Http
from app.delivery.sockets import tls_context

#: Sessions kept: idle sockets are few and bounded.
MOST: Final = 64


class Sessions:
    """Finds a connection's session, or opens it and closes the one that was not used for longest."""

    def __init__(self, egress: Egress, most: int = MOST) -> None:
        self._egress = egress
        self._context = tls_context()
        self._most = most
        self._open: OrderedDict[UUID, Http] = OrderedDict()
        self._lock = Lock()

    def of(self, connection_id: UUID) -> Http:
        """Return the session of a connection; one that is closed meanwhile still answers what it was asked."""
        with self._lock:
            http = self._open.pop(connection_id, None) or Http(self._egress, context=self._context)
            self._open[connection_id] = http
            dropped = self._open.popitem(last=False)[1] if len(self._open) > self._most else None
        if dropped:
            dropped.close()
        return http

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()
