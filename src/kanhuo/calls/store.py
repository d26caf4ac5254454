"""Calls as rows. Every write after the first is compare-and-set on the version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    union,
    union_all,
    update,
)

from kanhuo.calls.model import Call
from kanhuo.calls.terms import Side, State
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import Stale
from kanhuo.shell import journal
from kanhuo.shell.database import Row, Statement, Transaction, metadata, procedure

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
    Column("buyer_at", String),
    Column("agent_at", String),
    UniqueConstraint("buyer", "key", name="one_call_for_each_key"),
)
"""``body`` is the whole call; the other columns are what is searched by. ``buyer_at`` and ``agent_at`` are the nodes whose
sockets carry the two sides."""

_IS_LIVE: Final = text("state <> 'ended'")
Index("one_live_call_for_a_buyer", CALLS.c.buyer, unique=True, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)
Index("one_live_call_for_an_agent", CALLS.c.agent, unique=True, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)
Index("calls_due", CALLS.c.due, sqlite_where=text("due IS NOT NULL"), postgresql_where=text("due IS NOT NULL"))
Index("calls_of_merchant", CALLS.c.merchant, CALLS.c.asked_at)
Index("live_calls_of_merchant", CALLS.c.merchant, CALLS.c.asked_at, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)

AT_ONCE: Final = 64
"""How many waiting calls of one merchant are looked at together; the rest wait behind them anyway."""


@dataclass(frozen=True, slots=True)
class Line:
    """Who waits for a merchant, first come first, for whom somebody rings, and which agents are rung or in a call."""

    waiting: tuple[Call, ...]
    ringing: tuple[Call, ...]
    engaged: frozenset[str]

    def free(self, on_duty: Iterable[tuple[str, Millis]], resting: frozenset[str]) -> frozenset[str]:
        """Return who of the agents on duty would be rung at once."""
        return frozenset(agent for agent, _ in on_duty) - resting - self.engaged


@dataclass(frozen=True, slots=True)
class Begun:
    """What came of a buyer's asking: the new call's merchant's line where it was begun, or why it was not."""

    line: Line | None = None
    known: Call | None = None
    """What the same request made before."""
    live: Call | None = None
    """Another call of hers that has not ended."""


_live = CALLS.c.state != literal_column("'ended'")
"""As the partial indexes say it, to the letter: a bound value would not let SQLite use them."""

_insert = Statement(CALLS.insert().values({c.name: bindparam(c.name) for c in CALLS.c if c.name != "agent_at"}))
_by_id = Statement(select(CALLS.c.body).where(CALLS.c.id == bindparam("id")))
_put = Statement(
    update(CALLS)
    .where(CALLS.c.id == bindparam("the_id"), CALLS.c.version == bindparam("before"))
    .values(
        {name: bindparam(name) for name in ("state", "agent", "ended_at", "due", "version", "body")}
        | {"agent_at": func.coalesce(bindparam("at", type_=String), CALLS.c.agent_at)}
    )
)
_put_there = Statement(
    select(
        procedure(
            "put_call",
            the_id=String,
            before=Integer,
            state=String,
            agent=String,
            ended_at=BigInteger,
            due=BigInteger,
            body=LargeBinary,
            node=String,
            at=BigInteger,
            kind=String,
            line=LargeBinary,
        )
    )
)
"""The same with its line of the journal in one round trip, by a procedure that PostgreSQL keeps."""

_of_request = Statement(
    union_all(
        select(CALLS.c.key, CALLS.c.body).where(CALLS.c.buyer == bindparam("buyer"), CALLS.c.key == bindparam("key")),
        select(CALLS.c.key, CALLS.c.body).where(CALLS.c.buyer == bindparam("buyer"), _live),
    )
)
_asked = procedure(
    "ask_call",
    id=String,
    merchant=String,
    buyer=String,
    key=String,
    state=String,
    due=BigInteger,
    body=LargeBinary,
    buyer_at=String,
    asked_at=BigInteger,
    kind=String,
    line=LargeBinary,
    most=Integer,
).table_valued("a_key", "an_agent", "a_body")
_ask_there = Statement(select(_asked.c.a_key, _asked.c.an_agent, _asked.c.a_body))
"""Looking for what the buyer asked for before, a new call with its line of the journal, and the merchant's line, in one round
trip: requests have a key."""

