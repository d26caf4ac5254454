"""Several nodes: who is alive, which node carries a side of a call, and a journal that many write to.

Expands: whatever a node of revision 0001 reads and writes stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "nodes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("calls", sa.Column("buyer_at", sa.String(), nullable=True))
    op.add_column("calls", sa.Column("agent_at", sa.String(), nullable=True))
    # calls that go on were carried by a process that knew no name for itself: the first node to start takes them over
    op.execute("INSERT INTO nodes (id, beat_at) VALUES ('before', 0)")
    op.execute("UPDATE calls SET buyer_at = 'before', agent_at = 'before' WHERE state <> 'ended'")
    op.create_index("one_line_for_each_number", "journal", ["chain", "n"], unique=True)
    op.drop_index("ix_journal_chain", table_name="journal")
    op.add_column("journal", sa.Column("batch", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_index("journal_in_order", "journal", ["batch", "seq"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE journal ALTER COLUMN seq TYPE bigint")
        op.execute("ALTER SEQUENCE journal_seq_seq AS bigint")
        op.execute("ALTER TABLE journal ALTER COLUMN batch SET DEFAULT pg_current_xact_id()::text::bigint")
        # compare-and-set rewrites the same rows all the time: room for it, so that indexes stay untouched where they can
        op.execute("ALTER TABLE calls SET (fillfactor = 70)")
        op.execute("ALTER TABLE journal_heads SET (fillfactor = 70)")


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index("journal_in_order", table_name="journal")
    with op.batch_alter_table("journal") as batch:
        batch.drop_column("batch")
    op.create_index("ix_journal_chain", "journal", ["chain"])
    op.drop_index("one_line_for_each_number", table_name="journal")
    with op.batch_alter_table("calls") as batch:
        batch.drop_column("agent_at")
        batch.drop_column("buyer_at")
    op.drop_table("nodes")
