"""One writer, many units of work, one commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import kanhuo.app  # noqa: F401 - declares every table
from kanhuo.kernel.errors import Refused
from kanhuo.shell import journal
from kanhuo.shell.database import Database, Statement, Transaction, connect, metadata
from kanhuo.shell.migrate import migrate, present_revision

PUT, ALL = Statement(text("INSERT INTO t VALUES (:n)")), Statement(text("SELECT n FROM t ORDER BY n"))


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "t.sqlite"
    with connect(path) as made:
        made.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    made.close()
    opened = Database(path, backlog=64)
    await opened.open()
    yield opened
    await opened.close()


def put(tx: Transaction, n: int) -> int:
    return tx.change(PUT, {"n": n})


def put_and_fail(tx: Transaction, n: int) -> None:
    put(tx, n)
    raise ValueError(n)


async def test_a_unit_that_fails_takes_nobody_with_it(db: Database) -> None:
    units = [db.write(put_and_fail if n % 3 == 0 else put, n) for n in range(30)]
    outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert [isinstance(o, ValueError) for o in outcomes] == [n % 3 == 0 for n in range(30)]
    rows = await db.read(Transaction.all, ALL)
    assert [n for (n,) in rows] == [n for n in range(30) if n % 3]


async def test_too_long_a_queue_is_refused_at_once(db: Database) -> None:
    outcomes = await asyncio.gather(*(db.write(put, n) for n in range(2_000)), return_exceptions=True)
    refused = [o for o in outcomes if isinstance(o, Refused)]
    assert refused
    assert all(o.code == "overloaded" for o in refused)
    assert len(await db.read(Transaction.all, ALL)) == 2_000 - len(refused)


async def test_a_closed_database_says_so(db: Database) -> None:
    await db.close()
    with pytest.raises(RuntimeError, match="not open"):
        await db.write(put, 1)


def test_the_migrations_make_what_the_stores_declare(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    assert present_revision(path) is None
    migrate(path)
    migrate(path)
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.fixture
async def written(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "j.sqlite"
    migrate(path)
    opened = Database(path)
    await opened.open()
    for n in range(4):
        for chain in ("call_a", "call_b"):
            await opened.write(journal.append, chain, journal.Verdict(n, 0), n)
    yield opened
    await opened.close()


async def test_an_untouched_journal_verifies(written: Database) -> None:
    assert await written.read(journal.verify) == journal.Verdict(8, 2)
    first = (await written.read(journal.lines_of, "call_a"))[0]
    assert journal.decode(first)["lines"] == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE journal SET body = '{}' WHERE seq = 3", "line 3 (call_a #2)"),
        ("UPDATE journal SET at = 77 WHERE seq = 4", "line 4 (call_b #2)"),
        ("UPDATE journal SET kind = 'Accepted' WHERE seq = 5", "line 5 (call_a #3)"),
        ("UPDATE journal SET chain = 'call_b' WHERE seq = 1", "line 1 (call_b #1)"),
        ("DELETE FROM journal WHERE seq = 3", "line 5 (call_a #3)"),
        ("DELETE FROM journal WHERE seq = 7", "call_a #4"),
        ("DELETE FROM journal WHERE chain = 'call_b'", "call_b #1"),
        ("UPDATE journal SET digest = x'00' WHERE seq = 8", "line 8 (call_b #4)"),
    ],
)
async def test_every_change_is_found_and_its_line_named(written: Database, change: str, named: str) -> None:
    with connect(written.path) as thief:
        thief.execute(change)
    thief.close()
    broken = (await written.read(journal.verify)).broken
    assert broken is not None
    assert broken.startswith(named)
