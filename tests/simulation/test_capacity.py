"""The capacity model: it adds up, it grows where it should, and it agrees with what one node was measured to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.simulation import capacity
from kanhuo.simulation.capacity import Demand, alone, cell, nodes_for, plan
from kanhuo.simulation.costs import CHOSEN, MEASURED, MENDED

WHOLE = Demand()


@given(st.integers(200, 2_000_000), st.floats(0.0005, 0.007))
def test_no_engine_is_asked_for_more_than_its_share(agents: int, each: float) -> None:
    made = plan(Demand(agents=agents, calls=agents * each))
    assert made.shares["node cpu"] <= CHOSEN.node_share
    assert made.shares["node sockets"] <= 1
    assert made.shares["postgresql"] <= CHOSEN.pg_share
    assert made.shares["redis"] <= CHOSEN.redis_share
    assert made.nodes == made.cells * made.cell.nodes >= made.cells * 2


def test_a_shop_of_shops_fits_into_one_cell_and_a_marketplace_does_not() -> None:
    assert plan(WHOLE.part(1_000)).cells == 1
    assert plan(WHOLE).cells > 50


def test_what_is_met_first_is_a_core_then_the_database() -> None:
    small, large = alone(WHOLE.part(1_000)), alone(WHOLE)
    assert max(small, key=lambda name: small[name]) == "one node's core"
    assert max(large, key=lambda name: large[name]) == "one PostgreSQL"


def test_the_two_changes_save_more_than_a_third() -> None:
    assert plan(WHOLE, MENDED).nodes < plan(WHOLE, MEASURED).nodes * 2 / 3


def test_bytes_follow_from_calls() -> None:
    made, twice = plan(WHOLE.part(100)), plan(replace(WHOLE.part(100), calls=100))
    assert twice.figures["stored_per_day"] == pytest.approx(2 * made.figures["stored_per_day"])
    assert made.figures["relayed_media_bits_per_s"] == pytest.approx(50 * 0.85 * 90 * 0.2 * 1.2e6)
    assert made.figures["memory_per_node"] > MEASURED.node_memory
    assert replace(WHOLE, relayed=1.0).talks == WHOLE.talks


def test_one_node_agrees_with_the_bench() -> None:
    # 5000 agents on duty and nothing else: 0.8 % of a core, beside what a node costs by itself
    idle = cell(Demand(agents=5_000, calls=1e-9, logins=0), 1)
    assert idle.cores["idle pages"] == pytest.approx(0.008)
    # flat out, whole calls and nothing else: one core carries 1 / 6.1 ms
    busy = cell(Demand(agents=5_000, calls=1 / MEASURED.lifecycle_cpu), 1)
    assert busy.cores["calls"] == pytest.approx(1)


def test_where_nodes_only_make_work_their_number_ends() -> None:
    assert nodes_for(WHOLE) == capacity.MOST_NODES


def test_a_demand_that_nothing_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "MOST_CELLS", 3)
    with pytest.raises(ValueError, match="not even 3 cells"):
        plan(WHOLE)
