"""Revisions: on both engines, forward from every earlier one, while an old node still serves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

import kanhuo.app  # noqa: F401 - declares every table
from kanhuo.shell.database import metadata
from kanhuo.shell.migrate import configuration, migrate, newest_revision, on_connection, present_revision

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
