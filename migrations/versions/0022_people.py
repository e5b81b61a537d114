"""People: who signs in, with what, from where, and how somebody new comes in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: What the app may do with each; the worker has nothing to do with people. Nobody deletes who did something.
GRANTS = {
    "users": "SELECT, INSERT, UPDATE",
    "passkeys": "SELECT, INSERT, UPDATE, DELETE",
    "user_sessions": "SELECT, INSERT, UPDATE, DELETE",
    "invitations": "SELECT, INSERT, UPDATE",
    "password_resets": "SELECT, INSERT, DELETE",
    "sign_in_tries": "SELECT, INSERT, UPDATE, DELETE",
}
#: They are the house's: where an organization is entered, and where nobody's rows are seen, there are no people.
SECURITY = (
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "CREATE POLICY house ON {table} TO ventanilla_app USING (ventanilla_is_house()) WITH CHECK (ventanilla_is_house())",
    "CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
    "GRANT {grants} ON {table} TO ventanilla_app",
)


def upgrade() -> None:
    """Make the tables, for the house alone."""
    _users()
    _passkeys()
    _sessions()
    _invitations()
    _resets()
    _tries()
    for table, grants in GRANTS.items():
        for statement in SECURITY:
            op.execute(statement.format(table=table, grants=grants))


def downgrade() -> None:
    """Take them away."""
    for table in reversed(GRANTS):
        op.drop_table(table)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid(), nullable=False)


def _user_id(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id")),
    )


def _role(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    """What somebody is or is to be; only a manager has an organization, and every manager has."""
    roles = ("owner", "operator", "auditor", "manager")
    kind = sa.Enum(*roles, name="role", native_enum=False, create_constraint=True, length=20)
    return (
        sa.Column("role", kind, nullable=False),
        sa.Column("manages", sa.Uuid(), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.CheckConstraint("(role = 'manager') = (manages IS NOT NULL)", name=op.f(f"ck_{table}_manages")),
        sa.CheckConstraint("locale IN ('es', 'en')", name=op.f(f"ck_{table}_locale")),
        sa.ForeignKeyConstraint(["manages"], ["organizations.id"], name=op.f(f"fk_{table}_manages")),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        *_role("users"),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("totp_counter", sa.BigInteger(), nullable=True),
        sa.Column("recovery", sa.ARRAY(sa.LargeBinary()), server_default="{}", nullable=False),
        sa.Column("handle", sa.LargeBinary(), nullable=False),
        _moment("secured_at"),
        _moment("signed_in_at", nullable=True),
        _moment("disabled_at", nullable=True),
        _moment("created_at"),
        _id(),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("handle", name=op.f("uq_users_handle")),
    )
    op.create_index(op.f("ix_users_manages"), "users", ["manages"])


def _passkeys() -> None:
    op.create_table(
        "passkeys",
        *_user_id("passkeys"),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signatures", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.ARRAY(sa.String(length=20)), nullable=False),
        _moment("used_at", nullable=True),
        _moment("created_at"),
        _id(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    op.create_index(op.f("ix_passkeys_user_id"), "passkeys", ["user_id"])


def _sessions() -> None:
    op.create_table(
        "user_sessions",
        *_user_id("user_sessions"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        _moment("begun_at"),
        _moment("seen_at"),
        _moment("proven_at"),
        _moment("ends_at"),
        _id(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_sessions_token_hash")),
    )
    op.create_index(op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"])


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("email", sa.String(length=254), nullable=False),
        *_role("invitations"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.String(length=80), nullable=False),
        _moment("expires_at"),
        _moment("accepted_at", nullable=True),
        _moment("revoked_at", nullable=True),
        _moment("created_at"),
        _id(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.create_index(op.f("ix_invitations_email"), "invitations", ["email"])
    op.create_index(op.f("ix_invitations_manages"), "invitations", ["manages"])


def _resets() -> None:
    op.create_table(
        "password_resets",
        *_user_id("password_resets"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _moment("expires_at"),
        _id(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_resets")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_resets_token_hash")),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_resets_user_id")),
    )


def _tries() -> None:
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _moment("since"),
        _id(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_tries")),
        sa.UniqueConstraint("key", name=op.f("uq_sign_in_tries_key")),
    )
    op.create_index(op.f("ix_sign_in_tries_since"), "sign_in_tries", ["since"])
