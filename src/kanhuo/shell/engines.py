"""Which engines an installation runs on, by URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from kanhuo.shell.database import Database
from kanhuo.shell.postgres import PostgresDatabase
from kanhuo.shell.sqlite import SqliteDatabase


def database(url: str, *, connections: int = 8) -> Database:
    """Return the database of a URL, not yet open: ``sqlite:///path`` or ``postgresql://user@host/name``.

    Raises:
        ValueError: another kind of URL.
    """
    kind = urlsplit(url).scheme
    if kind == "sqlite":
        return SqliteDatabase(unquote(url.removeprefix("sqlite:///")))
    if kind in ("postgresql", "postgres"):
        return PostgresDatabase(url, connections=connections)
    raise ValueError(
        f"the database is given as sqlite:///path or postgresql://user@host/name, not as {kind or url}://…"
    )
