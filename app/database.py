"""The database: typed tables' common ground, and transactions that see one organization and no other.

Row-level security reads the organization from a setting that lives as long as the transaction. Whatever has to be
found before the organization is known (a link by its token, a form by its address) goes through the doors: SQL
functions of the owner that answer with ids and nothing else (`migrations/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import JSON, DateTime, MetaData, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from uuid_utils.compat import uuid7

#: What is in no organization: house connections, house tokens, their audit.
HOUSE: Final = None

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Common ground of all tables: UUIDv7 keys, times with their zone, JSON as JSONB."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[dict[str, Any]]: JSON().with_variant(JSONB(), "postgresql"),
    }

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


def utcnow() -> datetime:
    """The clock, where nothing else is given."""
    return datetime.now(UTC)


class Database:
    """A pool of connections as one role."""

    def __init__(self, url: SecretStr, *, pool: int = 20) -> None:
        dsn = url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1)
        self.engine = create_engine(
            dsn,
            pool_size=pool,
            max_overflow=pool,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 5, "options": "-c statement_timeout=30000"},
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self, organization: UUID | None) -> Iterator[Session]:
        """One transaction that sees the rows of `organization` (HOUSE: of none), committed at the end."""
        with self._sessions.begin() as session:
            session.execute(
                text("SELECT set_config('ventanilla.organization', :organization, true)"),
                {"organization": str(organization) if organization else ""},
            )
            yield session

    @contextmanager
    def doors(self) -> Iterator[Session]:
        """A transaction that sees no rows, for what has to be found before the organization is known."""
        with self._sessions.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()
