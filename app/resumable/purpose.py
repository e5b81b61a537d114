"""What a file that arrives in pieces is for, as it was said when it was begun; kept sealed until it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self
from uuid import UUID

from tink.aead import Aead


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """All that was said; of what is only a part of another, no more than its metadata and its key."""

    #: What its address ends with: who asks a second time for the same joining is told the same.
    key: str = field(repr=False)
    #: `Upload-Metadata` as it came.
    said: str = field(repr=False)
    operation: str = ""
    part: str = ""
    filename: str = ""
    content_type: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    actor: str = ""
    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    locale: str | None = None
    notice_version: str | None = None
    outcome_token: str | None = field(default=None, repr=False)
    #: `Upload-Concat` as it came, of what is joined from others.
    joined: str = ""

    def seal(self, cipher: Aead, organization_id: UUID, resumable_id: UUID) -> bytes:
        """Encrypted, and bound to where it belongs."""
        sealed: bytes = cipher.encrypt(json.dumps(asdict(self)).encode(), _place(organization_id, resumable_id))
        return sealed

    @classmethod
    def unseal(cls, sealed: bytes, cipher: Aead, organization_id: UUID, resumable_id: UUID) -> Self:
        """The same in the clear."""
        return cls(**json.loads(cipher.decrypt(sealed, _place(organization_id, resumable_id))))


def _place(organization_id: UUID, resumable_id: UUID) -> bytes:
    return f"ventanilla/resumable/1|{organization_id}|{resumable_id}".encode()
