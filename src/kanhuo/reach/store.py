"""Endpoints, duties and knocks as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    and_,
    bindparam,
    delete,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert

from kanhuo.accounts.store import AGENTS, SESSIONS
from kanhuo.kernel.clock import HOUR, Millis
from kanhuo.kernel.errors import Stale
from kanhuo.kernel.ids import new_id
from kanhuo.reach.model import Endpoint, Kind, Knock, Ladder, claimed
from kanhuo.reach.policy import CLAIMED, ENDPOINTS
from kanhuo.shell.database import Statement, Transaction, metadata

ENDPOINTS_TABLE: Final = Table(
    "endpoints",
    metadata,
    Column("id", String, primary_key=True),
    Column("merchant", String, nullable=False, index=True),
    Column("agent", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("device", String, nullable=False),
    Column("url", String, nullable=False),
    Column("session", String, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
_browser = text("kind = 'push'")
Index(
    "endpoints_browser",
    ENDPOINTS_TABLE.c.url,
    unique=True,
    sqlite_where=_browser,
    postgresql_where=_browser,
)
"""A browser has one subscription, so its address belongs to whoever signed in there last; a robot may speak to many."""

DUTIES: Final = Table(
    "duties",
    metadata,
    Column("agent", String, primary_key=True),
    Column("merchant", String, nullable=False, index=True),
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

LADDERS: Final = Table(
    "ladders",
    metadata,
    Column("merchant", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Of merchants who have set their own."""

KEPT: Final[Millis] = HOUR
"""For how long a knock is kept after its ring."""

_session_lives = (
    select(SESSIONS.c.fingerprint)
    .where(
        SESSIONS.c.agent == ENDPOINTS_TABLE.c.agent,
        SESSIONS.c.expires_at > bindparam("now"),
        or_(ENDPOINTS_TABLE.c.kind != Kind.PUSH.value, SESSIONS.c.fingerprint == ENDPOINTS_TABLE.c.session),
    )
    .exists()
)
"""A browser rings while she is signed in there; a robot, while she is anywhere."""

_is_there = (
    select(AGENTS.c.id)
    .where(
        AGENTS.c.id == DUTIES.c.agent,
        AGENTS.c.removed_at.is_(None),
        or_(
            AGENTS.c.login.is_(None),
            select(SESSIONS.c.fingerprint)
            .where(SESSIONS.c.agent == AGENTS.c.id, SESSIONS.c.expires_at > bindparam("now"))
            .exists(),
        ),
    )
    .exists()
)
"""She was not taken out, and is signed in or comes by the shop's passes."""
_put_endpoint = Statement(
    ENDPOINTS_TABLE.insert().values({column.name: bindparam(column.name) for column in ENDPOINTS_TABLE.c})
)
_same_browser = Statement(
    delete(ENDPOINTS_TABLE).where(
        ENDPOINTS_TABLE.c.kind == Kind.PUSH.value,
        or_(
            ENDPOINTS_TABLE.c.url == bindparam("the_url"),
            and_(
                ENDPOINTS_TABLE.c.agent == bindparam("the_agent"), ENDPOINTS_TABLE.c.device == bindparam("the_device")
            ),
        ),
    )
)
_same_robot = Statement(
    delete(ENDPOINTS_TABLE).where(
        ENDPOINTS_TABLE.c.url == bindparam("the_url"), ENDPOINTS_TABLE.c.agent == bindparam("the_agent")
    )
)
_by_url = Statement(
    select(ENDPOINTS_TABLE.c.id).where(
        ENDPOINTS_TABLE.c.url == bindparam("url"), ENDPOINTS_TABLE.c.agent == bindparam("agent")
    )
)
_endpoints = Statement(
    select(ENDPOINTS_TABLE.c.body)
    .where(ENDPOINTS_TABLE.c.agent == bindparam("agent"), _session_lives)
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
    .where(ENDPOINTS_TABLE.c.merchant == bindparam("merchant"), _session_lives)
)
_on_duty = Statement(
    select(DUTIES.c.agent, DUTIES.c.seen_at).where(DUTIES.c.merchant == bindparam("merchant"), _is_there)
)
_plan = Statement(KNOCKS.insert().values({column.name: bindparam(column.name) for column in KNOCKS.c}))
_next_due = Statement(select(KNOCKS.c.due).where(KNOCKS.c.due.is_not(None)).order_by(KNOCKS.c.due).limit(1))
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
_ladder = Statement(select(LADDERS.c.body).where(LADDERS.c.merchant == bindparam("merchant")))
_set_ladder = Statement(
    insert(LADDERS)
    .values(merchant=bindparam("merchant"), body=bindparam("body"))
    .on_conflict_do_update(index_elements=[LADDERS.c.merchant], set_={"body": bindparam("body")})
)
_key = Statement(select(KEYS.c.value).where(KEYS.c.name == bindparam("name")))
_new_key = Statement(
    insert(KEYS).values({column.name: bindparam(column.name) for column in KEYS.c}).on_conflict_do_nothing()
)

