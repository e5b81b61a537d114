"""A bucket as a place: S3's kind, Google's or Azure's. Nothing of an object can be seen before all of it is there.

Large ones go in parts; what a writer holds back for them is memory, of which there is a budget for all of a process.
They are read in parts too, each by a request of its own: whoever takes his time with one would lose a longer answer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self, cast
from uuid import UUID

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from app.config import ConfigurationError
from app.intake.spool.base import CopyLost, Object, Sink, Source, SpoolAway, SpoolBusy

if TYPE_CHECKING:
    from obstore import ReadableFile, WritableFile
    from obstore.store import ClientConfig, RetryConfig

#: What the variables of a kind of bucket begin with.
VARIABLES: Final = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}
#: What S3 takes as a part at least; of the 10,000 that it takes at most 50 GB can be made.
PART_BYTES: Final = 5 << 20
#: One that is being filled and one that is on its way.
PARTS_HELD: Final = 2
#: Of an id's end, which is drawn by chance: buckets spread their load by how names begin.
FAN: Final = 3
BUFFERS_BYTES: Final = 512 << 20
CONNECT_SECONDS: Final = 5.0
#: For a request, which carries a part at most; and for all its tries.
REQUEST_SECONDS: Final = 30.0
TRIES_SECONDS: Final = 60.0
MOST_RETRIES: Final = 5

#: What obstore raises: its own, and what an open file does.
TROUBLE: Final = (exceptions.BaseError, OSError)

Store = S3Store | GCSStore | AzureStore


class Bucket:
    """Keeps objects as `{end of id}/{id}/{segment}`."""

    def __init__(self, store: Store, *, buffers: int = BUFFERS_BYTES) -> None:
        """`buffers` is how many bytes all writers of the process may hold back."""
        self._store = store
        self._buffers = Buffers(buffers)

    @classmethod
    def at(
        cls,
        url: str,
        *,
        buffers: int = BUFFERS_BYTES,
        request_seconds: float = REQUEST_SECONDS,
        tries_seconds: float = TRIES_SECONDS,
    ) -> Self:
        """`s3://bucket/prefix`, `gs://…`, `az://…`; credentials, region and endpoint as their own variables say.

        Raises ConfigurationError.
        """
        variable = f"{VARIABLES[url.partition('://')[0]]}_ALLOW_HTTP"
        client: ClientConfig = {
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=request_seconds),
            "allow_http": os.environ.get(variable, "").lower() == "true",
        }
        retry: RetryConfig = {"max_retries": MOST_RETRIES, "retry_timeout": timedelta(seconds=tries_seconds)}
        try:
            store = from_url(url, client_options=client, retry_config=retry)
        except (exceptions.BaseError, ValueError) as exc:
            raise ConfigurationError([f"SPOOL_URL: {url} cannot be used: {str(exc).partition(chr(10))[0]}"]) from None
        return cls(cast("Store", store), buffers=buffers)

    @contextmanager
    def write(self, upload_id: UUID, segment: int, size: int) -> Iterator[Sink]:
        with self._buffers.hold(size):
            writer = obstore.open_writer(
                self._store, _path(upload_id, segment), buffer_size=PART_BYTES, max_concurrency=PARTS_HELD - 1
            )
            try:
                yield _Sink(writer)
            except BaseException as exc:
                with suppress(*TROUBLE):  # what is raised already says more
                    writer.__exit__(type(exc), exc, exc.__traceback__)  # aborts
                raise
            with _telling():
                writer.__exit__(None, None, None)  # completes, and aborts where it cannot

    @contextmanager
    def read(self, upload_id: UUID, segment: int) -> Iterator[Source]:
        try:
            with _telling(reading=True):
                reader = obstore.open_reader(self._store, _path(upload_id, segment), buffer_size=PART_BYTES)
        except CopyLost:
            self._look()  # a bucket that is not there has not lost anything
            raise
        yield _Source(reader)

    def remove(self, upload_id: UUID) -> int:
        with _telling():
            found = obstore.list(self._store, prefix=_folder(upload_id)).collect()
            if found:
                obstore.delete(self._store, [one["path"] for one in found])
        return sum(one["size"] for one in found)

    def listing(self) -> Iterator[Object]:
        with _telling():
            chunks = obstore.list(self._store)
        while True:
            with _telling():
                chunk = next(chunks, None)
            if chunk is None:
                return
            for one in chunk:
                _, _, rest = one["path"].partition("/")
                upload_id, _, segment = rest.partition("/")
                with suppress(ValueError):  # not ours
                    yield Object(
                        upload_id=UUID(upload_id),
                        segment=int(segment),
                        stored=one["size"],
                        changed_at=one["last_modified"],
                    )

    def volume(self) -> None:
        """Nobody can tell."""

    def _look(self) -> None:
        """Raise SpoolAway where it does not answer."""
        with _telling():
            next(obstore.list(self._store, chunk_size=1), None)


class Buffers:
    """Memory for parts; who would have to wait for some is refused, for those who have it may take hours."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Take what a file of so many bytes needs, 0 where nobody knows; raises SpoolBusy."""
        needed = min(size or PART_BYTES * PARTS_HELD, PART_BYTES * PARTS_HELD)
        with self._lock:
            if needed > self._left:
                raise SpoolBusy
            self._left -= needed
        try:
            yield
        finally:
            with self._lock:
                self._left += needed


class _Sink:
    def __init__(self, writer: WritableFile) -> None:
        self._writer = writer

    def write(self, data: bytes, /) -> int:
        with _telling():
            return self._writer.write(data)


class _Source:
    def __init__(self, reader: ReadableFile) -> None:
        self._reader = reader

    def read(self, size: int, /) -> bytes:
        with _telling(reading=True):
            return self._reader.read(size).to_bytes()


@contextmanager
def _telling(*, reading: bool = False) -> Iterator[None]:
    """Say in our words what the bucket says."""
    try:
        yield
    except FileNotFoundError as exc:
        raise (CopyLost("There is no copy.") if reading else SpoolAway()) from exc
    except TROUBLE as exc:
        raise SpoolAway from exc


def _folder(upload_id: UUID) -> str:
    return f"{upload_id.hex[-FAN:]}/{upload_id}"


def _path(upload_id: UUID, segment: int) -> str:
    return f"{_folder(upload_id)}/{segment}"
