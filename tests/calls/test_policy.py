"""How long one waits."""

from __future__ import annotations

from kanhuo.calls.policy import wait_guess


def test_the_wait_is_told_only_where_it_is_known() -> None:
    assert wait_guess(2, 1, 60_000) == 120_000
    assert wait_guess(3, 2, 60_000) == 90_000
    assert wait_guess(1, 1, None) is None
    assert wait_guess(1, 0, 60_000) is None
