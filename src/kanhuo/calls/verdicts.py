"""What is kept of a call beside the call itself: the buyer's verdict, the agent's note, and the list that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from kanhuo.calls.model import Call
from kanhuo.calls.policy import Handling
from kanhuo.calls.store import CALLS
from kanhuo.calls.terms import Outcome, RatingWhy
from kanhuo.kernel.clock import Millis
from kanhuo.shell import journal
from kanhuo.shell.database import Statement, Transaction, metadata, procedure

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
    select(CALLS.c.body, WRAP_UPS.c.at)
    .select_from(CALLS.outerjoin(WRAP_UPS, WRAP_UPS.c.call == CALLS.c.id))
    .where(CALLS.c.merchant == bindparam("merchant"), CALLS.c.ended_at.is_not(None), CALLS.c.agent.is_not(None))
    .order_by(CALLS.c.asked_at.desc())
    .limit(20)
)
_rate = Statement(RATINGS.insert().values({c.name: bindparam(c.name) for c in RATINGS.c}))
_rated = Statement(select(func.count()).where(RATINGS.c.call == bindparam("call")))
_wrap = Statement(insert(WRAP_UPS).values({c.name: bindparam(c.name) for c in WRAP_UPS.c}).on_conflict_do_nothing())
_wrap_there = Statement(
    select(
        procedure(
            "wrap_up_call",
            call=String,
            agent=String,
            outcome=String,
            note=String,
            at=BigInteger,
            kind=String,
            line=LargeBinary,
        )
    )
)
"""The same with its line of the journal, in one round trip."""

_decoder: Final = msgspec.json.Decoder(Call)


def listed(tx: Transaction, merchant: str, before: Millis, most: int) -> list[Listed]:
    """Return a merchant's calls asked for before an instant, newest first."""
    rows = tx.all(_listed, {"merchant": merchant, "before": before, "most": most})
    return [Listed(_decoder.decode(body), stars, Outcome(o) if o else None, note) for body, stars, o, note in rows]


def handling(tx: Transaction, merchant: str, wrap_up: Millis) -> Handling | None:
    """Return how long a merchant's agents were taken by each of its last talks: until the note, or as long as one may take."""
    talks = [(_decoder.decode(body), at) for body, at in tx.all(_talks, {"merchant": merchant})]
    lengths = [
        min(call.ended_at + wrap_up, at or call.ended_at + wrap_up) - call.answered_at
        for call, at in talks
        if call.answered_at is not None and call.ended_at is not None
    ]
    return Handling(sum(lengths) // len(lengths), len(lengths)) if lengths else None


def rate(tx: Transaction, call: str, stars: int, why: RatingWhy | None, at: Millis) -> None:
    """Keep the buyer's verdict."""
    tx.change(_rate, {"call": call, "stars": stars, "why": why.value if why else None, "at": at})


def rated(tx: Transaction, call: str) -> bool:
    """Whether the buyer has given a verdict."""
    return bool((tx.first(_rated, {"call": call}) or (0,))[0])


def wrap_up(tx: Transaction, call: Call, outcome: Outcome, note: str, at: Millis, event: object) -> None:
    """Keep the agent's note, and into the journal that she wrote it, unless there is one."""
    row = {"call": call.id, "agent": call.agent, "outcome": outcome.value, "note": note, "at": at}
    if tx.far:
        kind, line = journal.line_of(event)
        tx.first(_wrap_there, row | {"kind": kind, "line": line})
    elif tx.change(_wrap, row) == 1:
        journal.append(tx, call.id, event, at)
