"""SQLite: one file, one writer.

All writing units of work go to one thread, which takes as many as have gathered, runs each in a savepoint of its own and
commits them together: one disk sync serves the whole batch, and a unit that fails takes nobody with it. Nothing interleaves
in a unit.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from kanhuo.kernel.errors import Code, Refused
from kanhuo.shell.database import BACKLOG, Database, Parameters, Row, Statement, Transaction, Work

R = TypeVar("R")

BATCH: Final = 256
"""The most units of work that share one commit."""


class SqliteTransaction(Transaction):
    """A transaction on SQLite's own driver."""

    __slots__ = ("_connection",)
    far = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, statement: Statement, parameters: Parameters | None = None) -> list[Row]:
        """Return every row."""
        return self._connection.execute(*statement.named(parameters)).fetchall()

    def first(self, statement: Statement, parameters: Parameters | None = None) -> Row | None:
        """Return the first row, or ``None``."""
        row: Row | None = self._connection.execute(*statement.named(parameters)).fetchone()
        return row

    def change(self, statement: Statement, parameters: Parameters | None = None) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows it touched."""
        return self._connection.execute(*statement.named(parameters)).rowcount


@dataclass(slots=True)
class _Unit:
    """A unit of work on its way through the writer thread."""

    work: Work[Any]
    answer: asyncio.Future[Any]
    result: Any = None
    failure: BaseException | None = None


def connect(path: Path | str, *, readonly: bool = False) -> sqlite3.Connection:
    """Open a SQLite file the way kanhuo wants it: WAL, every commit synced, foreign keys on, no implicit transactions."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 10000")
    if readonly:
        connection.execute("PRAGMA query_only = ON")
    return connection


class SqliteDatabase(Database):
    """One SQLite file: a writer thread with group commit and a reader thread beside it."""

    def __init__(self, path: Path | str, *, backlog: int = BACKLOG) -> None:
        self.path = path
        self._backlog = backlog
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="kanhuo-reader")
        self._reading: sqlite3.Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Start both threads. The schema must exist already (``kanhuo migrate``)."""
        self._loop = asyncio.get_running_loop()
        writing = connect(self.path)
        self._reading = connect(self.path, readonly=True)
        self._writer = threading.Thread(target=self._write_for_ever, args=(writing,), name="kanhuo-writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Finish what was accepted, then close."""
        if self._writer is not None:
            self._units.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        self._readers.shutdown(wait=True)
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    async def _write(self, work: Work[R]) -> R:
        if self._loop is None or self._writer is None:
            raise RuntimeError("the database is not open")
        if self._units.qsize() >= self._backlog:
            raise Refused(Code.OVERLOADED, "too many requests wait for the database; try again in a moment")
        answer: asyncio.Future[R] = self._loop.create_future()
        self._units.put(_Unit(work, answer))
        return await answer

    async def _read(self, work: Work[R]) -> R:
        if self._loop is None or self._reading is None:
            raise RuntimeError("the database is not open")
        return await self._loop.run_in_executor(self._readers, self._look, self._reading, work)

    async def _snapshot(self, work: Work[R]) -> R:
        return await self._read(work)  # a read is one snapshot here anyway

    def _look(self, connection: sqlite3.Connection, work: Work[R]) -> R:
        connection.execute("BEGIN")
        try:
            return work(SqliteTransaction(connection))
        finally:
            connection.execute("ROLLBACK")

    def _write_for_ever(self, connection: sqlite3.Connection) -> None:
        last = False
        while not last:
            batch: list[_Unit] = []
            unit = self._units.get()
            while unit is not None:
                batch.append(unit)
                if len(batch) == BATCH or self._units.empty():
                    break
                unit = self._units.get()
            last = unit is None
            if batch:
                _commit(connection, batch)
                self._deliver(batch)
        connection.close()

    def _deliver(self, batch: list[_Unit]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(_answer, batch)


def _commit(connection: sqlite3.Connection, batch: list[_Unit]) -> None:
    """Run the batch in one transaction. If the commit itself fails, every unit of the batch fails with it."""
    transaction = SqliteTransaction(connection)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for unit in batch:
            _run(connection, transaction, unit)
        connection.execute("COMMIT")
    except sqlite3.Error as failure:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for unit in batch:
            unit.failure = failure


def _run(connection: sqlite3.Connection, transaction: SqliteTransaction, unit: _Unit) -> None:
    connection.execute("SAVEPOINT unit")
    try:
        unit.result = unit.work(transaction)
    except Exception as failure:
        connection.execute("ROLLBACK TO unit")
        unit.failure = failure
    connection.execute("RELEASE unit")


def _answer(batch: list[_Unit]) -> None:
    for unit in batch:
        if unit.answer.done():
            continue
        if unit.failure is not None:
            unit.answer.set_exception(unit.failure)
        else:
            unit.answer.set_result(unit.result)
