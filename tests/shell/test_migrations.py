"""Revisions: on both engines, forward from every earlier one, while an old node still serves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import Connection, inspect

import kanhuo.shell.postgres
from kanhuo.cli import main
from kanhuo.shell.database import metadata
from kanhuo.shell.migrate import configuration, migrate, newest_revision, on_connection, present_revision
from tests.support import engines

REVISIONS = [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()][::-1]


def test_the_migrations_make_what_the_stores_declare(database_url: str) -> None:
    assert present_revision(database_url) is None
    migrate(database_url)
    migrate(database_url)
    assert present_revision(database_url) == newest_revision()
    differences = on_connection(database_url, lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    assert differences == []


@pytest.mark.parametrize("start", REVISIONS)
def test_forward_from_every_revision(database_url: str, start: str) -> None:
    migrate(database_url, start)
    assert present_revision(database_url) == start
    migrate(database_url)
    differences = on_connection(database_url, lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    assert differences == []


def columns(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    seen = inspect(connection)
    for table in seen.get_table_names():
        for column in seen.get_columns(table):
            yield f"{table}.{column['name']}", dict(column)


@pytest.mark.parametrize(("before", "after"), list(pairwise(REVISIONS)))
def test_an_old_node_still_serves(database_url: str, before: str, after: str) -> None:
    """Whatever it reads is there still, and what it writes is accepted without the columns that it does not know."""
    migrate(database_url, before)
    old = on_connection(database_url, lambda c: dict(columns(c)))
    migrate(database_url, after)
    new = on_connection(database_url, lambda c: dict(columns(c)))
    assert old.keys() <= new.keys()
    tables = {name.partition(".")[0] for name in old}
    for name in new.keys() - old.keys():
        if name.partition(".")[0] in tables:
            assert new[name]["nullable"] or new[name]["default"] is not None, name
    for name, column in old.items():
        assert new[name]["nullable"] == column["nullable"], name


def test_it_waits_for_an_engine_that_starts_again() -> None:
    with engines.postgres() as postgres, ThreadPoolExecutor(1) as apart:
        url = postgres.database()
        postgres.kill()
        migrating = apart.submit(migrate, url)
        postgres.start()
        migrating.result(20)
        assert present_revision(url) == newest_revision()


def test_where_the_engine_stays_away_the_command_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kanhuo.shell.postgres, "AWAY", 200)
    nowhere = f"postgresql://kanhuo@127.0.0.1:{engines.free_port()}/none"
    said = CliRunner().invoke(main, ["migrate"], env={"KANHUO_DATABASE": nowhere})
    assert said.exit_code == 1
    assert said.stderr.splitlines()[-1] == "Error: the database cannot be reached; try again in a moment"
