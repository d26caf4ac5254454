"""How long one waits."""

from __future__ import annotations

import itertools

import pytest

from kanhuo.calls.policy import FARTHEST, FEWEST_TALKS, Handling, Wait, wait_guess

MINUTE = 60_000


def guess(position: int, agents: int, talks: int = 20) -> Wait:
    said = wait_guess(position, agents, Handling(MINUTE, talks))
    assert said is not None
    return said


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert wait_guess(1, 1, None) is None
    assert wait_guess(1, 1, Handling(MINUTE, FEWEST_TALKS - 1)) is None
    assert wait_guess(1, 0, Handling(MINUTE, 20)) is None
    assert wait_guess(FARTHEST + 1, 1, Handling(MINUTE, 20)) is None


def test_the_range_is_the_f_distributions() -> None:
    """Quantiles of F with 2 and 40 degrees of freedom, 6 and 40: 0.1057, 0.7056, 2.4404; 0.3595, 0.9072, 1.9269 (tables)."""
    first = guess(1, 1)
    assert (first.least, first.usual, first.most) == pytest.approx((6_342, 42_336, 146_424), rel=2e-3)
    third = guess(3, 2)
    scale = 3 * MINUTE / 2
    assert (third.least / scale, third.usual / scale, third.most / scale) == pytest.approx(
        (0.3595, 0.9072, 1.9269), rel=2e-3
    )


def test_the_less_is_known_the_wider_it_is() -> None:
    few, many = guess(2, 1, FEWEST_TALKS), guess(2, 1, 20)
    assert few.least < many.least < many.usual < many.most < few.most


def test_farther_back_is_later_and_more_agents_are_sooner() -> None:
    places = [guess(position, 2) for position in range(1, 30)]
    assert all(
        before.least < after.least and before.usual < after.usual and before.most < after.most
        for before, after in itertools.pairwise(places)
    )
    assert guess(5, 3).usual < guess(5, 2).usual < guess(5, 1).usual
