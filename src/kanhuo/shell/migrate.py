"""Brings a database to the present schema by Alembic's revisions.

Several nodes may start at once; an advisory lock lets one of them do the work. Revisions *expand* first (what an old node
reads and writes stays as it is) and *contract* a release later, when no old node is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, create_engine, select, table, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from kanhuo.shell.database import Statement, Transaction
from kanhuo.shell.postgres import PostgresDatabase

T = TypeVar("T")
REVISIONS: Final = Path(__file__).with_name("migrations")

_LOCK: Final = text("SELECT pg_advisory_xact_lock(7306350)")
"""Any number does, as long as it is ours."""

_revision: Final = Statement(select(column("version_num")).select_from(table("alembic_version")))


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database to a revision, the newest if none is named. Running it again changes nothing.

    Raises:
        Refused: ``overloaded`` where the engine cannot be reached, not even after a while.
    """
    if not url.startswith("sqlite:"):
        _apart(_reached(url))
    on_connection(url, lambda connection: _upgrade(connection, revision))


def present_revision(url: str) -> str | None:
    """Return the revision a database is at; ``None`` for a new one."""
    return on_connection(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


def newest_revision() -> str | None:
    """Return the revision that this code needs."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


@cache
def known_revisions() -> tuple[str, ...]:
    """Return every revision that this code knows, the oldest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())[::-1]


def revision_of(tx: Transaction) -> str | None:
    """Return the revision of an open database."""
    row = tx.first(_revision)
    return None if row is None else str(row[0])


def configuration() -> Config:
    """Return Alembic's configuration."""
    config = Config()
    config.set_main_option("script_location", str(REVISIONS))
    return config


def on_connection(url: str, work: Callable[[Connection], T]) -> T:
    """Do something on one connection, in one transaction."""
    if url.startswith("sqlite:"):
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            return work(connection)
    return _apart(_on_postgres(url, work))


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """Run something in a loop of its own: the caller's may be running."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


async def _reached(url: str) -> None:
    """Wait a while for an engine that is still starting, or starts again."""
    database = PostgresDatabase(url, connections=1)
    await database.open()
    await database.close()


async def _on_postgres(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine("postgresql+asyncpg" + url[url.index("://") :], poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    present = MigrationContext.configure(connection).get_current_revision()
    if present == newest_revision() or (present is not None and present not in known_revisions()):
        return  # up to date, or of a newer version, under which an old node still serves
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
