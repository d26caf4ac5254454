"""PostgreSQL: many nodes, many writers, a pool of connections.

A unit of work is synchronous and the driver (asyncpg) is not: the unit runs in a greenlet, and each of its statements hands
the event loop back until the answer is there. No thread, no second driver, the same stores as on SQLite. Other units run in
between; what keeps them apart is the engine: compare-and-set, unique indexes and row locks. Where two meet, one is rolled
back whole and decided again (:class:`~kanhuo.kernel.errors.Stale`).

A node may freeze in the middle of a transaction and hold locks that others wait for. The engine is told to end a transaction
that stands idle for longer than ``FROZEN``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg
from asyncpg import exceptions as refusals
from sqlalchemy.util import await_only, greenlet_spawn

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.kernel.errors import Code, Refused, Stale
from kanhuo.shell.database import BACKLOG, Database, Parameters, Row, Statement, Transaction, Work

R = TypeVar("R")
T = TypeVar("T")
log = logging.getLogger(__name__)

FROZEN: Final[Millis] = 2 * SECOND
"""For how long a transaction may stand idle before the engine ends it and frees its locks."""

AWAY: Final[Millis] = 10 * SECOND
"""For how long a request waits for an engine that cannot be reached (a restart takes one to three seconds)."""

_RACES: Final = (
    refusals.UniqueViolationError,
    refusals.DeadlockDetectedError,
    refusals.SerializationError,
    refusals.LockNotAvailableError,
)
"""Somebody else was faster. The unit left no trace."""

_UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    refusals.InterfaceError,
    refusals.InternalClientError,  # the driver's word for a connection that was ended between two statements of a unit
    refusals.PostgresConnectionError,
    refusals.OperatorInterventionError,
    refusals.InsufficientResourcesError,
    refusals.IdleInTransactionSessionTimeoutError,
)
"""The engine is away, restarts, or has ended our connection."""

_SESSION: Final = {
    "application_name": "kanhuo",
    "idle_in_transaction_session_timeout": str(FROZEN),
    "lock_timeout": str(FROZEN),
    "statement_timeout": str(AWAY),
}


class PostgresTransaction(Transaction):
    """A transaction on a connection of asyncpg, seen from within a greenlet."""

    __slots__ = ("_connection",)
    far = True

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    def all(self, statement: Statement, parameters: Parameters | None = None) -> list[Row]:
        """Return every row."""
        text, values = statement.numbered(parameters)
        rows: list[Row] = await_only(self._connection.fetch(text, *values))
        return rows

    def first(self, statement: Statement, parameters: Parameters | None = None) -> Row | None:
        """Return the first row, or ``None``."""
        text, values = statement.numbered(parameters)
        row: Row | None = await_only(self._connection.fetchrow(text, *values))
        return row

    def change(self, statement: Statement, parameters: Parameters | None = None) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows it touched."""
        text, values = statement.numbered(parameters)
        status: str = await_only(self._connection.execute(text, *values))
        return int(status.rpartition(" ")[2])


