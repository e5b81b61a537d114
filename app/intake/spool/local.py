"""A folder of this machine as a place: plain files under a begun name until they and their folder are on the disk."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from app.intake.spool.base import CopyLost, Object, Sink, Source, SpoolAway, SpoolFull, Volume

#: The disk, the user's share of it, or what a file may be at most.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
BEGUN: Final = ".begun"
#: After so many bytes the disk is told to begin: only what is left at the end is then waited for.
AHEAD_BYTES: Final = 8 << 20
#: By which Linux does so; other systems are not asked.
_advise: Callable[[int, int, int, int], None] = getattr(os, "posix_fadvise", lambda *_: None)
_DONE_WITH: Final = getattr(os, "POSIX_FADV_DONTNEED", 0)
#: Of an id's end, which is drawn by chance; its beginning is the time. So many hex digits name a folder: 4,096 of them.
FAN: Final = 3


class Folder:
    """Keeps objects as `{end of id}/{id}.{segment}`, for its owner's eyes alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: Folders that are known to be on the disk.
        self._settled: set[Path] = set()

    @contextmanager
    def write(self, upload_id: UUID, segment: int, size: int) -> Iterator[Sink]:  # noqa: ARG002 - a file needs no plan
        """Whole and on the disk when the context has ended well; it left nothing where it has not."""
        final = self._path(upload_id, segment)
        with _telling():
            self._settle(final.parent)
        begun = final.with_name(f"{final.name}.{secrets.token_hex(4)}{BEGUN}")
        with _telling():
            file = _File(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        left = begun
        try:
            try:
                yield file
                file.sync()
            finally:
                file.close()
            with _telling():
                begun.rename(final)
                left = final
                _sync(final.parent)
        except BaseException:
            with suppress(OSError):
                left.unlink()
            raise

    @contextmanager
    def read(self, upload_id: UUID, segment: int) -> Iterator[Source]:
        try:
            with _telling(reading=True):
                file = _File(os.open(self._path(upload_id, segment), os.O_RDONLY | os.O_CLOEXEC))
        except CopyLost:
            if self.root.is_dir():
                raise
            raise SpoolAway from None  # a disk that is not there has not lost anything
        try:
            yield file
        finally:
            file.close()

    def remove(self, upload_id: UUID) -> int:
        freed = 0
        with _telling():
            for path, found in self._objects(self._path(upload_id, 0).parent):
                if found.upload_id == upload_id:
                    path.unlink(missing_ok=True)
                    freed += found.stored
        return freed

    def listing(self) -> Iterator[Object]:
        with _telling():
            folders = [entry.path for entry in _entries(self.root) if entry.is_dir()]
            for folder in folders:
                for _, found in self._objects(Path(folder)):
                    yield found

    def volume(self) -> Volume:
        with _telling():
            self._settle(self.root)
            told = os.statvfs(self.root)
        return Volume(total=told.f_blocks * told.f_frsize, free=told.f_bavail * told.f_frsize)

    def _path(self, upload_id: UUID, segment: int) -> Path:
        return self.root / upload_id.hex[-FAN:] / f"{upload_id}.{segment}"

    def _settle(self, folder: Path) -> None:
        """Make a folder that is not there, and let its name be on the disk before anything in it counts."""
        if folder != self.root:
            self._settle(self.root)
        try:
            folder.mkdir(mode=0o700, parents=folder == self.root)
        except FileExistsError:
            if folder in self._settled:
                return
        told = folder.stat()
        if not stat.S_ISDIR(told.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if told.st_uid != os.geteuid():  # what a command of another user makes would be closed to the gateway
            raise PermissionError(errno.EPERM, "It belongs to another user", str(folder))
        _sync(folder.parent)
        self._settled.add(folder)

    def _objects(self, folder: Path) -> Iterator[tuple[Path, Object]]:
        for entry in _entries(folder):
            upload_id, _, rest = entry.name.partition(".")
            segment, _, begun = rest.partition(".")
            with suppress(ValueError, FileNotFoundError):  # not ours; gone meanwhile
                told = entry.stat(follow_symlinks=False)
                yield (
                    Path(entry.path),
                    Object(
                        upload_id=UUID(upload_id),
                        segment=int(segment),
                        stored=told.st_size,
                        changed_at=datetime.fromtimestamp(told.st_mtime, UTC),
                        begun=bool(begun),
                    ),
                )


class _File:
    """An open file, without a buffer: what Tink writes comes in blocks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = self._begun = 0

    def write(self, data: bytes, /) -> int:
        rest = memoryview(data)
        with _telling():
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._written += len(data)
            if self._written - self._begun >= AHEAD_BYTES:
                self._begin()
        return len(data)

    def _begin(self) -> None:
        """Have the disk write, without waiting for it, what the system would keep until the file is synced."""
        _advise(self._descriptor, self._begun, self._written - self._begun, _DONE_WITH)
        self._begun = self._written

    def read(self, size: int, /) -> bytes:
        with _telling():
            return os.read(self._descriptor, size)

    def sync(self) -> None:
        with _telling():
            os.fsync(self._descriptor)

    def close(self) -> None:
        with _telling():
            os.close(self._descriptor)


@contextmanager
def _telling(*, reading: bool = False) -> Iterator[None]:
    """Say in our words what the disk says."""
    try:
        yield
    except FileNotFoundError as exc:
        raise (CopyLost("There is no copy.") if reading else SpoolAway()) from exc
    except OSError as exc:
        raise (SpoolFull if exc.errno in FULL else SpoolAway) from exc


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
