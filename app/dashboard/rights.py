"""What each role may do. With whose things is no matter of rights: a manager reaches one organization."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.tenants.roles import Role
from app.tenants.tokens import Scope


class Right(StrEnum):
    """What a page asks of whoever opens it."""

    SEE = "see"
    CHANGE = "change"
    #: What only the owners do: people, the house's tokens, deleting an organization.
    OWN = "own"


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.OWNER: frozenset(Right),
    Role.OPERATOR: frozenset({Right.SEE, Right.CHANGE}),
    Role.AUDITOR: frozenset({Right.SEE}),
    Role.MANAGER: frozenset({Right.SEE, Right.CHANGE}),
}

#: What only reads. `files:read` is not among it: what lies at a provider is no record of ours.
READING: Final = frozenset(
    {
        Scope.UPLOADS_READ,
        Scope.ORGANIZATIONS_READ,
        Scope.CONNECTIONS_READ,
        Scope.RECEIPTS_READ,
        Scope.AUDIT_READ,
        Scope.USAGE_READ,
    }
)


def scopes(role: Role) -> frozenset[str]:
    """What a token may be allowed that somebody of this role makes."""
    return frozenset(Scope) if Right.CHANGE in RIGHTS[role] else READING
