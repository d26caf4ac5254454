"""Calls as rows. Every write after the first is compare-and-set on the version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)

from kanhuo.calls.model import Call
from kanhuo.calls.terms import Outcome, RatingWhy, State
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import Stale
from kanhuo.shell.database import Row, Statement, Transaction, metadata

CALLS: Final = Table(
    "calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("merchant", String, nullable=False),
    Column("buyer", String, nullable=False),
    Column("key", String, nullable=False),
    Column("state", String, nullable=False),
    Column("agent", String),
    Column("asked_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("due", BigInteger),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("buyer", "key", name="one_call_for_each_key"),
)
"""``body`` is the whole call; the other columns are what is searched by."""

_IS_LIVE: Final = text("state <> 'ended'")
Index("one_live_call_for_a_buyer", CALLS.c.buyer, unique=True, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)
Index("one_live_call_for_an_agent", CALLS.c.agent, unique=True, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)
Index("calls_due", CALLS.c.due, sqlite_where=text("due IS NOT NULL"), postgresql_where=text("due IS NOT NULL"))
Index("calls_of_merchant", CALLS.c.merchant, CALLS.c.asked_at)
Index("live_calls_of_merchant", CALLS.c.merchant, CALLS.c.asked_at, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)

RATINGS: Final = Table(
    "ratings",
    metadata,
    Column("call", String, primary_key=True),
    Column("stars", Integer, nullable=False),
    Column("why", String),
    Column("at", BigInteger, nullable=False),
)

WRAP_UPS: Final = Table(
    "wrap_ups",
    metadata,
    Column("call", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("note", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A call in a merchant's list, with the buyer's verdict and the agent's note where they were given."""

    call: Call
    stars: int | None
    outcome: Outcome | None
    note: str | None


_live = CALLS.c.state != literal_column("'ended'")
"""As the partial indexes say it, to the letter: a bound value would not let SQLite use them."""

_insert = Statement(CALLS.insert().values({c.name: bindparam(c.name) for c in CALLS.c}))
_by_id = Statement(select(CALLS.c.body).where(CALLS.c.id == bindparam("id")))
_by_key = Statement(select(CALLS.c.body).where(CALLS.c.buyer == bindparam("buyer"), CALLS.c.key == bindparam("key")))
_put = Statement(
    update(CALLS)
    .where(CALLS.c.id == bindparam("the_id"), CALLS.c.version == bindparam("before"))
    .values({name: bindparam(name) for name in ("state", "agent", "ended_at", "due", "version", "body")})
)
_live_of_buyer = Statement(select(CALLS.c.body).where(CALLS.c.buyer == bindparam("buyer"), _live))
_live_of_agent = Statement(select(CALLS.c.body).where(CALLS.c.agent == bindparam("agent"), _live))
_waiting = Statement(
    select(CALLS.c.body)
    .where(CALLS.c.merchant == bindparam("merchant"), _live, CALLS.c.state == State.WAITING.value)
    .order_by(CALLS.c.asked_at, CALLS.c.id)
    .limit(bindparam("most"))
)
_ringing = Statement(
    select(CALLS.c.body).where(CALLS.c.merchant == bindparam("merchant"), _live, CALLS.c.state == State.RINGING.value)
)
_engaged = Statement(
    select(CALLS.c.agent).where(CALLS.c.merchant == bindparam("merchant"), _live, CALLS.c.agent.is_not(None))
)
_due = Statement(select(CALLS.c.id).where(CALLS.c.due <= bindparam("now")).order_by(CALLS.c.due).limit(500))
_all_live = Statement(select(CALLS.c.body).where(_live))
_unattended = Statement(select(CALLS.c.merchant).where(CALLS.c.state == State.WAITING.value, _live).distinct())
_listed = Statement(
    select(CALLS.c.body, RATINGS.c.stars, WRAP_UPS.c.outcome, WRAP_UPS.c.note)
    .select_from(
        CALLS.outerjoin(RATINGS, RATINGS.c.call == CALLS.c.id).outerjoin(WRAP_UPS, WRAP_UPS.c.call == CALLS.c.id)
    )
    .where(CALLS.c.merchant == bindparam("merchant"), CALLS.c.asked_at < bindparam("before"))
    .order_by(CALLS.c.asked_at.desc(), CALLS.c.id)
    .limit(bindparam("most"))
)
_talks = Statement(
    select(CALLS.c.body)
    .where(CALLS.c.merchant == bindparam("merchant"), CALLS.c.ended_at.is_not(None), CALLS.c.agent.is_not(None))
    .order_by(CALLS.c.asked_at.desc())
    .limit(20)
)
_rate = Statement(RATINGS.insert().values({c.name: bindparam(c.name) for c in RATINGS.c}))
_rated = Statement(select(func.count()).where(RATINGS.c.call == bindparam("call")))
_wrap = Statement(WRAP_UPS.insert().values({c.name: bindparam(c.name) for c in WRAP_UPS.c}))
_wrapped = Statement(select(func.count()).where(WRAP_UPS.c.call == bindparam("call")))

