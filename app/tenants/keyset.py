"""The master keyset: its keys, the file that they rest in, and the key of a KMS that may wrap them there.

Its keys stand in the order in which they were made. One of them, the primary, encrypts; all of them decrypt. Those
after the primary are to follow it, those before it were it once: where a rotation stands is read from that alone.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import tink
from tink import aead, secret_key_access
from tink.proto import tink_pb2

from app.config import ConfigurationError
from app.tenants import kms

#: What Tink's ciphertexts begin with: this, and the number of their key.
MARK: Final = b"\x01"
NUMBER_BYTES: Final = 4
#: A wrapped keyset is bound to nothing: not every KMS could.
UNBOUND: Final = b""

Stamp = tuple[int, int, int] | None

aead.register()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """Master keys. Changed ones are others: whoever holds these goes on with them."""

    #: As Tink writes it in JSON, in the clear.
    keys: Mapping[str, Any] = field(repr=False)
    #: Made by `make run`.
    demo: bool = False

    @classmethod
    def new(cls, *, demo: bool = False) -> Self:
        """Make one of one key."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        return cls(keys=_written(handle), demo=demo)

    @property
    def primary(self) -> int:
        """The number of the key that encrypts."""
        return int(self.keys["primaryKeyId"])

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all, in the order in which they were made."""
        return tuple(int(key["keyId"]) for key in self.keys["key"])

    @property
    def known(self) -> tuple[int, ...]:
        """The same, the one that encrypts first."""
        return (self.primary, *(number for number in self.numbers if number != self.primary))

    @property
    def following(self) -> tuple[int, ...]:
        """Those that are to encrypt next."""
        return self.numbers[self.numbers.index(self.primary) + 1 :]

    @property
    def former(self) -> tuple[int, ...]:
        """Those that encrypted once."""
        return self.numbers[: self.numbers.index(self.primary)]

    def cipher(self) -> aead.Aead:
        """What encrypts and decrypts with them; raises TinkError where they are of another kind."""
        return _parsed(self.keys).primitive(aead.Aead)

    def with_another(self) -> Self:
        """The same with one more key, which encrypts nothing yet."""
        (made,) = Keyset.new().keys["key"]
        number = secrets.choice(range(1, 1 << 32))
        while number in self.numbers:
            number = secrets.choice(range(1, 1 << 32))
        return self._with({**self.keys, "key": [*self.keys["key"], {**made, "keyId": number}]})

    def promoted(self) -> Self:
        """The same, but that the newest key encrypts."""
        return self._with({**self.keys, "primaryKeyId": self.numbers[-1]})

    def without_former(self) -> Self:
        """The same without the keys that encrypted once."""
        kept = [key for key in self.keys["key"] if int(key["keyId"]) not in self.former]
        return self._with({**self.keys, "key": kept})

    def _with(self, keys: Mapping[str, Any]) -> Self:
        _parsed(keys)  # what Tink would not read is never written
        return type(self)(keys=keys, demo=self.demo)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysetFile:
    """Where the keyset rests, and the address of the KMS key that wraps it there."""

    path: Path
    wrapped_by: str | None = None

    def read(self) -> Keyset:
        """Read it; raises ConfigurationError that names the setting."""
        try:
            document = json.loads(_read_private(self.path))
            keys, demo = document["keyset"], bool(document["demo"])
            keyset = Keyset(keys=_written(_parsed(self._unwrapped(keys))), demo=demo)
            keyset.cipher()
        except OSError as exc:
            raise _wrong(f"{self.path} cannot be read: {exc.strerror}") from None
        except (ValueError, KeyError, TypeError, tink.TinkError):
            raise _wrong(f"{self.path} does not hold a keyset; make one with `flask vault create`") from None
        return keyset

    def create(self, keyset: Keyset) -> None:
        """Write it, mode 0600; raises FileExistsError rather than replace one, for all would be lost."""
        self._write(keyset, lambda new: os.link(new, self.path))  # whole or not at all, and never over another

    def replace(self, keyset: Keyset) -> None:
        """Put it in the place of the one that is there, whole or not at all, with the same owner and mode."""
        former = self.path.stat()

        def put(new: str) -> None:
            if (os.geteuid(), os.getegid()) != (former.st_uid, former.st_gid):
                os.chown(new, former.st_uid, former.st_gid)
            Path(new).rename(self.path)

        self._write(keyset, put)

    def stamp(self) -> Stamp:
        """Changes with the file; None while it cannot be looked at."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _unwrapped(self, keys: Any) -> Mapping[str, Any]:
        wrapped = "encryptedKeyset" in keys
        if wrapped and self.wrapped_by is None:
            raise _wrong(f"{self.path} is wrapped by a KMS; set VAULT_KMS to the address of its key")
        if self.wrapped_by is None:
            return {**keys}
        if not wrapped:
            raise _wrong(f"{self.path} is not wrapped, and VAULT_KMS is set; wrap it with `flask vault wrap`")
        written = json.dumps(keys)
        with kms.asked(self.wrapped_by) as master:
            handle = tink.json_proto_keyset_format.parse_encrypted(written, master, UNBOUND)
        return _written(handle)

    def _document(self, keyset: Keyset) -> bytes:
        keys: Mapping[str, Any] = keyset.keys
        if self.wrapped_by is not None:
            with kms.asked(self.wrapped_by) as master:
                keys = json.loads(
                    tink.json_proto_keyset_format.serialize_encrypted(_parsed(keyset.keys), master, UNBOUND)
                )
        return json.dumps({"demo": keyset.demo, "keyset": keys}).encode()

    def _write(self, keyset: Keyset, put: Callable[[str], None]) -> None:
        document = self._document(keyset)
        for left in self.path.parent.glob(f".{self.path.name}.*"):  # by who was killed while writing
            left.unlink(missing_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # made with mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            put(name)
            _sync(self.path.parent)
        finally:
            Path(name).unlink(missing_ok=True)


def create_keyset(path: Path, *, demo: bool = False, wrapped_by: str | None = None) -> None:
    """Make a master keyset; raises FileExistsError rather than replace one, for all would be lost."""
    KeysetFile(path=path, wrapped_by=wrapped_by).create(Keyset.new(demo=demo))


def number_of(ciphertext: bytes) -> int | None:
    """The number of the key that something was encrypted with; None where it does not say."""
    if not ciphertext.startswith(MARK) or len(ciphertext) < len(MARK) + NUMBER_BYTES:
        return None
    return int.from_bytes(ciphertext[len(MARK) : len(MARK) + NUMBER_BYTES], "big")


def number_of_wrapped(keyset: bytes) -> int | None:
    """The same of a data key."""
    return number_of(tink_pb2.EncryptedKeyset.FromString(keyset).encrypted_keyset)


def _written(handle: tink.KeysetHandle) -> Mapping[str, Any]:
    written: Mapping[str, Any] = json.loads(tink.json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
    return written


def _parsed(keys: Mapping[str, Any]) -> tink.KeysetHandle:
    return tink.json_proto_keyset_format.parse(json.dumps(keys), secret_key_access.TOKEN)


def _read_private(path: Path) -> bytes:
    """Read a file that its owner alone may read."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise _wrong(f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
        return file.read()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _wrong(text: str) -> ConfigurationError:
    return ConfigurationError([f"VAULT_KEYSET: {text}."])
