"""Receipts and the audit log as signed chains, the keys that sign them, and where each chain ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: Chains of organizations, and of the house.
SECURITY = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON {table} TO ventanilla_app, ventanilla_worker USING ({condition}) WITH CHECK ({condition});
CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true);
"""
OWN = "organization_id = ventanilla_organization()"
OR_THE_HOUSE = f"{OWN} OR (organization_id IS NULL AND ventanilla_is_house())"

#: The gateway reads what is sealed; only the worker seals, and only it can read what a key is wrapped in.
GRANTS = (
    "GRANT SELECT ON receipts, chain_heads TO ventanilla_app",
    "GRANT SELECT (id, kid, public, created_at, retired_at) ON signing_keys TO ventanilla_app",
    "GRANT SELECT, INSERT ON receipts TO ventanilla_worker",
    "GRANT SELECT, INSERT, UPDATE ON chain_heads TO ventanilla_worker",
    "GRANT SELECT, INSERT ON signing_keys TO ventanilla_worker",
    "GRANT UPDATE (retired_at) ON signing_keys TO ventanilla_worker",
    "GRANT UPDATE (number, previous, signature, key_id) ON audit_entries TO ventanilla_worker",
)

#: Whose audit log has entries that are in no chain yet; NULL: the house's.
UNSEALED = """
CREATE FUNCTION ventanilla_find_unsealed() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT a.organization_id FROM public.audit_entries a WHERE a.number IS NULL;
END
"""
#: Whose a receipt is.
RECEIPT = """
CREATE FUNCTION ventanilla_find_receipt(wanted uuid) RETURNS TABLE (organization_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.organization_id, r.id FROM public.receipts r WHERE r.id = wanted;
END
"""
DOORS = (
    ("ventanilla_find_unsealed", UNSEALED, "ventanilla_worker"),
    ("ventanilla_find_receipt", RECEIPT, "ventanilla_app"),
)
SEALS = ("number", "previous", "signature", "key_id")


def upgrade() -> None:
    """Make the tables, and give audit entries their place in a chain: none yet for those that are there."""
    _signing_keys()
    _receipts()
    _chain_heads()
    op.add_column("audit_entries", sa.Column("number", sa.BigInteger()))
    op.add_column("audit_entries", sa.Column("previous", sa.LargeBinary()))
    op.add_column("audit_entries", sa.Column("signature", sa.LargeBinary()))
    op.add_column("audit_entries", sa.Column("key_id", sa.Uuid()))
    op.create_foreign_key(op.f("fk_audit_entries_key_id"), "audit_entries", "signing_keys", ["key_id"], ["id"])
    # Those without a number are few at any time: this one is as small as that, and is how they are found.
    op.create_index(
        "ix_audit_entries_unsealed", "audit_entries", ["organization_id"], postgresql_where=sa.text("number IS NULL")
    )
    op.create_index(
        "uq_audit_entries_number",
        "audit_entries",
        ["organization_id", "number"],
        unique=True,
        postgresql_where=sa.text("number IS NOT NULL"),
        postgresql_nulls_not_distinct=True,
    )
    for table, condition in (("receipts", OWN), ("chain_heads", OR_THE_HOUSE)):
        op.execute(SECURITY.format(table=table, condition=condition))
    for statement in GRANTS:
        op.execute(statement)
    for name, function, role in DOORS:
        op.execute(function)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {role}")


def downgrade() -> None:
    """Take the chains away, and every receipt with them."""
    for name, _, _ in DOORS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute(f"REVOKE UPDATE ({', '.join(SEALS)}) ON audit_entries FROM ventanilla_worker")
    op.drop_index("uq_audit_entries_number", "audit_entries")
    op.drop_index("ix_audit_entries_unsealed", "audit_entries")
    op.drop_constraint(op.f("fk_audit_entries_key_id"), "audit_entries")
    for column in reversed(SEALS):
        op.drop_column("audit_entries", column)
    op.drop_table("chain_heads")
    op.drop_table("receipts")
    op.drop_table("signing_keys")


def _signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("kid", name=op.f("uq_signing_keys_kid")),
    )


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_receipts_organization_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "upload_id"],
            ["uploads.organization_id", "uploads.id"],
            name=op.f("fk_receipts_organization_id_upload_id"),
        ),
        sa.ForeignKeyConstraint(["key_id"], ["signing_keys.id"], name=op.f("fk_receipts_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_receipts_organization_id_number")),
        sa.UniqueConstraint("upload_id", name=op.f("uq_receipts_upload_id")),
    )


def _chain_heads() -> None:
    op.create_table(
        "chain_heads",
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("chain", sa.String(length=10), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_chain_heads_organization_id")),
        sa.ForeignKeyConstraint(["key_id"], ["signing_keys.id"], name=op.f("fk_chain_heads_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_heads")),
        sa.UniqueConstraint(
            "organization_id",
            "chain",
            name=op.f("uq_chain_heads_organization_id_chain"),
            postgresql_nulls_not_distinct=True,
        ),
    )
