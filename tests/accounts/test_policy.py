"""Who may do what, cell by cell, and the rules of signing in."""

from __future__ import annotations

import pytest

from kanhuo.accounts.model import Opening, Party, Role
from kanhuo.accounts.policy import (
    MAY,
    TRIES,
    TRIES_WINDOW,
    Act,
    allow,
    check_password,
    counted_as,
    normalised,
    openings,
    too_many_tries,
)
from kanhuo.kernel.errors import Refused

OWNERS = {Act.SEE_AGENTS, Act.INVITE, Act.REMOVE_AGENT, Act.SET_LADDER}
BUYERS = {Act.ASK, Act.RATE, Act.CONSENT}
SHARED = {Act.HANG_UP, Act.TALK, Act.CHAT}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("act", list(Act))
def test_the_table(role: Role, act: Act) -> None:
    may = act in SHARED or (
        act in BUYERS if role is Role.BUYER else act not in BUYERS | (OWNERS if role is Role.AGENT else set())
    )
    assert (act in MAY[role]) == may
    party = Party(role=role, id="x", merchant="m", session="s")
    assert party.answers == (role is not Role.BUYER)
    if may:
        allow(party, act)
    else:
        with pytest.raises(Refused, match="not_allowed"):
            allow(party, act)


@pytest.mark.parametrize("act", [Act.KEEP_PASSKEYS, Act.KEEP_ROBOTS, Act.INVITE, Act.REMOVE_AGENT, Act.SET_LADDER])
def test_who_comes_by_a_link_changes_nobodys_way_in(act: Act) -> None:
    came = Party(role=Role.OWNER, id="x", merchant="m", session="s", by_link=True)
    with pytest.raises(Refused, match="not_allowed"):
        allow(came, act)
    allow(came, Act.ACCEPT)
    allow(came, Act.BE_REACHED)


@pytest.mark.parametrize("act", [Act.KEEP_PASSKEYS, Act.SIGN_OUT])
def test_who_comes_by_a_pass_has_no_login_to_keep_or_end(act: Act) -> None:
    with pytest.raises(Refused, match="not_allowed"):
        allow(Party(role=Role.AGENT, id="x", merchant="m"), act)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_failures_are_counted_for_whom_an_address_belongs_to(address: str, counted: str) -> None:
    assert counted_as(address) == counted


@pytest.mark.parametrize("password", ["short1!", "aaaaaaaaaaaa", "x" * 201, "abababababab"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Refused, match="weak_password"):
        check_password(password)


def test_a_decent_password_is_taken() -> None:
    check_password("correct horse")


def test_failures_are_counted_within_a_window() -> None:
    assert not too_many_tries([0] * (TRIES - 1), 1)
    assert too_many_tries([0] * TRIES, 1)
    assert not too_many_tries([0] * TRIES, TRIES_WINDOW)


def test_logins_are_compared_without_case_and_outer_spaces() -> None:
    assert normalised("  Ahui@Shop ") == "ahui@shop"


def test_promised_hours_are_read_as_people_write_them() -> None:
    assert openings(" Mon-Wed 9:00-18:30 ") == tuple(Opening(day, 540, 1_110) for day in range(3))
    assert openings("sun 0:00-24:00") == (Opening(6, 0, 1_440),)


@pytest.mark.parametrize(
    "text", ["", "mon", "mon 9-18", "mon 9:00-25:00", "mon 9:60-10:00", "tue-mon 9:00-10:00", "mon 9:00-9:00"]
)
def test_hours_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"mon-fri|ends before"):
        openings(text)
