"""The database: typed tables' common ground, and transactions that see one organization and no other.

Row-level security reads the organization from a setting that lives as long as the transaction; where none is set
there is nothing to see. Whatever has to be found before the organization is known (a link by its token, a form by
its address) goes through the doors: SQL functions of the owner that answer with ids and little else (`migrations/`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar
from uuid import UUID

import psycopg
from pydantic import SecretStr
from sqlalchemy import (
    DateTime,
    Engine,
    Enum,
    ExceptionContext,
    MetaData,
    TextClause,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    sessionmaker,
)
from sqlalchemy.pool import ConnectionPoolEntry
from uuid_utils.compat import uuid7

from app.errors import Refusal
from app.grouping import Groups, Rows

if TYPE_CHECKING:
    from alembic.config import Config

#: What is in no organization: house connections, house tokens, their audit.
HOUSE: Final = None

#: Under which a session knows what is done once it is committed.
COMMITTED: Final = "once committed"

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"

#: Every wait on the server ends: for a lock, for a statement, for a transaction that somebody forgot.
TIMEOUTS: Final = "-c statement_timeout=30s -c lock_timeout=15s -c idle_in_transaction_session_timeout=60s"
CONNECT_SECONDS: Final = 5
#: What every connection is made with.
CONNECT: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    "options": TIMEOUTS,
    "application_name": "ventanilla",
}
POOL_SECONDS: Final = 10
#: A connection that rested for longer is tried before it is used again.
REST_SECONDS: Final = 1.0

#: How a database that may be back in a moment shows: it does not answer, or has no connection left for us.
AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)

ENTER: Final = text("SELECT set_config('ventanilla.organization', :organization, true)")
#: Until the transaction ends: SET TRANSACTION READ ONLY and SET LOCAL ROLE, in one round trip.
LOOK: Final = text(
    "SELECT set_config('transaction_read_only', 'on', true), set_config('role', 'ventanilla_overview', true)"
)

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class DatabaseAway(Refusal):
    """The records cannot be reached, so nothing is begun that would have to be in them."""

    slug: ClassVar[str] = "database-away"
    status: ClassVar[int] = 503
    retry_after = 5.0


class Base(DeclarativeBase):
    """Common ground of all tables: UUIDv7 keys, times with their zone, JSON as JSONB."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
    }

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


Kind = TypeVar("Kind", bound=Base)


def choice(kind: type[StrEnum]) -> Enum:
    """A column that holds one of the values of `kind` and is read as such; the database refuses any other."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


def utcnow() -> datetime:
    """The clock, where nothing else is given."""
    return datetime.now(UTC)


def once_committed(session: Session, act: Callable[[], object]) -> None:
    """Do something when the session's transaction is committed, and never where it is not; it must not fail."""
    session.info.setdefault(COMMITTED, []).append(act)


class Database:
    """A pool of connections as one role."""

    def __init__(self, url: SecretStr, *, pool: int = 20) -> None:
        self.engine = _engine(url, pool_size=pool, max_overflow=pool, pool_timeout=POOL_SECONDS)
        event.listen(self.engine, "checkin", _note_rest)
        event.listen(self.engine, "checkout", _try_after_rest)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._alone = Alone(self.engine, url)

    @contextmanager
    def transaction(self, organization: UUID | None) -> Iterator[Session]:
        """One transaction that sees the rows of `organization` (HOUSE: the house's), committed at the end."""
        with self._sessions.begin() as session:
            enter(session, organization)
            yield session
        for act in session.info.get(COMMITTED, ()):
            act()

    @contextmanager
    def doors(self) -> Iterator[Session]:
        """A transaction that sees nobody's rows, for what has to be found before the organization is known."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def overview(self) -> Iterator[Session]:
        """A transaction that sees the rows of all organizations, but nothing secret in them, and changes nothing.

        For those alone who may see all of them. Whole rows of some tables cannot be asked for: their columns have to be
        named (`migrations`).
        """
        with self._sessions.begin() as session:
            session.execute(LOOK)
            yield session

    def alone(self) -> Alone:
        """Where each statement is a transaction of its own, and sees nobody's rows."""
        return self._alone

    def dispose(self) -> None:
        """Close every connection."""
        self._alone.close()
        self.engine.dispose()


