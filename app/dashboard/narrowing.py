"""What the address of a list of uploads narrows it to; the same words stand in every link that leads there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.api import places
from app.api.asking import Asker
from app.api.errors import BadCursor
from app.dashboard.whose import midnight
from app.providers import registry
from app.records.finding import Sought
from app.records.searching import Place
from app.records.states import State
from app.tenants.models import Connection, Organization

#: Names in the address, beside those of where in the list one is.
NAMES: Final = (
    "q",
    "state",
    "organization",
    "connection",
    "provider",
    "operation",
    "problem",
    "form",
    "link",
    "since",
    "until",
)
LONGEST: Final = 300
KNOWN: Final = frozenset(one.value for one in State)
#: Of nothing: what is named but not there finds nothing, rather than everything.
NOWHERE: Final = UUID(int=0)
Args = MultiDict[str, str]


def kept(args: Args) -> dict[str, Any]:
    """What narrows the list, for another address of it."""
    return {name: args.getlist(name) if name == "state" else args[name] for name in NAMES if args.get(name)}


def narrowed(asker: Asker, session: Session, args: Args) -> Sought:
    """What is sought; the session is one that sees what the asker may see. Raises BadValue for what is no day."""
    organization_id = asker.organization_id
    if organization_id is None and args.get("organization"):
        wanted = select(Organization.id).where(Organization.slug == _text(args, "organization"))
        organization_id = session.scalar(wanted) or NOWHERE
    connection_id = None
    if args.get("connection"):
        named = select(Connection.id).where(Connection.name == _text(args, "connection"))
        connection_id = session.scalar(named.where(Connection.organization_id == organization_id)) or NOWHERE
    return Sought(
        states=frozenset(State(one) for one in args.getlist("state") if one in KNOWN),
        operations=_operations(args),
        organization_id=organization_id,
        connection_id=connection_id,
        form_id=_id(args.get("form")),
        link_id=_id(args.get("link")),
        problem=_text(args, "problem"),
        since=midnight(args.get("since", ""), "since"),
        until=midnight(args.get("until", ""), "until", days=1),
        words=_text(args, "q"),
    )


def place(args: Mapping[str, str], name: str) -> Place | None:
    """A place of the list that the address names; raises BadCursor."""
    if not args.get(name):
        return None
    try:
        return places.read(args[name])
    except ValueError:
        raise BadCursor(field=name) from None


def _text(args: Args, name: str) -> str | None:
    """What was typed; no text of the database has a NUL."""
    return args.get(name, "").replace("\0", "�").strip()[:LONGEST] or None


def _operations(args: Args) -> frozenset[str]:
    provider, operation = args.get("provider"), args.get("operation")
    if not provider and not operation:
        return frozenset()
    named = {
        one.slug
        for one in registry.operations()
        if provider in {None, "", one.provider} and operation in {None, "", one.slug}
    }
    return frozenset(named or {"-"})


def _id(written: str | None) -> UUID | None:
    if not written:
        return None
    try:
        return UUID(written)
    except ValueError:
        return NOWHERE
