"""The vault: credentials encrypted under their organization's data key, and that one under the master keyset.

What a ciphertext is for is bound to it as associated data: copied to another organization, connection or field it
does not decrypt, nor does a data key that was moved. What is shown again of a secret is a fingerprint, by which two
can be told apart and none be guessed, and the last four characters of one that is long enough.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self
from uuid import UUID

import tink
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session
from tink import aead, prf

from app.tenants.keyset import KeysetFile, number_of, number_of_wrapped
from app.tenants.master import Master
from app.tenants.models import Credential, DataKey

#: A shorter secret would be told too much of by its last four characters.
LEAST_LENGTH_SHOWN: Final = 16
PRINT_BYTES: Final = 8
#: Of a print that has to stand for what it is of, among any number of others.
LONG_PRINT_BYTES: Final = 32
#: Data keys that a process keeps open.
MOST_OPEN: Final = 1_000

prf.register()


class VaultError(RuntimeError):
    """Something encrypted does not open; the message never says more of it than whose it is."""


class Vault:
    """Seals and opens secrets; holds the master keyset and nothing else.

    The keyset may be rotated while this runs: it is read anew when its file has changed, at each heartbeat, before
    anything is put under it, and when something does not open.
    """

    def __init__(self, file: KeysetFile) -> None:
        self._master = Master(file)
        self._opened: OrderedDict[bytes, aead.Aead] = OrderedDict()
        self._opening = Lock()

    @classmethod
    def load(cls, path: Path, wrapped_by: str | None = None) -> Self:
        """Read the master keyset; raises ConfigurationError that names VAULT_KEYSET or VAULT_KMS."""
        return cls(KeysetFile(path=path, wrapped_by=wrapped_by or None))

    @property
    def demo(self) -> bool:
        """Whether the keyset is one that `make run` made: nothing of production may stand on it."""
        return self._master.keyset.demo

    @property
    def known(self) -> tuple[int, ...]:
        """Numbers of the master keys that are known here, the one that encrypts first."""
        return self._master.keyset.known

    def refresh(self) -> bool:
        """Take up what the keyset's file says by now; whether that is what is in force."""
        return self._master.refresh()

    def seal(
        self, session: Session, *, organization_id: UUID | None, connection_id: UUID, field: str, secret: SecretStr
    ) -> Credential:
        """Encrypt a secret and keep it as the connection's `field`."""
        key = self._data_key(session, organization_id) or self._make_data_key(session, organization_id)
        plain = secret.get_secret_value()
        fingerprint = self._prints(session, key).primary().compute(plain.encode(), PRINT_BYTES)
        credential = Credential(
            organization_id=organization_id,
            connection_id=connection_id,
            field=field,
            ciphertext=self._cipher(session, key).encrypt(
                plain.encode(), _place(organization_id, connection_id, field)
            ),
            fingerprint=fingerprint.hex(),
            last_four=_last_four(plain),
        )
        session.add(credential)
        session.flush()
        return credential

    def reseal(self, session: Session, credential: Credential, secret: SecretStr) -> None:
        """Put another secret in the place of one that is kept."""
        key = self._key_of(session, credential)
        plain = secret.get_secret_value()
        where = _place(credential.organization_id, credential.connection_id, credential.field)
        credential.ciphertext = self._cipher(session, key).encrypt(plain.encode(), where)
        credential.fingerprint = self._prints(session, key).primary().compute(plain.encode(), PRINT_BYTES).hex()
        credential.last_four = _last_four(plain)

    def open(self, session: Session, credential: Credential) -> SecretStr:
        """Decrypt a secret; raises VaultError."""
        return self._open(session, self._key_of(session, credential), credential)

    def open_all(self, session: Session, sealed: Sequence[Credential]) -> dict[str, SecretStr]:
        """Decrypt a connection's secrets, which have one owner, by their fields; raises VaultError."""
        if not sealed:
            return {}
        key = self._key_of(session, sealed[0])
        return {one.field: self._open(session, key, one) for one in sealed}

    def _key_of(self, session: Session, credential: Credential) -> DataKey:
        key = self._data_key(session, credential.organization_id)
        if key is None:
            raise VaultError(f"There is no data key of {_owner(credential.organization_id)}.")
        return key

    def _open(self, session: Session, key: DataKey, credential: Credential) -> SecretStr:
        where = credential.organization_id, credential.connection_id, credential.field
        try:
            return SecretStr(self._cipher(session, key).decrypt(credential.ciphertext, _place(*where)).decode())
        except tink.TinkError:
            raise VaultError(
                f"The {credential.field} of connection {credential.connection_id} does not open."
            ) from None

    def cipher(self, session: Session, organization_id: UUID | None) -> aead.Aead:
        """What seals an owner's own things, each bound to its place; works without the session afterwards."""
        key = self._data_key(session, organization_id) or self._make_data_key(session, organization_id)
        return self._cipher(session, key)

    def prints(self, session: Session, organization_id: UUID) -> Callable[[bytes], bytes]:
        """What tells an organization's own things apart and lets none be guessed; works without the session too."""
        key = self._data_key(session, organization_id) or self._make_data_key(session, organization_id)
        return partial(self._prints(session, key).primary().compute, output_length=LONG_PRINT_BYTES)

    def wrap_signing_key(self, key_id: UUID, private: bytes) -> bytes:
        """Encrypt the private part of a signing key, for that key's row and no other."""
        self.refresh()
        wrapped: bytes = self._master.cipher.encrypt(private, _signing_place(key_id))
        return wrapped

    def unwrap_signing_key(self, key_id: UUID, wrapped: bytes) -> bytes:
        """Decrypt it; raises VaultError."""
        for _ in self._before_and_after_refreshing():
            try:
                private: bytes = self._master.cipher.decrypt(wrapped, _signing_place(key_id))
            except tink.TinkError:
                continue
            return private
        raise VaultError(
            f"VAULT_KEYSET does not open signing key {key_id}: "
            "it is not the keyset that this database was used with, or the row was changed."
        )

    def check(self, session: Session, organization_id: UUID | None) -> None:
        """Raise VaultError if there is a data key and the master keyset does not open it."""
        key = self._data_key(session, organization_id)
        if key is not None:
            self._cipher(session, key)

    def _data_key(self, session: Session, organization_id: UUID | None) -> DataKey | None:
        owner = DataKey.organization_id.is_not_distinct_from(organization_id)
        return session.scalars(select(DataKey).where(owner)).one_or_none()

    def _make_data_key(self, session: Session, organization_id: UUID | None) -> DataKey:
        """Make the organization's data key, or find that of whoever was faster."""
        cipher, prints = aead.aead_key_templates.AES256_GCM, prf.prf_key_templates.HKDF_SHA256
        session.execute(
            insert(DataKey)
            .values(
                organization_id=organization_id,
                wrapped=self._wrap(cipher, organization_id, "cipher"),
                wrapped_prints=self._wrap(prints, organization_id, "prints"),
            )
            .on_conflict_do_nothing()
        )
        made = self._data_key(session, organization_id)
        assert made is not None  # noqa: S101 - just inserted, or in the way of it
        return made

    def rewrap(self, session: Session, key: DataKey) -> bool:
        """Put a data key under the master key that encrypts now; whether it was under another. Raises VaultError."""
        if {number_of_wrapped(key.wrapped), number_of_wrapped(key.wrapped_prints)} == {self.known[0]}:
            return False
        cipher, prints = (self._unwrap(session, key, use) for use in ("cipher", "prints"))
        key.wrapped = self._put_under(cipher, key.organization_id, "cipher")
        key.wrapped_prints = self._put_under(prints, key.organization_id, "prints")
        return True

    def rewrap_signing_key(self, key_id: UUID, wrapped: bytes) -> bytes:
        """The same of a signing key; the same bytes where nothing is to be done."""
        if number_of(wrapped) == self.known[0]:
            return wrapped
        return self.wrap_signing_key(key_id, self.unwrap_signing_key(key_id, wrapped))

    def _wrap(self, template: Any, organization_id: UUID | None, use: str) -> bytes:
        self.refresh()
        return self._put_under(tink.new_keyset_handle(template), organization_id, use)

    def _put_under(self, handle: tink.KeysetHandle, organization_id: UUID | None, use: str) -> bytes:
        wrapped: bytes = tink.proto_keyset_format.serialize_encrypted(
            handle, self._master.cipher, _key_place(organization_id, use)
        )
        return wrapped

    def _unwrap(self, session: Session, key: DataKey, use: str) -> tink.KeysetHandle:
        column = {"cipher": "wrapped", "prints": "wrapped_prints"}[use]
        for again in self._before_and_after_refreshing():
            try:
                if again:  # it may have been put under another key since it was read
                    session.refresh(key)
                place = _key_place(key.organization_id, use)
                return tink.proto_keyset_format.parse_encrypted(getattr(key, column), self._master.cipher, place)
            except (tink.TinkError, InvalidRequestError):
                continue
        raise VaultError(
            f"VAULT_KEYSET does not open the data key of {_owner(key.organization_id)}: "
            "it is not the keyset that this database was used with, or the row was changed."
        )

    def _before_and_after_refreshing(self) -> Iterator[bool]:
        yield False
        self.refresh()
        yield True

    def _cipher(self, session: Session, key: DataKey) -> aead.Aead:
        """What a data key encrypts with; those used last are kept open, each for the row that it was opened from."""
        row = _key_place(key.organization_id, "cipher") + key.wrapped
        with self._opening:
            cipher = self._opened.pop(row, None)
            if cipher is not None:
                self._opened[row] = cipher
                return cipher
        cipher = self._unwrap(session, key, "cipher").primitive(aead.Aead)
        with self._opening:
            self._opened[row] = cipher
            if len(self._opened) > MOST_OPEN:
                self._opened.popitem(last=False)
        return cipher

    def _prints(self, session: Session, key: DataKey) -> prf.PrfSet:
        return self._unwrap(session, key, "prints").primitive(prf.PrfSet)


def _last_four(plain: str) -> str:
    return plain[-4:] if len(plain) >= LEAST_LENGTH_SHOWN else ""


def _owner(organization_id: UUID | None) -> str:
    return f"organization {organization_id}" if organization_id else "the house"


def _place(organization_id: UUID | None, connection_id: UUID, field: str) -> bytes:
    """What a ciphertext is bound to; ids have one spelling and no bar, so no two places are written alike."""
    return f"ventanilla/credential/1|{organization_id or 'house'}|{connection_id}|{field}".encode()


def _key_place(organization_id: UUID | None, use: str) -> bytes:
    return f"ventanilla/data-key/1|{organization_id or 'house'}|{use}".encode()


def _signing_place(key_id: UUID) -> bytes:
    return f"ventanilla/signing-key/1|{key_id}".encode()
