"""What the faults happen to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.estate import Estate, Ground, estate, ground


@pytest.fixture(scope="package")
def under() -> Iterator[Ground]:
    with ground() as opened:
        yield opened


@pytest.fixture(name="estate")
async def three_nodes(tmp_path: Path, under: Ground) -> AsyncIterator[Estate]:
    async with estate(tmp_path, under) as opened:
        yield opened
