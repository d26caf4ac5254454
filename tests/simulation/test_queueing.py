"""Closed forms, against figures from the tables of their authors and against each other."""

from __future__ import annotations

from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.simulation.queueing import Sizes, erlang_b, erlang_c, gathered, mean_wait, queue_share, sizes, waits_longer


def test_figures_of_the_tables() -> None:
    assert erlang_b(10, 5) == pytest.approx(0.0184, abs=1e-4)
    assert erlang_b(0, 5) == 1
    assert erlang_c(10, 8) == pytest.approx(0.4092, abs=1e-4)
    assert mean_wait(10, 8, 180) == pytest.approx(0.4092 * 180 / 2, rel=1e-3)


@given(st.floats(0.01, 0.99))
def test_one_agent_is_the_simplest_queue(load: float) -> None:
    assert erlang_c(1, load) == pytest.approx(load)
    assert queue_share(1, load) == pytest.approx(load**2)
    assert waits_longer(1, load, 1, 2) == pytest.approx(load * exp(-2 * (1 - load)))


@given(st.integers(1, 40), st.floats(0.1, 1.5))
def test_whoever_leaves_makes_queues_shorter(agents: int, share: float) -> None:
    patient, hasty = (queue_share(agents, agents * share, leaving) for leaving in (0.2, 2.0))
    assert hasty <= patient <= queue_share(agents, agents * share) + 1e-9
    # with one agent, as patient as her talks are long, the number present is Poisson
    assert queue_share(1, share, 1.0) == pytest.approx(1 - exp(-share) * (1 + share))


def test_too_much_work_makes_everybody_wait() -> None:
    assert erlang_c(3, 3) == waits_longer(3, 4, 1, 10) == queue_share(3, 3) == 1
    assert mean_wait(3, 3, 60) == inf


@given(st.integers(1, 60), st.floats(0.1, 0.95))
def test_together_people_serve_better(agents: int, share: float) -> None:
    assert erlang_c(2 * agents, 2 * agents * share) <= erlang_c(agents, agents * share)


def test_changes_gathered_in_beats() -> None:
    assert gathered(0.01, 1, 0.2) == pytest.approx(0.01, rel=0.01)  # rare ones are all told
    assert gathered(1_000, 3, 0.2) == pytest.approx(15)  # many: each source at every beat


def test_most_merchants_are_one_person() -> None:
    usual = sizes(2.2, 500)
    assert usual is sizes(2.2, 500)
    assert sum(usual.shares) == pytest.approx(1)
    assert usual.shares[0] > 0.6
    assert 2 < usual.mean < 4
    assert 0 < usual.queueing(0.3) < usual.queueing(0.6) < usual.queueing(1.2) == pytest.approx(1)
    assert Sizes(2.2, 1).mean == 1
