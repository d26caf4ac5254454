"""Endpoints, duties and knocks as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    literal_column,
    select,
    text,
)
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert

from kanhuo.accounts.store import SESSIONS
from kanhuo.kernel.clock import HOUR, Millis
from kanhuo.kernel.errors import Stale
from kanhuo.kernel.ids import new_id
from kanhuo.reach.model import Endpoint, Knock, State, claimed
from kanhuo.reach.policy import CLAIMED, ENDPOINTS
from kanhuo.shell.database import Statement, Transaction, metadata

ENDPOINTS_TABLE: Final = Table(
    "endpoints",
    metadata,
    Column("id", String, primary_key=True),
    Column("merchant", String, nullable=False, index=True),
    Column("agent", String, nullable=False, index=True),
    Column("device", String, nullable=False),
    Column("url", String, nullable=False, unique=True),
    Column("session", String, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""A browser has one subscription, so an address belongs to whoever signed in there last."""

DUTIES: Final = Table(
    "duties",
    metadata,
    Column("agent", String, primary_key=True),
    Column("merchant", String, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("unanswered", Integer, nullable=False),
)
"""Agents who have gone on duty and not off again, whether a page of theirs is open or not."""

KNOCKS: Final = Table(
    "knocks",
    metadata,
    Column("id", String, primary_key=True),
    Column("call", String, nullable=False, index=True),
    Column("planned_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("knocks_due", KNOCKS.c.due, sqlite_where=text("due IS NOT NULL"), postgresql_where=text("due IS NOT NULL"))

KEYS: Final = Table(
    "keys",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
"""Keys of ours that all nodes share and that nobody has to set: made once, by whoever needs them first."""

KEPT: Final[Millis] = HOUR
"""For how long a knock is kept after its ring."""

_signed_in = (
    select(SESSIONS.c.fingerprint)
    .where(SESSIONS.c.fingerprint == ENDPOINTS_TABLE.c.session, SESSIONS.c.expires_at > bindparam("now"))
    .exists()
)
_put_endpoint = Statement(
    ENDPOINTS_TABLE.insert().values({column.name: bindparam(column.name) for column in ENDPOINTS_TABLE.c})
)
_same = Statement(
    delete(ENDPOINTS_TABLE).where(
        (ENDPOINTS_TABLE.c.url == bindparam("the_url"))
        | ((ENDPOINTS_TABLE.c.agent == bindparam("the_agent")) & (ENDPOINTS_TABLE.c.device == bindparam("the_device")))
    )
)
_by_url = Statement(
    select(ENDPOINTS_TABLE.c.id).where(
        ENDPOINTS_TABLE.c.url == bindparam("url"), ENDPOINTS_TABLE.c.agent == bindparam("agent")
    )
)
_endpoints = Statement(
    select(ENDPOINTS_TABLE.c.body)
    .where(ENDPOINTS_TABLE.c.agent == bindparam("agent"), _signed_in)
    .order_by(ENDPOINTS_TABLE.c.made_at.desc())
)
_endpoint = Statement(select(ENDPOINTS_TABLE.c.body).where(ENDPOINTS_TABLE.c.id == bindparam("id")))
_remove = Statement(
    delete(ENDPOINTS_TABLE).where(
        ENDPOINTS_TABLE.c.id == bindparam("the_id"), ENDPOINTS_TABLE.c.agent == bindparam("the_agent")
    )
)
_upsert = insert(DUTIES).values({column.name: bindparam(column.name) for column in DUTIES.c})
_take_up = Statement(
    _upsert.on_conflict_do_update(
        index_elements=[DUTIES.c.agent],
        set_={name: _upsert.excluded[name] for name in ("merchant", "seen_at", "unanswered")},
    )
)
_lay_down = Statement(delete(DUTIES).where(DUTIES.c.agent == bindparam("the_agent")))
_unanswered = Statement(
    sql_update(DUTIES)
    .where(DUTIES.c.agent == bindparam("the_agent"))
    .values(unanswered=DUTIES.c.unanswered + 1)
    .returning(DUTIES.c.unanswered)
)
_answered = Statement(
    sql_update(DUTIES)
    .where(DUTIES.c.agent == bindparam("the_agent"), DUTIES.c.unanswered > 0)
    .values(unanswered=literal_column("0"))
)
_reachable = Statement(
    select(ENDPOINTS_TABLE.c.agent, DUTIES.c.seen_at)
    .outerjoin(DUTIES, DUTIES.c.agent == ENDPOINTS_TABLE.c.agent)
    .where(ENDPOINTS_TABLE.c.merchant == bindparam("merchant"), _signed_in)
)
_plan = Statement(KNOCKS.insert().values({column.name: bindparam(column.name) for column in KNOCKS.c}))
_any_due = Statement(select(KNOCKS.c.id).where(KNOCKS.c.due <= bindparam("now")).limit(1))
_due = Statement(
    select(KNOCKS.c.body)
    .where(KNOCKS.c.due <= bindparam("now"))
    .order_by(KNOCKS.c.due)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_knock = Statement(select(KNOCKS.c.body).where(KNOCKS.c.id == bindparam("id")))
_of_call = Statement(select(KNOCKS.c.body).where(KNOCKS.c.call == bindparam("call")))
_put = Statement(
    sql_update(KNOCKS)
    .where(KNOCKS.c.id == bindparam("the_id"), KNOCKS.c.version == bindparam("before"))
    .values({name: bindparam(name) for name in ("due", "version", "body")})
)
_forget = Statement(delete(KNOCKS).where(KNOCKS.c.planned_at < bindparam("before", type_=BigInteger)))
_key = Statement(select(KEYS.c.value).where(KEYS.c.name == bindparam("name")))
_new_key = Statement(
    insert(KEYS).values({column.name: bindparam(column.name) for column in KEYS.c}).on_conflict_do_nothing()
)

_encode: Final = msgspec.json.Encoder().encode
_decode_knock: Final = msgspec.json.Decoder(Knock).decode
_decode_endpoint: Final = msgspec.json.Decoder(Endpoint).decode


def add(tx: Transaction, endpoint: Endpoint) -> Endpoint:
    """Keep an endpoint in place of what was known of the same device or the same address; return it as it is kept.

    An address that is told again keeps its id: a knock that is under way goes on.
    """
    known = tx.first(_by_url, {"url": endpoint.url, "agent": endpoint.agent})
    if known is not None:
        endpoint = replace(endpoint, id=known[0])
    tx.change(_same, {"the_url": endpoint.url, "the_agent": endpoint.agent, "the_device": endpoint.device})
    names = ("id", "merchant", "agent", "device", "url", "session", "made_at")
    row = {name: getattr(endpoint, name) for name in names}
    tx.change(_put_endpoint, row | {"body": _encode(endpoint)})
    for oldest in endpoints(tx, endpoint.agent, endpoint.made_at)[ENDPOINTS:]:
        remove(tx, oldest.id, endpoint.agent)
    return endpoint


def endpoints(tx: Transaction, agent: str, now: Millis) -> list[Endpoint]:
    """Return an agent's endpoints, newest first; those of sessions that have ended are left out."""
    return [_decode_endpoint(body) for (body,) in tx.all(_endpoints, {"agent": agent, "now": now})]


def endpoint(tx: Transaction, id: str) -> Endpoint | None:
    """Return an endpoint by its id."""
    row = tx.first(_endpoint, {"id": id})
    return None if row is None else _decode_endpoint(row[0])


def remove(tx: Transaction, id: str, agent: str) -> bool:
    """Forget an endpoint of an agent; return whether there was one."""
    return tx.change(_remove, {"the_id": id, "the_agent": agent}) == 1


def take_up(tx: Transaction, agent: str, merchant: str, now: Millis) -> None:
    """Note that an agent is on duty now."""
    tx.change(_take_up, {"agent": agent, "merchant": merchant, "seen_at": now, "unanswered": 0})


def lay_down(tx: Transaction, agent: str) -> None:
    """Note that an agent is not on duty any more."""
    tx.change(_lay_down, {"the_agent": agent})


def unanswered(tx: Transaction, agent: str) -> int:
    """Count one more ring that no device of an agent showed; return how many there were in a row."""
    row = tx.first(_unanswered, {"the_agent": agent})
    return 0 if row is None else int(row[0])


def answered(tx: Transaction, agent: str) -> None:
    """Note that a device of an agent has shown a ring."""
    tx.change(_answered, {"the_agent": agent})


def reachable(tx: Transaction, merchant: str, now: Millis) -> Mapping[str, Millis | None]:
    """Return a merchant's agents who have endpoints, with the instant at which each on duty was seen last."""
    return {agent: seen_at for agent, seen_at in tx.all(_reachable, {"merchant": merchant, "now": now})}  # noqa: C416


def plan(tx: Transaction, pattern: Knock) -> None:
    """Plan a knock at each endpoint of the agent whom a pattern names."""
    for each in endpoints(tx, pattern.agent, pattern.planned_at):
        planned = replace(pattern, id=new_id("knock"), endpoint=each.id)
        row = {"id": planned.id, "call": planned.call, "planned_at": planned.planned_at, "due": planned.due}
        tx.change(_plan, row | {"version": planned.version, "body": _encode(planned)})


def any_due(tx: Transaction, now: Millis) -> bool:
    """Whether any knock is due."""
    return tx.first(_any_due, {"now": now}) is not None


def claim(tx: Transaction, now: Millis, most: int) -> list[Knock]:
    """Return knocks that are due, for the caller alone to send."""
    found = [_decode_knock(body) for (body,) in tx.all(_due, {"now": now, "most": most})]
    ours = [claimed(knock, now + CLAIMED) for knock in found]
    for before, after in zip(found, ours, strict=True):
        put(tx, before, after)
    return ours


def leave_in_peace(tx: Transaction, call: str, until: Millis) -> None:
    """Put off the knocks for a call that have not been tried yet."""
    for knock in of_call(tx, call):
        if knock.state is State.PLANNED and knock.tries == 0 and knock.due is not None and knock.due < until:
            put(tx, knock, replace(knock, due=until, version=knock.version + 1))


def knock(tx: Transaction, id: str) -> Knock | None:
    """Return a knock by its id."""
    row = tx.first(_knock, {"id": id})
    return None if row is None else _decode_knock(row[0])


def of_call(tx: Transaction, call: str) -> list[Knock]:
    """Return every knock for a call."""
    return [_decode_knock(body) for (body,) in tx.all(_of_call, {"call": call})]


def put(tx: Transaction, before: Knock, after: Knock) -> None:
    """Write a knock over the version it was decided on.

    Raises:
        Stale: somebody else has changed it since.
    """
    row = {"the_id": before.id, "before": before.version, "due": after.due, "version": after.version}
    if tx.change(_put, row | {"body": _encode(after)}) != 1:
        raise Stale(before.id)


def forget(tx: Transaction, now: Millis) -> None:
    """Forget knocks of long ago."""
    tx.change(_forget, {"before": now - KEPT})


def key(tx: Transaction, name: str) -> str | None:
    """Return a key of ours."""
    row = tx.first(_key, {"name": name})
    return None if row is None else str(row[0])


def settle_key(tx: Transaction, name: str, made: str) -> str:
    """Keep a key that was just made, unless there is one already; return the one that counts."""
    tx.change(_new_key, {"name": name, "value": made})
    return key(tx, name) or made
