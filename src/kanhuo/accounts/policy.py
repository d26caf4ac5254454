"""What each party may do: one table, and the rules of signing in."""

from __future__ import annotations

import re
from contextlib import suppress
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from kanhuo.accounts.model import Opening, Party, Role
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
    SEE_ONESELF = "see_oneself"
    SIGN_OUT = "sign_out"
    KEEP_PASSKEYS = "keep_passkeys"
    BE_REACHED = "be_reached"
    SEE_AGENTS = "see_agents"
    INVITE = "invite"
    REMOVE_AGENT = "remove_agent"
    SET_LADDER = "set_ladder"
    KEEP_ROBOTS = "keep_robots"


_BOTH: Final = frozenset({Act.HANG_UP, Act.TALK, Act.CHAT})
_BUYER: Final = _BOTH | {Act.ASK, Act.RATE, Act.CONSENT}
_AGENT: Final = _BOTH | {
    Act.BE_ON_DUTY,
    Act.ACCEPT,
    Act.DECLINE,
    Act.WRAP_UP,
    Act.SEE_CALLS,
    Act.SEE_ONESELF,
    Act.SIGN_OUT,
    Act.KEEP_PASSKEYS,
    Act.BE_REACHED,
    Act.KEEP_ROBOTS,
}

MAY: Final[dict[Role, frozenset[Act]]] = {
    Role.BUYER: _BUYER,
    Role.AGENT: _AGENT,
    Role.OWNER: _AGENT | {Act.SEE_AGENTS, Act.INVITE, Act.REMOVE_AGENT, Act.SET_LADDER},
}
"""The table. Whether a *particular* call is somebody's is decided where the call is."""

OF_ACCOUNTS: Final = frozenset({Act.SIGN_OUT, Act.KEEP_PASSKEYS, Act.BE_REACHED, Act.KEEP_ROBOTS})
"""What only those may do who sign in by themselves: a pass ends, and must not be turned into what does not."""

OF_OWNERSHIP: Final = frozenset({Act.KEEP_PASSKEYS, Act.KEEP_ROBOTS, Act.INVITE, Act.REMOVE_AGENT, Act.SET_LADDER})
"""What nobody may do who came by a link: it lets in for a while, and must not be turned into what lets in for good."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "|".join(_DAYS)
_HOURS: Final = re.compile(
    rf"(?P<first>{_DAY})(?:-(?P<last>{_DAY}))? +(?P<from_h>\d{{1,2}}):(?P<from_m>[0-5]\d)-(?P<to_h>\d{{1,2}}):(?P<to_m>[0-5]\d)"
)

SESSION_LIFE: Final[Millis] = 30 * 24 * HOUR
LINK_SESSION_LIFE: Final[Millis] = 12 * HOUR
"""How long she who has followed a link stays signed in there: others may read where it was sent to."""
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
    may = act in MAY[party.role] and not (act in OF_ACCOUNTS and party.session is None)
    if not may or (act in OF_OWNERSHIP and party.by_link):
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


def counted_as(address: str) -> str:
    """Return under what an address's failed sign-ins are counted: a whole IPv6 network of 64 bits is one customer's."""
    with suppress(ValueError):
        read = ip_address(address)
        if isinstance(read, IPv6Address):
            return str(read.ipv4_mapped or ip_network((read.packed, 64), strict=False))
    return address


def openings(text: str) -> tuple[Opening, ...]:
    """Read promised hours as people write them: ``mon-fri 9:00-18:30``, ``sat 10:00-14:00``.

    Raises:
        ValueError: it is not written so, or ends before it begins.
    """
    found = _HOURS.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"write hours as “mon-fri 9:00-18:30”, not as “{text}”")
    first, last = found["first"], found["last"] or found["first"]
    begin, end = (int(found[f"{at}h"]) * 60 + int(found[f"{at}m"]) for at in ("from_", "to_"))
    days = range(_DAYS.index(first), _DAYS.index(last) + 1)
    if not days or not begin < end <= 24 * 60:
        raise ValueError(f"“{text}” ends before it begins")
    return tuple(Opening(day, begin, end) for day in days)


def normalised(login: str) -> str:
    """Return a login as it is compared: without outer spaces, in lower case."""
    return login.strip().casefold()
