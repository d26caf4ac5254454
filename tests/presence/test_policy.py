"""Devices fold into one presence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kanhuo.presence.model import Device, Presence, Standing
from kanhuo.presence.policy import BLINK, SILENCE, beat, fold, without

ON, OFF = Device(duty=True, foreground=True, beat_at=0), Device(duty=False, foreground=True, beat_at=0)


def test_one_device_on_duty_is_enough() -> None:
    assert fold(Presence((("desk", OFF), ("phone", ON))), 10) is Standing.ON
    assert fold(Presence((("desk", OFF),)), 10) is Standing.OFF
    assert fold(Presence(), 10) is Standing.OFF


def test_silence_of_45_seconds_means_gone() -> None:
    presence = Presence((("desk", ON),))
    assert fold(presence, SILENCE - 1) is Standing.ON
    assert fold(presence, SILENCE) is Standing.OFF
    assert without(presence, SILENCE).devices == ()


def test_a_lost_socket_counts_for_a_blink() -> None:
    gone = Presence((("desk", Device(duty=True, foreground=True, beat_at=0, detached_at=100)),))
    assert fold(gone, 99 + BLINK) is Standing.ON
    assert fold(gone, 100 + BLINK) is Standing.OFF


def test_wrapping_up_is_neither_on_nor_off() -> None:
    presence = Presence((("desk", ON),), rest_until=50)
    assert fold(presence, 49) is Standing.WRAPPING
    assert fold(presence, 50) is Standing.ON


def test_going_off_duty_on_one_device_means_all_but_a_new_device_changes_nothing() -> None:
    both = beat(beat(Presence(), "desk", ON), "phone", ON)
    assert fold(beat(both, "tablet", OFF), 1) is Standing.ON
    assert fold(beat(both, "phone", OFF), 1) is Standing.OFF


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 100_000))), st.integers(0, 200_000))
def test_nobody_is_on_duty_who_has_not_said_so_lately(beats: list[tuple[str, bool, int]], now: int) -> None:
    presence = Presence()
    for name, duty, at in beats:
        presence = beat(presence, name, Device(duty=duty, foreground=True, beat_at=at))
    if fold(presence, now) is not Standing.OFF:
        assert any(duty and now - at < SILENCE for _, duty, at in beats)
    assert fold(without(presence, now), now) is fold(presence, now)