class Alone:
    """Runs statements that are transactions of their own: with those of other threads where it can."""

    def __init__(self, engine: Engine, url: SecretStr) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._groups = Groups(lambda: psycopg.connect(driver_url(url), **CONNECT))
        self._written: dict[TextClause, str] = {}

    def execute(self, statement: TextClause, values: Mapping[str, Any]) -> Rows:
        """Run a statement and return its rows."""
        sql = self._written.get(statement)
        if sql is None:
            sql = self._written[statement] = str(statement.compile(dialect=self._engine.dialect))
        try:
            rows = self._groups.run(sql, values)
        except psycopg.OperationalError as exc:
            raise OperationalError(None, None, exc, hide_parameters=True) from None
        if rows is None:
            with self._engine.connect() as connection:
                rows = connection.execute(statement, values).all()
        return rows

    def close(self) -> None:
        """Close what is open."""
        self._groups.close()


def enter(session: Session, organization: UUID | None) -> None:
    """Let the session's transaction, one of `doors`, see the rows of an organization from now on."""
    session.execute(ENTER, {"organization": str(organization) if organization else "house"})


def new(kind: type[Kind], **values: Any) -> Kind:
    """A row with its defaults, in no session; raises TypeError for what is none of its columns.

    Made as SQLAlchemy makes what it reads: its constructor tells of every attribute, and takes a hundred times as long.
    """
    blank, chosen = _defaults(kind)
    if strange := values.keys() - blank.keys():
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(strange))}")
    row: Kind = kind.__mapper__.class_manager.new_instance()
    row.__dict__.update(blank)
    row.__dict__.update({name: choose() for name, choose in chosen.items() if name not in values})
    row.__dict__.update(values)
    return row


def copied(row: Kind, **changes: Any) -> Kind:
    """The same row, changed, in no session."""
    blank, _ = _defaults(type(row))
    known = row.__dict__
    return new(type(row), **{name: known[name] if name in known else getattr(row, name) for name in blank} | changes)


@cache
def _defaults(kind: type[Base]) -> tuple[Mapping[str, Any], Mapping[str, Callable[[], Any]]]:
    """What a row's attributes are where nothing is said, all of them; and those that differ from row to row."""
    found = {name: attribute.columns[0].default for name, attribute in kind.__mapper__.column_attrs.items()}
    blank = {name: None if one is None or one.is_callable else one.arg for name, one in found.items()}
    return blank, {name: partial(one.arg, None) for name, one in found.items() if one is not None and one.is_callable}


def migrate(owner_url: SecretStr, revision: str = "head") -> None:
    """Bring the tables up to `revision`: all of it or nothing, and once where several do it at the same time."""
    from alembic import command

    engine = _engine(owner_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('ventanilla migrations'))"))
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except DBAPIError as exc:
        exc.statement = None  # whole files of them: what went wrong would drown
        raise
    finally:
        engine.dispose()


def is_reachable(database: Database) -> bool:
    """Whether the database answers."""
    try:
        with database.doors() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def is_migrated(database: Database) -> bool:
    """Whether this version can work with the tables: they are its own, or later ones that it is not too old for."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    try:
        with database.doors() as session:
            return bool(session.scalar(text("SELECT ventanilla_serves(:head)"), {"head": head}))
    except SQLAlchemyError:
        return False


def _alembic() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def driver_url(url: SecretStr) -> str:
    """The address as libpq and psycopg take it."""
    return url.get_secret_value().replace("postgresql+psycopg://", "postgresql://", 1)


def _engine(url: SecretStr, **options: Any) -> Engine:
    engine = create_engine(
        driver_url(url).replace("postgresql://", "postgresql+psycopg://", 1),
        hide_parameters=True,
        connect_args=CONNECT,
        **options,
    )
    event.listen(engine, "handle_error", _keep_values_out)
    return engine


def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _try_after_rest(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Try a connection that nobody used for a while: the server may have gone meanwhile, or be another."""
    if time.monotonic() - record.info.get("rests_since", time.monotonic()) < REST_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error:
        raise DisconnectionError from None


def _keep_values_out(context: ExceptionContext) -> None:
    """Take from an error what quotes values: the detail names rows, and what a datum fails with names the datum.

    `hide_parameters` covers SQLAlchemy's own text alone. Names of constraints, tables and columns stay.
    """
    error, ours = context.original_exception, context.sqlalchemy_exception
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return
    quotes = error.sqlstate.startswith("22")  # data exceptions
    message = type(error).__name__ if quotes else error.diag.message_primary
    error.args = (message,)
    assert ours is not None  # noqa: S101 - every error of the driver's is wrapped in one
    ours.args = (f"({error.sqlstate}) {message}",)
