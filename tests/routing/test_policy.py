"""Longest idle first."""

from __future__ import annotations

from kanhuo.routing.policy import anyone_left, choose


def test_the_longest_idle_is_rung_first_and_the_unfit_never() -> None:
    staff = [("wang", 30), ("zhao", 10), ("sun", 20)]
    assert choose(staff, ()) == "zhao"
    assert choose(staff, {"zhao"}) == "sun"
    assert choose(staff, {"wang", "zhao", "sun"}) is None


def test_somebody_is_left_until_all_were_tried() -> None:
    assert anyone_left([("wang", 1)], ())
    assert not anyone_left([("wang", 1)], ("wang",))
    assert not anyone_left([], ())


def test_who_is_not_at_her_page_comes_after_everybody_else() -> None:
    on_duty = [("far", 1), ("near", 9)]
    assert choose(on_duty, (), later={"far"}) == "near"
    assert choose(on_duty, {"near"}, later={"far"}) == "far"
