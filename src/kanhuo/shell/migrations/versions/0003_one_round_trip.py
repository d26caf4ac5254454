"""One round trip for a line of the journal, and for a call with its line: PostgreSQL seals and writes by itself.

Expands: an old node goes on to do it in four statements; the two may write to one chain in turn.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# as kernel/chain.py joins and seals it; the tests hold the two together
APPEND = r"""
CREATE FUNCTION append_line(the_chain text, the_at bigint, the_kind text, the_body bytea) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    number integer;
    seal bytea;
BEGIN
    SELECT n + 1, digest INTO number, seal FROM journal_heads WHERE chain = the_chain FOR UPDATE;
    IF NOT FOUND THEN
        number := 1;
        seal := decode(repeat('00', 32), 'hex');
    END IF;
    seal := sha256(
        seal || convert_to(concat(the_chain, E'\x1f', number, E'\x1f', the_at, E'\x1f', the_kind, E'\x1f'), 'UTF8') || the_body
    );
    INSERT INTO journal (chain, n, at, kind, body, digest) VALUES (the_chain, number, the_at, the_kind, the_body, seal);
    IF number = 1 THEN
        INSERT INTO journal_heads (chain, n, digest) VALUES (the_chain, number, seal);
    ELSE
        UPDATE journal_heads SET n = number, digest = seal WHERE chain = the_chain;
    END IF;
    RETURN number;
END $$
"""

PUT = """
CREATE FUNCTION put_call(
    the_id text, the_version integer, the_state text, the_agent text, the_end bigint, the_due bigint, the_body bytea,
    the_node text, the_at bigint, the_kind text, the_line bytea
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE calls SET state = the_state, agent = the_agent, ended_at = the_end, due = the_due, version = the_version + 1,
        body = the_body, agent_at = coalesce(the_node, agent_at)
    WHERE id = the_id AND version = the_version;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_line(the_id, the_at, the_kind, the_line);
    RETURN true;
END $$
"""


def upgrade() -> None:
    """Bring the schema forward."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(APPEND)
        op.execute(PUT)


def downgrade() -> None:
    """Take the schema back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION put_call")
        op.execute("DROP FUNCTION append_line")
