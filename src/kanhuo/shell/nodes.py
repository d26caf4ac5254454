"""Which nodes live, and one clock for all of them.

Every node writes its beat into the database. A node whose beat has not been seen for ``LEASE`` is dead to the others, who
take over what it carried; where it was only frozen it finds that out by itself, because every change is compare-and-set. A
node that could not reach the database judges nobody until it has seen the others for a while.

The clocks of machines differ by seconds, and a deadline must not depend on which of them looks at it: nodes go by the
database's clock, estimated with each beat (Cristian 1989).
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from sqlalchemy import BigInteger, Column, String, Table, bindparam, delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from kanhuo.kernel.clock import MINUTE, SECOND, Clock, Millis
from kanhuo.kernel.ids import new_secret
from kanhuo.shell.database import Database, Statement, Transaction, metadata

LEASE: Final[Millis] = 3 * SECOND // 2
"""For how long one beat counts."""

BEAT: Final[Millis] = SECOND * 2 // 5
"""How often a node beats."""

NODES: Final = Table(
    "nodes",
    metadata,
    Column("id", String, primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
)

_beat = Statement(
    insert(NODES)
    .values(id=bindparam("id"), beat_at=bindparam("beat_at"))
    .on_conflict_do_update(index_elements=[NODES.c.id], set_={"beat_at": bindparam("beat_at")})
)
_others = Statement(select(NODES.c.id, NODES.c.beat_at).where(NODES.c.id != bindparam("id")))
_forget = Statement(
    delete(NODES).where(NODES.c.id == bindparam("the_id"), NODES.c.beat_at <= bindparam("before", type_=BigInteger))
)
_resign = Statement(update(NODES).where(NODES.c.id == bindparam("the_id")).values(beat_at=0))
_time = Statement(select(literal_column("(extract(epoch from clock_timestamp()) * 1000)::bigint")))


class NodeClock:
    """The database's clock, as far as this node knows it; it goes on by itself between two looks."""

    def __init__(self) -> None:
        self._ahead: Millis = time.time_ns() // 1_000_000 - _ticks()
        self._seen: deque[tuple[Millis, Millis]] = deque(maxlen=16)

    def now(self) -> Millis:
        """Return the present instant in milliseconds since the Unix epoch."""
        return _ticks() + self._ahead

    def saw(self, theirs: Millis, asked: Millis, answered: Millis) -> None:
        """Note what the database's clock showed at some moment between two of our ticks.

        The look that took the shortest time is wrong by half of that at most; the last sixteen are compared.
        """
        self._seen.append((answered - asked, theirs - (asked + answered) // 2))
        self._ahead = min(self._seen)[1]


def _ticks() -> Millis:
    return time.monotonic_ns() // 1_000_000


class Nodes:
    """The nodes that work on one database, as one of them sees them."""

    def __init__(self, db: Database, clock: Clock, name: str) -> None:
        self.me = f"{name}.{new_secret()[:8]}"
        """This node, from this start to its end: one that comes back is another."""
        self.living: frozenset[str] = frozenset({self.me})
        self._db = db
        self._clock = clock
        self._beat_at: Millis = 0
        self._steady_since: Millis = 0
        self._died: dict[str, Millis] = {}

    def lately(self, within: Millis) -> frozenset[str]:
        """Return the nodes that live, or did so until a moment ago: their pages are looking for another node."""
        now = self._clock.now()
        return self.living | {node for node, at in self._died.items() if now - at < within}

    async def open(self) -> frozenset[str]:
        """Enter the list; return the nodes that have died and are still in it."""
        if self._db.shared and isinstance(self._clock, NodeClock):
            for _ in range(3):
                await self._look_at_the_clock(self._clock)
        return await self._look(judges=True)

    async def beat(self) -> frozenset[str]:
        """Say that we live, if it is time; return the nodes that have died and are still in the list."""
        now = self._clock.now()
        if not self._db.shared or now - self._beat_at < BEAT:
            return frozenset()
        if now - self._beat_at >= LEASE:
            self._steady_since = now  # we were frozen, or the database was away: others may not have been able to beat
        if isinstance(self._clock, NodeClock):
            await self._look_at_the_clock(self._clock)
        return await self._look(judges=now - self._steady_since >= LEASE)

    async def close(self) -> None:
        """Say that we live no more, so that whatever we still carry is taken over at once.

        We stay in the list until somebody has seen to that: the others, or whoever starts next.
        """
        await self._db.write(_end, self.me)

    async def forget(self, node: str) -> None:
        """Take a node out of the list, unless it has beaten again; whatever it carried has been taken over."""
        await self._db.write(_leave, node, self._clock.now() - LEASE)

    async def _look(self, *, judges: bool) -> frozenset[str]:
        now = self._clock.now()
        others = await self._db.write(_look, self.me, now)
        self._beat_at = now
        alone = not self._db.shared
        dead = frozenset(other for other, at in others if alone or now - at >= LEASE) if judges else frozenset()
        before, self.living = self.living, frozenset({self.me, *(other for other, _ in others)}) - dead
        gone = before - self.living  # dead, or taken out of the list already by another node that was faster
        self._died = {
            node: self._died.get(node, now)
            for node in dead | gone | {n for n, at in self._died.items() if now - at < MINUTE}
        }
        return dead

    async def _look_at_the_clock(self, clock: NodeClock) -> None:
        asked = _ticks()
        row = await self._db.read(_read_time)
        clock.saw(row, asked, _ticks())


def _look(tx: Transaction, me: str, now: Millis) -> list[tuple[str, Millis]]:
    tx.change(_beat, {"id": me, "beat_at": now})
    return [(other, at) for other, at in tx.all(_others, {"id": me})]


def _end(tx: Transaction, me: str) -> None:
    tx.change(_resign, {"the_id": me})


def _leave(tx: Transaction, node: str, before: Millis) -> None:
    tx.change(_forget, {"the_id": node, "before": before})


def _read_time(tx: Transaction) -> Millis:
    (theirs,) = tx.first(_time) or (0,)
    return int(theirs)
