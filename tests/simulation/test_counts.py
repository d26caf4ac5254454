"""The unit costs of the capacity model are those of the code as it is: whoever makes a call cost more is told here."""

from __future__ import annotations

import pytest

from kanhuo.simulation.costs import MEASURED
from tests.simulation.counts import counted, everything_as_it_was
from tests.support import engines


@pytest.mark.timeout(180)
async def test_a_call_costs_what_the_model_says(postgres: engines.Postgres, redis: engines.Redis) -> None:
    with everything_as_it_was():
        seen = await counted(postgres, redis)
    desks_and_outlooks = 3.0  # of calls that last an instant, where most fall into one beat
    assert seen["transactions"] == pytest.approx(MEASURED.lifecycle_transactions, rel=0.25)
    assert seen["wal"] == pytest.approx(MEASURED.lifecycle_wal, rel=0.35)
    assert seen["stored"] <= 1.6 * MEASURED.lifecycle_stored  # tables grow by whole pages
    assert seen["publishes"] - desks_and_outlooks == pytest.approx(MEASURED.lifecycle_publishes, rel=0.15)
    assert seen["roster"] == pytest.approx(MEASURED.lifecycle_roster, rel=0.25)
    assert seen["redis_in"] / (seen["publishes"] + seen["roster"]) <= MEASURED.frame_bytes
    assert seen["bytes_out"] == pytest.approx(MEASURED.lifecycle_bytes_out, rel=0.25)
    assert seen["idle_transactions"] == pytest.approx(MEASURED.node_transactions, rel=0.35)
