"""Who may do what, cell by cell, and the rules of signing in."""

from __future__ import annotations

import pytest

from kanhuo.accounts.model import Party, Role
from kanhuo.accounts.policy import MAY, TRIES, TRIES_WINDOW, Act, allow, check_password, normalised, too_many_tries
from kanhuo.kernel.errors import Refused

OWNERS = {Act.SEE_AGENTS, Act.INVITE, Act.REMOVE_AGENT}
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


def test_who_comes_by_a_pass_keeps_no_passkeys() -> None:
    with pytest.raises(Refused, match="not_allowed"):
        allow(Party(role=Role.AGENT, id="x", merchant="m"), Act.KEEP_PASSKEYS)


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
