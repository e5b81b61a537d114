"""Two versions work side by side, and processes say which keys they know: tables say whom they serve, and who knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

#: Whether code that was made for the tables of revision `head` can work with these: they are those or later ones, and
#: nothing was taken from them since that it needs. Whoever takes something away raises the first number.
SERVES = """
CREATE FUNCTION ventanilla_serves(head text) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM public.alembic_version v WHERE head BETWEEN '0029' AND v.version_num);
END
"""


def upgrade() -> None:
    """Add what a process says of itself, and the question whom the tables serve."""
    op.add_column("processes", sa.Column("node", sa.String(length=100), server_default="", nullable=False))
    op.add_column("processes", sa.Column("vault_keys", ARRAY(sa.BigInteger()), server_default="{}", nullable=False))
    op.execute(SERVES)
    op.execute("REVOKE EXECUTE ON FUNCTION ventanilla_serves FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ventanilla_serves TO ventanilla_app, ventanilla_worker")


def downgrade() -> None:
    """Take both away."""
    op.execute("DROP FUNCTION ventanilla_serves")
    op.drop_column("processes", "vault_keys")
    op.drop_column("processes", "node")