class PostgresDatabase(Database):
    """A PostgreSQL database that several nodes work on."""

    shared = True

    def __init__(self, url: str, *, connections: int = 8, backlog: int = BACKLOG) -> None:
        self._url = url
        self._connections = Connections(url, connections)
        self._backlog = backlog
        self._waiting = 0
        self._open = False

    async def open(self) -> None:
        """Connect; wait a while for an engine that is still starting.

        Raises:
            Refused: ``overloaded`` where it cannot be reached.
        """
        self._open = True
        await self._reached(lambda: self._run(lambda _: None, "", ""))

    async def close(self) -> None:
        """Let units that were accepted finish, then close."""
        self._open = False
        await self._connections.close()

    async def _write(self, work: Work[R]) -> R:
        return await self._in_turn(work, "BEGIN", "COMMIT")

    async def _write_alone(self, work: Work[R]) -> R:
        return await self._in_turn(work)

    async def _read(self, work: Work[R]) -> R:
        return await self._in_turn(work)

    async def _snapshot(self, work: Work[R]) -> R:
        return await self._in_turn(work, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK")

    async def _in_turn(self, work: Work[R], begin: str = "", end: str = "") -> R:
        if not self._open:
            raise RuntimeError("the database is not open")
        if self._waiting >= self._backlog:
            raise Refused(Code.OVERLOADED, "too many requests wait for the database; try again in a moment")
        self._waiting += 1
        try:
            return await self._reached(lambda: self._run(work, begin, end))
        except _RACES as race:
            raise Stale(str(race)) from race
        finally:
            self._waiting -= 1

    async def _run(self, work: Work[R], begin: str, end: str) -> R:
        """Run a unit; one limit of time for all its statements costs less than one for each."""
        async with asyncio.timeout(AWAY / SECOND):
            connection = await self._connections.take()
            try:
                if begin:
                    await connection.execute(begin)
                result: R = await greenlet_spawn(work, PostgresTransaction(connection))
                if end:
                    await connection.execute(end)
            except BaseException:
                await self._connections.give_back_clean(connection)
                raise
            self._connections.give_back(connection)
            return result

    async def _reached(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do something on the engine; where it is away, wait for it to return.

        A unit whose COMMIT was lost on the way may be run twice. Units decide on what they find, so the second run finds
        it done.
        """
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + AWAY / SECOND, 0.05
        while True:
            try:
                return await attempt()
            except _UNREACHABLE as failure:
                if loop.time() + pause > until:
                    log.exception("the database cannot be reached")
                    raise Refused(Code.OVERLOADED, "the database cannot be reached; try again in a moment") from failure
                log.warning("the database cannot be reached (%s)", type(failure).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.5)


class Connections:
    """The connections of one node: made when needed, the one used last taken first.

    The driver's own pool wraps every connection anew for each use, which costs as much as a statement.
    """

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._most = most
        self._made = 0
        self._free: list[asyncpg.Connection[Any]] = []
        self._wanted: deque[asyncio.Future[None]] = deque()

    async def take(self) -> asyncpg.Connection[Any]:
        """Return a connection that nobody else uses; wait for one where all are in use.

        Raises:
            OSError: the engine cannot be reached; as the driver raises it.
        """
        while True:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
                self._made -= 1
            if self._made < self._most:
                self._made += 1
                try:
                    return await asyncpg.connect(
                        self._url, server_settings=_SESSION, statement_cache_size=512, timeout=AWAY / SECOND
                    )
                except BaseException:
                    self._lose_one()
                    raise
            await self._turn()

    def give_back(self, connection: asyncpg.Connection[Any]) -> None:
        """Let the next one use a connection."""
        self._free.append(connection)
        self._wake()

    async def give_back_clean(self, connection: asyncpg.Connection[Any]) -> None:
        """Roll back what a unit has begun; a connection on which even that fails is not used again."""
        try:
            if connection.is_in_transaction():
                async with asyncio.timeout(FROZEN / SECOND):
                    await connection.execute("ROLLBACK")
        except (*_UNREACHABLE, refusals.PostgresError, asyncio.CancelledError):
            connection.terminate()
        if connection.is_closed():
            self._lose_one()
        else:
            self.give_back(connection)

    async def close(self) -> None:
        """Wait a moment for those in use, then close all."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FROZEN / SECOND):
                while len(self._free) < self._made:
                    await self._turn()
        for connection in self._free:
            with contextlib.suppress(*_UNREACHABLE):
                await connection.close(timeout=FROZEN / SECOND)
        self._free.clear()
        self._made = 0

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.append(turn)
        await turn

    def _lose_one(self) -> None:
        self._made -= 1
        self._wake()

    def _wake(self) -> None:
        while self._wanted:
            turn = self._wanted.popleft()
            if not turn.done():
                turn.set_result(None)
                return
