"""Fixtures of every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import engines
from tests.support.house import TestHouse, house

# On a fresh machine the first text drawn builds a table of all characters, which takes seconds where two cores are busy:
# how long an example takes says nothing about the code here.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[TestHouse]:
    """A running server with two merchants and nobody on duty."""
    async with house(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres() -> Iterator[engines.Postgres]:
    """PostgreSQL, one for the whole session; tests ask it for a database of their own."""
    with engines.postgres() as started:
        yield started


@pytest.fixture(scope="session")
def one_redis() -> Iterator[engines.Redis]:
    """Redis, one for the whole session."""
    with engines.redis() as started:
        yield started


@pytest.fixture
def redis(one_redis: engines.Redis) -> engines.Redis:
    """Redis with nothing in it: what another test's nodes wrote, by another clock, is not this test's."""
    one_redis.empty()
    return one_redis


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kanhuo.sqlite'}"
    postgres: engines.Postgres = request.getfixturevalue("postgres")
    return postgres.database()
