"""When rungs are climbed, and what answers mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kanhuo.calls.policy import DEFAULT
from kanhuo.reach.model import Endpoint, GivenUp, Kind, Ladder, Postponed, State, Taken
from kanhuo.reach.policy import (
    AGAIN,
    DUTY_LASTS,
    LONGEST_DELAY,
    TOLD_WITHIN,
    Verdict,
    climb,
    ends,
    lasts,
    may_be_shown,
    outcome,
    verdict,
)
from tests.reach.test_model import NEW


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        (200, Verdict.TAKEN),
        (201, Verdict.TAKEN),
        (202, Verdict.TAKEN),
        (301, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (403, Verdict.REFUSED),
        (404, Verdict.GONE),
        (410, Verdict.GONE),
        (413, Verdict.REFUSED),
        (429, Verdict.LATER),
        (500, Verdict.LATER),
        (503, Verdict.LATER),
        (None, Verdict.LATER),
    ],
)
def test_what_a_status_means(status: int | None, meant: Verdict) -> None:
    assert verdict(status) is meant


def test_tries_come_further_and_further_apart_while_the_ring_lasts() -> None:
    due = []
    for tries in range(1, 7):
        after = outcome(replace(NEW, tries=tries), Verdict.LATER, None, NEW.planned_at)
        due.append(after.due - NEW.planned_at if isinstance(after, Postponed) else None)
    assert due == [AGAIN, 2 * AGAIN, 4 * AGAIN, 8 * AGAIN, 16 * AGAIN, None]


def test_who_asks_to_be_left_in_peace_is() -> None:
    tried = replace(NEW, tries=1)
    assert outcome(tried, Verdict.LATER, 5_000, 2_000) == Postponed(7_000)
    assert outcome(tried, Verdict.LATER, 60_000, 2_000) == GivenUp()


def test_what_works_and_what_never_will() -> None:
    assert outcome(NEW, Verdict.TAKEN, None, 0) == Taken()
    for meant in (Verdict.GONE, Verdict.REFUSED):
        assert outcome(NEW, meant, None, 0) == GivenUp()


def test_that_a_ring_is_over_is_worth_telling_for_a_while_longer() -> None:
    assert ends(NEW) == NEW.until
    assert ends(replace(NEW, state=State.RECALLED)) == NEW.until + TOLD_WITHIN


def test_what_a_device_says_counts_until_the_ring_is_over() -> None:
    assert [state for state in State if may_be_shown(replace(NEW, state=state))] == [State.PLANNED, State.SENT]


def test_nobody_is_on_duty_for_ever() -> None:
    assert lasts(0, DUTY_LASTS - 1)
    assert not lasts(0, DUTY_LASTS)


@pytest.mark.parametrize(
    ("kinds", "ladder", "waits"),
    [
        ("push wecom webhook", Ladder(), [0, 4_000, 8_000]),
        ("wecom push", Ladder(), [0, 4_000]),
        ("wecom dingtalk webhook", Ladder(), [0, 0, 4_000]),
        ("webhook", Ladder(), [0]),
        ("push wecom webhook", Ladder(robot=None, webhook=2_000), [0, 2_000]),
        ("wecom", Ladder(robot=None), []),
        ("wecom webhook", Ladder(robot=6_000, webhook=2_000), [0, 4_000]),
        ("", Ladder(), []),
    ],
)
def test_the_first_rung_that_she_has_is_climbed_at_once(kinds: str, ladder: Ladder, waits: list[int]) -> None:
    endpoints = [
        Endpoint(id=kind, merchant="m", agent="a", url=kind, made_at=0, kind=Kind(kind)) for kind in kinds.split()
    ]
    assert [after for _, after in climb(endpoints, ladder)] == waits


def test_every_rung_is_climbed_before_the_buyer_is_told_that_nobody_is_reached() -> None:
    assert DEFAULT.unheard > LONGEST_DELAY
