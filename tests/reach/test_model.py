"""A knock's life: every order of what a push service, a device and the call may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.kernel.errors import Refused
from kanhuo.reach.model import (
    TRANSITIONS,
    Event,
    GivenUp,
    Knock,
    Postponed,
    Recalled,
    Rung,
    Shown,
    State,
    Taken,
    claimed,
    evolve,
)

NEW = Knock(
    id="k",
    call="c",
    card="d",
    media="video",
    merchant="shop",
    agent="wang",
    endpoint="e",
    rung=Rung.PUSH,
    planned_at=1_000,
    until=26_000,
    due=1_000,
)
EVENTS = st.one_of(
    st.just(Taken()),
    st.integers(1_000, 30_000).map(Postponed),
    st.just(GivenUp()),
    st.just(Shown()),
    st.booleans().map(Recalled),
)


def after(*events: Event) -> Knock:
    knock = NEW
    for event in events:
        knock = evolve(knock, event, 5_000)
    return knock


def test_every_state_has_its_line() -> None:
    assert set(TRANSITIONS) == set(State)


def test_what_is_sent_and_shown_is_taken_back_once() -> None:
    knock = after(Taken(), Shown())
    assert (knock.state, knock.due) == (State.HEARD, None)
    recalled = evolve(knock, Recalled(missed=True), 9_000)
    assert (recalled.state, recalled.due, recalled.missed) == (State.RECALLED, 9_000, True)
    assert evolve(recalled, Taken(), 9_500).state is State.OVER


def test_what_was_never_sent_is_not_taken_back() -> None:
    knock = after(Recalled(missed=True))
    assert (knock.state, knock.due) == (State.OVER, None)


def test_what_is_put_off_is_due_again() -> None:
    knock = after(Postponed(7_000))
    assert (knock.state, knock.due) == (State.PLANNED, 7_000)
    assert after(Taken(), Recalled(missed=False), Postponed(8_000)).due == 8_000


def test_a_device_may_be_faster_than_its_push_service() -> None:
    for late in (Taken(), Postponed(9_000), GivenUp()):
        knock = after(Shown(), late)
        assert (knock.state, knock.due) == (State.HEARD, None)


def test_whoever_claims_it_has_it_to_himself() -> None:
    knock = claimed(NEW, 11_000)
    assert (knock.due, knock.tries, knock.version) == (11_000, 1, 2)


@given(events=st.lists(EVENTS, max_size=12))
def test_in_any_order_it_ends_where_nothing_is_due(events: list[Event]) -> None:
    knock = NEW
    for event in events:
        if type(event) not in TRANSITIONS[knock.state]:
            with pytest.raises(Refused, match="not_now"):
                evolve(knock, event, 5_000)
            continue
        before, knock = knock, evolve(knock, event, 5_000)
        assert knock.version == before.version + 1
    if knock.state in (State.SENT, State.HEARD, State.OVER, State.FAILED):
        assert knock.due is None
    else:
        assert knock.due is not None, "what is planned or to be told is never forgotten"