_live_of_buyer = Statement(select(CALLS.c.body).where(CALLS.c.buyer == bindparam("buyer"), _live))
_live_of_agent = Statement(select(CALLS.c.body).where(CALLS.c.agent == bindparam("agent"), _live))
_first_in_line = (
    select(CALLS.c.agent, CALLS.c.body)
    .where(CALLS.c.merchant == bindparam("merchant"), _live, CALLS.c.state == literal_column("'waiting'"))
    .order_by(CALLS.c.asked_at, CALLS.c.id)
    .limit(bindparam("most"))
    .subquery()
)
_line = Statement(
    union_all(
        select(_first_in_line.c.agent, _first_in_line.c.body),
        select(CALLS.c.agent, case((CALLS.c.state == literal_column("'ringing'"), CALLS.c.body))).where(
            CALLS.c.merchant == bindparam("merchant"), _live, CALLS.c.agent.is_not(None)
        ),
    )
)
"""Who waits, oldest first, then who is taken up; with the call where somebody is being rung."""

_due = Statement(
    select(CALLS.c.id, CALLS.c.merchant).where(CALLS.c.due <= bindparam("now")).order_by(CALLS.c.due).limit(500)
)
_if_due = Statement(
    select(CALLS.c.body)
    .where(CALLS.c.id == bindparam("id"), CALLS.c.due <= bindparam("now"))
    .with_for_update(skip_locked=True)
)
_at = {Side.BUYER: CALLS.c.buyer_at, Side.AGENT: CALLS.c.agent_at}
_carrier = {side: Statement(select(column).where(CALLS.c.id == bindparam("id"))) for side, column in _at.items()}
_carry = {
    side: Statement(update(CALLS).where(CALLS.c.id == bindparam("the_id")).values({column.name: bindparam("node")}))
    for side, column in _at.items()
}
_hand_over = {
    side: Statement(
        update(CALLS)
        .where(CALLS.c.id == bindparam("the_id"), column == bindparam("before"))
        .values({column.name: bindparam("node")})
    )
    for side, column in _at.items()
}
_carried = Statement(
    select(CALLS.c.body, CALLS.c.buyer_at, CALLS.c.agent_at)
    .where(_live, or_(*(column == bindparam("node") for column in _at.values())))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_carries = Statement(
    select(CALLS.c.id).where(_live, or_(*(column == bindparam("node") for column in _at.values()))).limit(1)
)
_absent = Statement(select(CALLS.c.body).where(_live).order_by(CALLS.c.id))
_parties = any_(bindparam("parties", type_=ARRAY(String)))
_of_parties = Statement(
    union(
        select(CALLS.c.body).where(_live, CALLS.c.buyer == _parties),
        select(CALLS.c.body).where(_live, CALLS.c.agent == _parties),
    )
)
"""For PostgreSQL, which knows arrays."""

_of_party = Statement(
    select(CALLS.c.body).where(_live, or_(CALLS.c.buyer == bindparam("party"), CALLS.c.agent == bindparam("party")))
)
_unattended = Statement(select(CALLS.c.merchant).where(CALLS.c.state == State.WAITING.value, _live).distinct())
_decoder: Final = msgspec.json.Decoder(Call)
_encoder: Final = msgspec.json.Encoder()


def begin(tx: Transaction, call: Call, key: str, due: Millis | None, node: str, event: object) -> Begun:
    """Write a new call and into the journal that it was asked for, unless the buyer has asked before or is in a call.

    ``key`` is the buyer's own name for the request, ``node`` the one that carries her side.
    """
    row = _columns(call, due) | {"buyer_at": node}
    row |= {"id": call.id, "merchant": call.merchant, "buyer": call.buyer, "key": key, "asked_at": call.asked_at}
    if tx.far:
        kind, written = journal.line_of(event)
        rows = tx.all(_ask_there, row | {"kind": kind, "line": written, "most": AT_ONCE})
        requests = [(other, body) for other, _, body in rows if other is not None]
        line_of = [(agent, body) for other, agent, body in rows if other is None]
        return _before(requests, key) if requests else Begun(_line_of(line_of))
    requests = [(other, body) for other, body in tx.all(_of_request, {"buyer": call.buyer, "key": key})]
    if requests:
        return _before(requests, key)
    tx.change(_insert, row)
    journal.append(tx, call.id, event, call.asked_at)
    return Begun(line(tx, call.merchant))


def _before(requests: list[tuple[str, bytes]], key: str) -> Begun:
    calls = [(other, _decoder.decode(body)) for other, body in requests]
    known = next((call for other, call in calls if other == key), None)
    return Begun(known=known, live=next((call for _, call in calls if call.state is not State.ENDED), None))


def put(tx: Transaction, before: Call, after: Call, due: Millis | None, agent_at: str | None = None) -> None:
    """Write a call over the version it was decided on; with the node that carries the agent's side from now on.

    Raises:
        Stale: somebody else has changed it since.
    """
    row = _columns(after, due) | {"the_id": before.id, "before": before.version, "at": agent_at}
    if tx.change(_put, row) != 1:
        raise Stale(before.id)


def happened(
    tx: Transaction, before: Call, after: Call, due: Millis | None, event: object, at: Millis, agent_at: str | None
) -> None:
    """Write a call over the version it was decided on, and into the journal what has happened to it.

    Raises:
        Stale: somebody else has changed it since.
    """
    if not tx.far:
        put(tx, before, after, due, agent_at)
        journal.append(tx, after.id, event, at)
        return
    row = _columns(after, due) | {"the_id": before.id, "before": before.version, "node": agent_at, "at": at}
    kind, line = journal.line_of(event)
    if tx.first(_put_there, row | {"kind": kind, "line": line}) != (True,):
        raise Stale(before.id)


def get(tx: Transaction, call: str) -> Call | None:
    """Return a call by its id."""
    return _one(tx.first(_by_id, {"id": call}))


def live_of_buyer(tx: Transaction, buyer: str) -> Call | None:
    """Return the one call of this buyer that has not ended."""
    return _one(tx.first(_live_of_buyer, {"buyer": buyer}))


def live_of_agent(tx: Transaction, agent: str) -> Call | None:
    """Return the one call that rings or occupies this agent."""
    return _one(tx.first(_live_of_agent, {"agent": agent}))


def line(tx: Transaction, merchant: str) -> Line:
    """Return who waits for a merchant, and who of its people is taken up."""
    return _line_of(tx.all(_line, {"merchant": merchant, "most": AT_ONCE}))


def _line_of(rows: Iterable[Row]) -> Line:
    rows = list(rows)
    return Line(
        waiting=tuple(_decoder.decode(body) for agent, body in rows if agent is None),
        ringing=tuple(_decoder.decode(body) for agent, body in rows if agent is not None and body is not None),
        engaged=frozenset(agent for agent, _ in rows if agent is not None),
    )


def due(tx: Transaction, now: Millis) -> list[tuple[str, str]]:
    """Return calls, with their merchants, that end their state by themselves by now: 500 at most, longest overdue first."""
    return [(call, merchant) for call, merchant in tx.all(_due, {"now": now})]


def if_due(tx: Transaction, call: str, now: Millis) -> Call | None:
    """Return a call if it is due and nobody else is at it: what this transaction holds, another node passes over."""
    return _one(tx.first(_if_due, {"id": call, "now": now}))


def carrier(tx: Transaction, call: str, side: Side) -> str | None:
    """Return the node that carries one side of a call."""
    row = tx.first(_carrier[side], {"id": call})
    return None if row is None else row[0]


def carry(tx: Transaction, call: str, side: Side, node: str | None) -> None:
    """Note which node carries one side of a call."""
    tx.change(_carry[side], {"the_id": call, "node": node})


def hand_over(tx: Transaction, call: str, side: Side, before: str, after: str) -> None:
    """Note that another node carries one side of a call from now on, if this one still does."""
    tx.change(_hand_over[side], {"the_id": call, "before": before, "node": after})


def carried(tx: Transaction, node: str, most: int) -> list[tuple[Call, tuple[Side, ...]]]:
    """Return calls that go on with the sides that a node carries, unless somebody else is at them."""
    rows = tx.all(_carried, {"node": node, "most": most})
    return [
        (_decoder.decode(body), tuple(side for side, at in zip(Side, places, strict=True) if at == node))
        for body, *places in rows
    ]


def carries(tx: Transaction, node: str) -> bool:
    """Whether a node carries a side of any call that goes on."""
    return tx.first(_carries, {"node": node}) is not None


def absent(tx: Transaction) -> list[Call]:
    """Return the calls that go on without one of their sides."""
    return [call for call in _many(tx.all(_absent)) if call.missing]


def of_parties(tx: Transaction, parties: list[str]) -> list[Call]:
    """Return the calls that these parties are in, or wait for, now."""
    if tx.far:
        return _many(tx.all(_of_parties, {"parties": parties}))
    return [call for party in parties for call in _many(tx.all(_of_party, {"party": party}))]


def merchants_with_waiting(tx: Transaction) -> list[str]:
    """Return the merchants for whom some call waits."""
    return [merchant for (merchant,) in tx.all(_unattended)]


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
