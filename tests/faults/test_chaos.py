"""Random schedules by seed: whatever people do and whatever fails, each call ends once. ``bench/run chaos`` plays 500."""

from __future__ import annotations

import pytest

from tests.support.chaos import drawn, play
from tests.support.estate import Estate

SEEDS = range(1, 21)


@pytest.mark.timeout(600)
async def test_whatever_happens_each_call_ends_once_and_no_agent_has_two(estate: Estate) -> None:
    for seed in SEEDS:
        await play(estate, drawn(seed))
    await estate.until(estate.quiet, 60)
    found = await estate.reckoning()
    assert found.faults == []
    assert found.calls >= len(SEEDS) * len(drawn(1).buyers)
