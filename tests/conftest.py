"""Fixtures of every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.house import TestHouse, house


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[TestHouse]:
    """A running server with two merchants and nobody on duty."""
    async with house(tmp_path) as opened:
        yield opened
