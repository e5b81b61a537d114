"""The master keyset that is in force in this process, taken up anew while it runs when its file has changed."""

from __future__ import annotations

from threading import Lock, Thread
from typing import Final

import structlog
from tink import aead

from app.config import ConfigurationError
from app.tenants.keyset import Keyset, KeysetFile, Stamp

#: Longest wait for a keyset that is read anew; a heart that waits so long still beats in time.
MOMENT_SECONDS: Final = 5.0

log = structlog.get_logger("ventanilla.vault")


class Master:
    """What encrypts and decrypts with the master keys; raises ConfigurationError where they cannot be read."""

    def __init__(self, file: KeysetFile) -> None:
        self._file = file
        self._stamp = self._refused = file.stamp()
        self._refreshing = Lock()
        self._reading: Thread | None = None
        self._take(file.read())

    @property
    def keyset(self) -> Keyset:
        """The keys in force."""
        return self._keyset

    @property
    def cipher(self) -> aead.Aead:
        """What encrypts and decrypts with them."""
        return self._cipher

    def refresh(self) -> bool:
        """Take up what the keyset's file says by now; whether that is what is in force. If not, what it said before is.

        A KMS may take its time: whoever asks waits for it no longer than for a moment.
        """
        stamp = self._file.stamp()
        if stamp is not None and stamp == self._stamp:
            return True
        with self._refreshing:
            if self._reading is None or not self._reading.is_alive():
                self._reading = Thread(target=self._read, args=(stamp,), name="keyset", daemon=True)
                self._reading.start()
            reading = self._reading
        reading.join(MOMENT_SECONDS)
        return stamp is not None and stamp == self._stamp

    def _read(self, stamp: Stamp) -> None:
        try:
            found = self._file.read()
        except ConfigurationError as exc:
            if stamp != self._refused:  # once, not at every heartbeat
                log.error("keyset not taken up", cause=exc.lines[0])  # noqa: TRY400 - all there is to say
            self._refused = stamp
            return
        self._take(found)
        self._stamp = self._refused = stamp
        log.info("keyset taken up", keys=found.known)

    def _take(self, keyset: Keyset) -> None:
        self._cipher, self._keyset = keyset.cipher(), keyset
