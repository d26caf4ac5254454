"""A passkey's ceremony may begin on one node and end on another; an invitation ends with who made it.

Expands: an old node keeps its ceremonies in memory and names nobody as the maker of an invitation.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "ceremonies",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_ceremonies_expires_at", "ceremonies", ["expires_at"])
    op.add_column("invitations", sa.Column("made_by", sa.String(), nullable=True))


def downgrade() -> None:
    """Take the schema back."""
    with op.batch_alter_table("invitations") as batch:
        batch.drop_column("made_by")
    op.drop_table("ceremonies")
