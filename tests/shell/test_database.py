"""Units of work on both engines: whole or not at all, decided anew where somebody was faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.util import await_only

import kanhuo.app  # noqa: F401 - declares every table
from kanhuo.kernel.errors import Refused, Stale
from kanhuo.shell import journal
from kanhuo.shell.database import Database, Statement, Transaction
from kanhuo.shell.engines import database
from kanhuo.shell.journal import Position
from kanhuo.shell.migrate import migrate, on_connection
from kanhuo.shell.postgres import _SESSION, PostgresDatabase
from kanhuo.shell.sqlite import SqliteDatabase
from tests.support.engines import Postgres

PUT, ALL = Statement(text("INSERT INTO t VALUES (:n)")), Statement(text("SELECT n FROM t ORDER BY n"))


def run(url: str, *statements: str) -> None:
    on_connection(url, lambda connection: [connection.execute(text(statement)) for statement in statements])


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    run(database_url, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    opened = database(database_url)
    await opened.open()
    yield opened
    await opened.close()


def put(tx: Transaction, n: int) -> int:
    return tx.change(PUT, {"n": n})


def put_and_fail(tx: Transaction, n: int) -> None:
    put(tx, n)
    raise ValueError(n)


def change(tx: Transaction, statement: str) -> int:
    return tx.change(Statement(text(statement)))


def everything(tx: Transaction) -> list[int]:
    return [n for (n,) in tx.all(ALL)]


async def test_a_unit_that_fails_takes_nobody_with_it(db: Database) -> None:
    units = [db.write(put_and_fail if n % 3 == 0 else put, n) for n in range(30)]
    outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert [isinstance(o, ValueError) for o in outcomes] == [n % 3 == 0 for n in range(30)]
    assert await db.read(everything) == [n for n in range(30) if n % 3]


async def test_where_somebody_was_faster_it_is_decided_anew_three_times(db: Database) -> None:
    tries: list[list[int]] = []

    def late(tx: Transaction, n: int, until: int) -> str:
        put(tx, n)
        tries.append(everything(tx))
        if len(tries) < until:
            raise Stale("a row")
        return "done"

    assert await db.write(late, 7, 3) == "done"
    assert tries == [[7]] * 3, "each try begins from nothing"
    tries.clear()
    with pytest.raises(Refused, match="overloaded"):
        await db.write(late, 8, 99)
    assert tries == [[7, 8]] * 3


async def test_too_long_a_queue_is_refused_at_once(tmp_path: Path, postgres: Postgres) -> None:
    for opened in (SqliteDatabase(tmp_path / "t", backlog=64), PostgresDatabase(postgres.database(), backlog=64)):
        url = opened._url if isinstance(opened, PostgresDatabase) else f"sqlite:///{tmp_path / 't'}"
        run(url, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
        await opened.open()
        outcomes = await asyncio.gather(*(opened.write(put, n) for n in range(1_000)), return_exceptions=True)
        refused = [o for o in outcomes if isinstance(o, Refused)]
        assert refused
        assert all(o.code == "overloaded" for o in refused)
        assert len(await opened.read(everything)) == 1_000 - len(refused)
        await opened.close()


async def test_a_closed_database_says_so(db: Database) -> None:
    await db.close()
    with pytest.raises(RuntimeError, match="not open"):
        await db.write(put, 1)
    with pytest.raises(RuntimeError, match="not open"):
        await db.read(everything)


@pytest.mark.parametrize("url", ["mysql://here", "kanhuo.sqlite", ""])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        database(url)


# On PostgreSQL


@pytest.fixture
async def two(postgres: Postgres) -> AsyncIterator[tuple[Database, Database]]:
    url = postgres.database()
    run(url, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    both = PostgresDatabase(url), PostgresDatabase(url)
    for one in both:
        await one.open()
    yield both
    for one in both:
        await one.close()


async def test_of_two_nodes_that_write_the_same_row_the_later_decides_again(two: tuple[Database, Database]) -> None:
    def once(tx: Transaction, who: str) -> str:
        if 1 in everything(tx):
            return f"{who} found it"
        put(tx, 1)
        return f"{who} wrote it"

    for _ in range(20):
        outcomes = await asyncio.gather(*(db.write(once, name) for db, name in zip(two, "ab", strict=True)))
        assert sorted(outcome[2:] for outcome in outcomes) == ["found it", "wrote it"]
        await two[0].write(change, "DELETE FROM t")


async def test_a_transaction_that_stands_still_is_ended_and_its_locks_are_free(two: tuple[Database, Database]) -> None:
    """As a node that is frozen in the middle of one would leave it."""
    frozen, other = two
    assert isinstance(frozen, PostgresDatabase)
    held = await asyncpg.connect(frozen._url, server_settings=_SESSION)
    await held.execute("BEGIN; INSERT INTO t VALUES (1)")
    assert await other.write(put, 1) == 1
    held.terminate()


async def test_a_unit_whose_connection_is_ended_between_two_statements_is_run_again(
    two: tuple[Database, Database], postgres: Postgres
) -> None:
    ended: list[int] = []

    def unit(tx: Transaction, n: int) -> int:
        put(tx, n)
        ((mine,),) = tx.all(Statement(text("SELECT pg_backend_pid()")))
        if not ended:
            ended.append(mine)
            await_only(asyncio.to_thread(postgres.sql, f"SELECT pg_terminate_backend({mine})"))
        return put(tx, n + 1)

    assert await two[0].write(unit, 1) == 1
    assert await two[1].read(everything) == [1, 2]


async def test_a_restart_of_the_engine_is_waited_for(postgres: Postgres) -> None:
    url = postgres.database()
    run(url, "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    db = PostgresDatabase(url)
    await db.open()
    await db.write(put, 1)
    postgres.kill()
    writing = asyncio.gather(*(db.write(put, n) for n in range(2, 20)))
    await asyncio.to_thread(postgres.start)
    assert await writing == [1] * 18
    assert await db.read(everything) == list(range(1, 20))
    await db.close()


# The journal


@pytest.fixture
async def written(database_url: str) -> AsyncIterator[Database]:
    migrate(database_url)
    opened = database(database_url)
    await opened.open()
    for n in range(4):
        for chain in ("call_a", "call_b"):
            await opened.write(journal.append, chain, journal.Verdict(n, 0), n)
    yield opened
    await opened.close()


async def test_an_untouched_journal_verifies(written: Database) -> None:
    assert await written.snapshot(journal.verify) == journal.Verdict(8, 2)
    first = (await written.read(journal.lines_of, "call_a"))[0]
    assert journal.decode(first)["lines"] == 0


@pytest.mark.parametrize(
    ("forged", "named"),
    [
        ("UPDATE journal SET body = digest WHERE seq = 3", "line 3 (call_a #2)"),
        ("UPDATE journal SET at = 77 WHERE seq = 4", "line 4 (call_b #2)"),
        ("UPDATE journal SET kind = 'Accepted' WHERE seq = 5", "line 5 (call_a #3)"),
        ("UPDATE journal SET chain = 'call_c' WHERE seq = 3", "line 3 (call_c #2)"),
        ("DELETE FROM journal WHERE seq = 3", "line 5 (call_a #3)"),
        ("DELETE FROM journal WHERE seq = 7", "call_a #4"),
        ("DELETE FROM journal WHERE chain = 'call_b'", "call_b #1"),
        ("UPDATE journal SET digest = body WHERE seq = 8", "line 8 (call_b #4)"),
    ],
)
async def test_every_change_is_found_and_its_line_named(written: Database, forged: str, named: str) -> None:
    await written.write(change, forged)
    broken = (await written.snapshot(journal.verify)).broken
    assert broken is not None
    assert broken.startswith(named)


async def test_the_journal_is_followed_page_by_page(written: Database) -> None:
    seen, at = [], Position()
    while page := await written.read(journal.following, at, 3):
        seen += [line for _, line in page]
        at = page[-1][0]
    assert [line.seq for line in seen] == list(range(1, 9))


async def test_many_writers_of_one_chain_break_nothing(written: Database) -> None:
    url = written._url if isinstance(written, PostgresDatabase) else f"sqlite:///{written.path}"  # type: ignore[attr-defined]
    other = database(url)
    await other.open()
    await asyncio.gather(*(db.write(journal.append, f"call_{n % 3}", journal.Verdict(n, 0), n)
                           for n in range(60) for db in (written, other)))  # fmt: skip
    await other.close()
    assert await written.snapshot(journal.verify) == journal.Verdict(128, 5)


async def test_no_line_turns_up_behind_a_reader_who_has_passed(two: tuple[Database, Database]) -> None:
    """The first to write is the last to commit; a reader who came by in between misses nothing."""
    url = two[0]._url  # type: ignore[attr-defined]
    migrate(url)
    slow = await asyncpg.connect(url)
    await slow.execute(
        "BEGIN; INSERT INTO journal (chain, n, at, kind, body, digest) VALUES ('slow', 1, 1, 'x', '', '')"
    )
    await two[1].write(journal.append, "quick", journal.Verdict(1, 0), 1)
    page = await two[1].read(journal.following, Position(), 10)
    assert page == [], "the quick line is kept back until the slow one is there"
    await slow.execute("COMMIT")
    await slow.close()
    page = await two[1].read(journal.following, Position(), 10)
    assert [line.chain for _, line in page] == ["slow", "quick"]