_encode: Final = msgspec.json.Encoder().encode
_decode_knock: Final = msgspec.json.Decoder(Knock).decode
_decode_ladder: Final = msgspec.json.Decoder(Ladder).decode
_decode_endpoint: Final = msgspec.json.Decoder(Endpoint).decode


def add(tx: Transaction, endpoint: Endpoint) -> Endpoint:
    """Keep an endpoint in place of what was known of the same device or the same address; return it as it is kept.

    An address that is told again keeps its id: a knock that is under way goes on. Of too many the oldest gives way.
    """
    known = tx.first(_by_url, {"url": endpoint.url, "agent": endpoint.agent})
    if known is not None:
        endpoint = replace(endpoint, id=known[0])
    if endpoint.kind is Kind.PUSH:
        row = {"the_url": endpoint.url, "the_agent": endpoint.agent, "the_device": endpoint.device}
        tx.change(_same_browser, row)
    else:
        tx.change(_same_robot, {"the_url": endpoint.url, "the_agent": endpoint.agent})
    names = ("id", "merchant", "agent", "kind", "device", "url", "session", "made_at")
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


def reachable(tx: Transaction, merchant: str, now: Millis, by_shop: bool) -> Mapping[str, Millis | None]:  # noqa: FBT001 - a unit's
    """Return a merchant's agents who have endpoints, with the instant at which each on duty was seen last.

    ``by_shop`` is whether the shop's own back end can ring everybody who is on duty.
    """
    row = {"merchant": merchant, "now": now}
    found = [*tx.all(_reachable, row), *(tx.all(_on_duty, row) if by_shop else ())]
    return {agent: seen_at for agent, seen_at in found}  # noqa: C416


def plan(tx: Transaction, pattern: Knock, where: Sequence[tuple[Endpoint, Millis]]) -> None:
    """Plan a knock at each endpoint, so long after a pattern's."""
    for endpoint, after in where:
        due = None if pattern.due is None else pattern.due + after
        planned = replace(pattern, id=new_id("knock"), endpoint=endpoint.id, rung=endpoint.rung, due=due)
        row = {"id": planned.id, "call": planned.call, "planned_at": planned.planned_at, "due": planned.due}
        tx.change(_plan, row | {"version": planned.version, "body": _encode(planned)})


def ladder(tx: Transaction, merchant: str) -> Ladder:
    """Return a merchant's ladder."""
    row = tx.first(_ladder, {"merchant": merchant})
    return Ladder() if row is None else _decode_ladder(row[0])


def set_ladder(tx: Transaction, merchant: str, ladder: Ladder) -> None:
    """Write a merchant's ladder."""
    tx.change(_set_ladder, {"merchant": merchant, "body": _encode(ladder)})


def next_due(tx: Transaction) -> Millis | None:
    """Return when the next knock is due."""
    row = tx.first(_next_due)
    return None if row is None else int(row[0])


def claim(tx: Transaction, now: Millis, most: int) -> list[Knock]:
    """Return knocks that are due, for the caller alone to send."""
    found = [_decode_knock(body) for (body,) in tx.all(_due, {"now": now, "most": most})]
    ours = [claimed(knock, now + CLAIMED) for knock in found]
    for before, after in zip(found, ours, strict=True):
        put(tx, before, after)
    return ours


def leave_in_peace(tx: Transaction, call: str, until: Millis) -> None:
    """Put off the knocks for a call that have not been tried yet: the first until then, the others by as much."""
    untried = [(knock, knock.due) for knock in of_call(tx, call) if knock.due is not None and knock.untried]
    later = until - min((due for _, due in untried), default=until)
    for knock, due in untried if later > 0 else ():
        put(tx, knock, replace(knock, due=due + later, version=knock.version + 1))


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
