"""Where agents can be reached with no page open, who is on duty though none is, knocks at them, links that sign in once.

Expands: an old node knows of none of it, and rings open pages; a session that it writes lasts as long as ever.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MONTH = 30 * 24 * 3_600_000


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("merchant", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    is_browser = sa.text("kind = 'push'")
    op.create_index(
        "endpoints_browser",
        "endpoints",
        ["url"],
        unique=True,
        sqlite_where=is_browser,
        postgresql_where=is_browser,
    )
    op.create_index("ix_endpoints_merchant", "endpoints", ["merchant"])
    op.create_index("ix_endpoints_agent", "endpoints", ["agent"])
    op.create_table(
        "duties",
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("merchant", sa.String(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("unanswered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agent"),
    )
    op.create_index("ix_duties_merchant", "duties", ["merchant"])
    op.create_table(
        "knocks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("call", sa.String(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_knocks_call", "knocks", ["call"])
    is_due = sa.text("due IS NOT NULL")
    op.create_index("knocks_due", "knocks", ["due"], sqlite_where=is_due, postgresql_where=is_due)
    op.create_table(
        "keys",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ladders",
        sa.Column("merchant", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("merchant"),
    )
    op.create_table(
        "links",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_index("ix_links_expires_at", "links", ["expires_at"])
    op.add_column("sessions", sa.Column("lasts", sa.BigInteger(), nullable=False, server_default=str(_MONTH)))


def downgrade() -> None:
    """Take the schema back."""
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("lasts")
    for table in ("links", "ladders", "keys", "knocks", "duties", "endpoints"):
        op.drop_table(table)
