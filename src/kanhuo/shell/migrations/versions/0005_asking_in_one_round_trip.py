"""Asking for a call, and summing one up, in one round trip each: PostgreSQL looks, writes and seals by itself.

Expands: an old node goes on to do it in several statements.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# what it returns stands in calls/store.py: requests of the buyer's, or else the merchant's line with the new call in it
ASK = """
CREATE FUNCTION ask_call(
    the_id text, the_merchant text, the_buyer text, the_key text, the_state text, the_due bigint, the_body bytea,
    the_node text, the_at bigint, the_kind text, the_line bytea, the_most integer
) RETURNS TABLE (a_key text, an_agent text, a_body bytea)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT key::text, NULL::text, body FROM calls WHERE buyer = the_buyer AND key = the_key
        UNION ALL SELECT key::text, NULL::text, body FROM calls WHERE buyer = the_buyer AND state <> 'ended';
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO calls (id, merchant, buyer, key, state, asked_at, due, version, body, buyer_at)
        VALUES (the_id, the_merchant, the_buyer, the_key, the_state, the_at, the_due, 1, the_body, the_node);
    PERFORM append_line(the_id, the_at, the_kind, the_line);
    RETURN QUERY
        (SELECT NULL::text, NULL::text, body FROM calls
            WHERE merchant = the_merchant AND state <> 'ended' AND state = 'waiting' ORDER BY asked_at, id LIMIT the_most)
        UNION ALL
        SELECT NULL::text, agent::text, CASE WHEN state = 'ringing' THEN body END FROM calls
            WHERE merchant = the_merchant AND state <> 'ended' AND agent IS NOT NULL;
END $$
"""

WRAP_UP = """
CREATE FUNCTION wrap_up_call(
    the_call text, the_agent text, the_outcome text, the_note text, the_at bigint, the_kind text, the_line bytea
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wrap_ups (call, agent, outcome, note, at) VALUES (the_call, the_agent, the_outcome, the_note, the_at)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM append_line(the_call, the_at, the_kind, the_line);
    END IF;
    RETURN FOUND;
END $$
"""


def upgrade() -> None:
    """Bring the schema forward."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(ASK)
        op.execute(WRAP_UP)


def downgrade() -> None:
    """Take the schema back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION wrap_up_call")
        op.execute("DROP FUNCTION ask_call")
