"""Brings a database to the present schema by Alembic's revisions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

REVISIONS: Final = Path(__file__).with_name("migrations")


def migrate(database: Path) -> None:
    """Bring the SQLite file to the newest revision; a new file is made. Running it again changes nothing."""
    config = configuration(database)
    if present_revision(database) != ScriptDirectory.from_config(config).get_current_head():
        command.upgrade(config, "head")


def present_revision(database: Path) -> str | None:
    """Return the revision a database is at; ``None`` for a new one."""
    engine = create_engine(f"sqlite:///{database}", poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def configuration(database: Path) -> Config:
    """Return Alembic's configuration for a SQLite file."""
    config = Config()
    config.set_main_option("script_location", str(REVISIONS))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{database}")
    return config
