"""What a person is to this installation. What each role may do is the dashboard's to say (`app.dashboard.rights`)."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is here; only a manager belongs to an organization."""

    OWNER = "owner"
    OPERATOR = "operator"
    #: Reads all and changes nothing.
    AUDITOR = "auditor"
    #: Runs the organization that they belong to, and sees nothing of others.
    MANAGER = "manager"
