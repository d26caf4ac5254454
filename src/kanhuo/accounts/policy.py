"""What each party may do: one table, and the rules of signing in."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from kanhuo.accounts.model import Party, Role
from kanhuo.kernel.clock import HOUR, MINUTE, Millis
from kanhuo.kernel.errors import Code, Refused


class Act(StrEnum):
    """Everything that somebody may want to do."""

    ASK = "ask"
    RATE = "rate"
    CONSENT = "consent"
    HANG_UP = "hang_up"
    TALK = "talk"
    CHAT = "chat"
    BE_ON_DUTY = "be_on_duty"
    ACCEPT = "accept"
    DECLINE = "decline"
    WRAP_UP = "wrap_up"
    SEE_CALLS = "see_calls"
    SIGN_OUT = "sign_out"
    KEEP_PASSKEYS = "keep_passkeys"
    SEE_AGENTS = "see_agents"
    INVITE = "invite"
    REMOVE_AGENT = "remove_agent"


_BOTH: Final = frozenset({Act.HANG_UP, Act.TALK, Act.CHAT})
_BUYER: Final = _BOTH | {Act.ASK, Act.RATE, Act.CONSENT}
_AGENT: Final = _BOTH | {
    Act.BE_ON_DUTY,
    Act.ACCEPT,
    Act.DECLINE,
    Act.WRAP_UP,
    Act.SEE_CALLS,
    Act.SIGN_OUT,
    Act.KEEP_PASSKEYS,
}

MAY: Final[dict[Role, frozenset[Act]]] = {
    Role.BUYER: _BUYER,
    Role.AGENT: _AGENT,
    Role.OWNER: _AGENT | {Act.SEE_AGENTS, Act.INVITE, Act.REMOVE_AGENT},
}
"""The table. Whether a *particular* call is somebody's is decided where the call is."""

OF_ACCOUNTS: Final = frozenset({Act.KEEP_PASSKEYS})
"""What only those may do who sign in by themselves: a pass ends, and must not be turned into what does not."""

SESSION_LIFE: Final[Millis] = 30 * 24 * HOUR
INVITATION_LIFE: Final[Millis] = 7 * 24 * HOUR
CEREMONY_LIFE: Final[Millis] = 5 * MINUTE
SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 200

TRIES: Final = 8
"""How many failed sign-ins one login or one address has within the window."""
TRIES_WINDOW: Final[Millis] = 15 * MINUTE


def allow(party: Party, act: Act) -> None:
    """See that a party may do something.

    Raises:
        Refused: ``not_allowed``.
    """
    if act not in MAY[party.role] or (act in OF_ACCOUNTS and party.session is None):
        raise Refused(Code.NOT_ALLOWED, f"a party in the role of {party.role} may not {act}")


def check_password(password: str) -> None:
    """See that a password can be one.

    Raises:
        Refused: ``weak_password``.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or len(set(password)) < 5:
        raise Refused(
            Code.WEAK_PASSWORD, f"a password has {SHORTEST_PASSWORD} characters or more, five of them different"
        )


def too_many_tries(failures: list[Millis], now: Millis) -> bool:
    """Whether so many sign-ins failed lately that the next has to wait."""
    return sum(now - at < TRIES_WINDOW for at in failures) >= TRIES


def normalised(login: str) -> str:
    """Return a login as it is compared: without outer spaces, in lower case."""
    return login.strip().casefold()