_decoder: Final = msgspec.json.Decoder(Call)
_encoder: Final = msgspec.json.Encoder()


def add(tx: Transaction, call: Call, key: str, due: Millis | None) -> None:
    """Write a new call. ``key`` is the buyer's own name for the request."""
    row = _columns(call, due)
    row |= {"id": call.id, "merchant": call.merchant, "buyer": call.buyer, "key": key, "asked_at": call.asked_at}
    tx.change(_insert, row)


def put(tx: Transaction, before: Call, after: Call, due: Millis | None) -> None:
    """Write a call over the version it was decided on.

    Raises:
        Stale: somebody else has changed it since.
    """
    row = _columns(after, due) | {"the_id": before.id, "before": before.version}
    if tx.change(_put, row) != 1:
        raise Stale(before.id)


def get(tx: Transaction, call: str) -> Call | None:
    """Return a call by its id."""
    return _one(tx.first(_by_id, {"id": call}))


def by_key(tx: Transaction, buyer: str, key: str) -> Call | None:
    """Return the call that a buyer's request made before."""
    return _one(tx.first(_by_key, {"buyer": buyer, "key": key}))


def live_of_buyer(tx: Transaction, buyer: str) -> Call | None:
    """Return the one call of this buyer that has not ended."""
    return _one(tx.first(_live_of_buyer, {"buyer": buyer}))


def live_of_agent(tx: Transaction, agent: str) -> Call | None:
    """Return the one call that rings or occupies this agent."""
    return _one(tx.first(_live_of_agent, {"agent": agent}))


def waiting(tx: Transaction, merchant: str, most: int) -> list[Call]:
    """Return the merchant's waiting calls, who came first being first."""
    return _many(tx.all(_waiting, {"merchant": merchant, "most": most}))


def ringing(tx: Transaction, merchant: str) -> list[Call]:
    """Return the merchant's calls for which somebody is being rung."""
    return _many(tx.all(_ringing, {"merchant": merchant}))


def engaged(tx: Transaction, merchant: str) -> frozenset[str]:
    """Return the merchant's agents who are being rung or are in a call."""
    return frozenset(agent for (agent,) in tx.all(_engaged, {"merchant": merchant}))


def due(tx: Transaction, now: Millis) -> list[str]:
    """Return the ids of calls whose state ends by itself at or before ``now``, longest overdue first, 500 at most."""
    return [call for (call,) in tx.all(_due, {"now": now})]


def live(tx: Transaction) -> list[Call]:
    """Return every call that has not ended."""
    return _many(tx.all(_all_live))


def merchants_with_waiting(tx: Transaction) -> list[str]:
    """Return the merchants for whom some call waits."""
    return [merchant for (merchant,) in tx.all(_unattended)]


def listed(tx: Transaction, merchant: str, before: Millis, most: int) -> list[Listed]:
    """Return a merchant's calls asked for before an instant, newest first."""
    rows = tx.all(_listed, {"merchant": merchant, "before": before, "most": most})
    return [Listed(_decoder.decode(body), stars, Outcome(o) if o else None, note) for body, stars, o, note in rows]


def usual_talk(tx: Transaction, merchant: str) -> Millis | None:
    """Return how long this merchant's last twenty talks took on average; ``None`` with fewer than three."""
    calls = _many(tx.all(_talks, {"merchant": merchant}))
    lengths = [c.ended_at - c.answered_at for c in calls if c.ended_at is not None and c.answered_at is not None]
    return sum(lengths) // len(lengths) if len(lengths) >= 3 else None


def rate(tx: Transaction, call: str, stars: int, why: RatingWhy | None, at: Millis) -> None:
    """Keep the buyer's verdict."""
    tx.change(_rate, {"call": call, "stars": stars, "why": why.value if why else None, "at": at})


def rated(tx: Transaction, call: str) -> bool:
    """Whether the buyer has given a verdict."""
    return bool((tx.first(_rated, {"call": call}) or (0,))[0])


def wrap_up(tx: Transaction, call: Call, outcome: Outcome, note: str, at: Millis) -> None:
    """Keep the agent's note."""
    row = {"call": call.id, "agent": call.agent, "outcome": outcome.value, "note": note, "at": at}
    tx.change(_wrap, row)


def wrapped(tx: Transaction, call: str) -> bool:
    """Whether the agent has written the wrap-up."""
    return bool((tx.first(_wrapped, {"call": call}) or (0,))[0])


def _columns(call: Call, due: Millis | None) -> dict[str, Any]:
    return {
        "state": call.state.value,
        "agent": call.agent,
        "ended_at": call.ended_at,
        "due": due,
        "version": call.version,
        "body": _encoder.encode(call),
    }


def _one(row: Row | None) -> Call | None:
    return None if row is None else _decoder.decode(row[0])


def _many(rows: Iterable[Row]) -> list[Call]:
    return [_decoder.decode(row[0]) for row in rows]
