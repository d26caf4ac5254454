"""Three nodes on engines of their own, with everything that may go wrong under them. Real processes; run by ``scripts/test``."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from kanhuo.shell import journal
from kanhuo.shell.database import Database, Statement, Transaction
from kanhuo.shell.engines import database as database_of
from tests.support import engines
from tests.support.house import KEY
from tests.support.process import Node
from tests.support.roaming import Crowd, open_shop

COUNT: Final = 3
CLOCKS: Final = ("", "+5s", "-5s")
"""What the nodes' own clocks show beside the database's."""

_living = Statement(text("SELECT count(*) FROM calls WHERE state <> 'ended'"))
_lines = Statement(text("SELECT chain, kind, body FROM journal WHERE chain LIKE 'call_%' ORDER BY seq"))
_calls = Statement(text("SELECT id, body FROM calls"))


@dataclass(frozen=True)
class Ground:
    """What nodes stand on."""

    postgres: engines.Postgres
    redis: engines.FarRedis


@contextmanager
def ground() -> Iterator[Ground]:
    """Run both engines for as long as the block lasts."""
    with engines.postgres() as postgres, engines.far_redis(COUNT) as redis:
        yield Ground(postgres, redis)


class Estate:
    """The nodes, and the people who are connected to them."""

    def __init__(self, folder: Path, ground: Ground) -> None:
        self.postgres, self.redis = ground.postgres, ground.redis
        self.url = self.postgres.database()
        self.nodes = [
            Node(
                folder,
                f"node{n}",
                clock=CLOCKS[n],
                database=self.url,
                bus=self.redis.url_of(n),
                pass_key=KEY,
                drain="0",
            )
            for n in range(COUNT)
        ]
        self.crowd = Crowd([node.url for node in self.nodes])
        self.db: Database = database_of(self.url)

    async def until(self, holds: Callable[[], Awaitable[bool]], within: float) -> float:
        """Wait until something holds; return the seconds it took."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(within):
            while not await holds():
                pass  # each look is a journey to the database
        return asyncio.get_running_loop().time() - began

    async def quiet(self) -> bool:
        """Whether no call goes on."""
        return await self.db.read(_count_living) == 0

    async def has(self, kind: str) -> bool:
        """Whether something of a kind has happened to any call."""
        return any(line[1] == kind for line in await self.db.read(_all_lines))

    async def reckoning(self) -> Reckoning:
        """Return what has come of all the calls so far."""
        verdict = await self.db.snapshot(journal.verify)
        return Reckoning(verdict, await self.db.read(_all_lines), await self.db.read(_all_calls))


class Reckoning:
    """The calls and their journal, held against each other."""

    def __init__(self, verdict: journal.Verdict, lines: list[tuple[Any, ...]], calls: list[tuple[Any, ...]]) -> None:
        self._verdict = verdict
        self._lines = lines
        self._calls = calls

    @property
    def calls(self) -> int:
        return len(self._calls)

    @property
    def reasons(self) -> Counter[str]:
        """Why calls ended."""
        return Counter(str(reason) for _, reason, _ in self._calls)

    @property
    def faults(self) -> list[str]:
        """What is not as it has to be, once no call goes on; each with the call that shows it."""
        found = [] if self._verdict.broken is None else [f"the chain breaks at {self._verdict.broken}"]
        asked = Counter(chain for chain, kind, _ in self._lines if kind == "Asked")
        ended = Counter(chain for chain, kind, _ in self._lines if kind == "Ended")
        why = {chain: json.loads(body)["reason"] for chain, kind, body in self._lines if kind == "Ended"}
        for call, reason, buyer in self._calls:
            if (asked[call], ended[call]) != (1, 1):
                found.append(f"{call} of {buyer}: asked for {asked[call]} times, ended {ended[call]} times")
            elif why[call] != reason:
                found.append(f"{call} of {buyer}: ended by {reason}, says the journal {why[call]}")
        if asked.keys() != {call for call, *_ in self._calls}:
            found.append("the journal knows of other calls than there are")
        return found + self._doubly_engaged()

    def _doubly_engaged(self) -> list[str]:
        found, engaged = [], dict[str, str]()
        for chain, kind, body in self._lines:
            if kind == "Offered":
                agent = json.loads(body)["agent"]
                if agent in engaged:
                    found.append(f"{agent} was rung for {chain} while {engaged[agent]} had her")
                engaged[agent] = chain
            elif kind in ("Declined", "RingExpired", "RingWithdrawn", "Ended"):
                engaged = {agent: call for agent, call in engaged.items() if call != chain}
        return found


def _count_living(tx: Transaction) -> int:
    return int((tx.first(_living) or (0,))[0])


def _all_lines(tx: Transaction) -> list[tuple[Any, ...]]:
    return tx.all(_lines)


def _all_calls(tx: Transaction) -> list[tuple[Any, ...]]:
    return [(call, *(json.loads(body)[name] for name in ("reason", "buyer"))) for call, body in tx.all(_calls)]


@asynccontextmanager
async def estate(folder: Path, ground: Ground) -> AsyncIterator[Estate]:
    """Run three nodes for as long as the block lasts."""
    opened = Estate(folder, ground)
    await open_shop(folder / "shop", opened.url)
    await opened.db.open()
    await asyncio.gather(*(node.start() for node in opened.nodes))
    try:
        yield opened
    finally:
        await opened.crowd.end()
        for node in opened.nodes:
            node.signal(signal.SIGCONT)
            node.kill()
        await opened.db.close()
