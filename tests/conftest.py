"""Fixtures of every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
