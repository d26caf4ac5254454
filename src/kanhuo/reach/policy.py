"""When an agent is knocked at and where, and what the answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from kanhuo.kernel.clock import HOUR, MINUTE, SECOND, Millis
from kanhuo.reach.model import TRANSITIONS, Endpoint, GivenUp, Knock, Ladder, Postponed, Rung, Shown, State, Taken

AFTER_PAGE: Final[Millis] = 3 * SECOND
"""How long an open page has to say that it shows the ring before the agent's devices are knocked at: it may be frozen."""

AFTER_RING: Final[Millis] = 8 * SECOND
"""How long a page that shows the ring has it to itself before the agent's devices are knocked at: she may be elsewhere."""

WITHIN: Final[Millis] = 5 * SECOND
"""How long a push service may take to answer."""

CLAIMED: Final[Millis] = 2 * WITHIN
"""For how long a node has a knock to itself; where it dies in the meantime another one tries."""

AGAIN: Final[Millis] = SECOND
"""How soon a failed try is made again; each further one after twice as long."""

TOLD_WITHIN: Final[Millis] = 60 * SECOND
"""How long it is worth telling a device that a ring is over."""

LONGEST_DELAY: Final[Millis] = 9 * SECOND
"""The longest a merchant may let a rung wait: a buyer is told after 10 s that nobody is reached."""

FOLLOWED_WITHIN: Final[Millis] = 10 * MINUTE
"""For how long after its ring a link that came with it still signs in: late is better than not at all."""

DUTY_LASTS: Final[Millis] = 12 * HOUR
"""How long an agent whose pages are closed stays on duty: nobody works longer, and she may have forgotten the switch."""

UNANSWERED: Final = 3
"""After so many rings in a row that no device of hers showed, she is not taken for reachable any more."""

ENDPOINTS: Final = 10
"""How many devices of one agent are knocked at; the oldest gives way to a new one."""


class Verdict(StrEnum):
    """What a push service's answer means."""

    TAKEN = "taken"
    GONE = "gone"
    """There is no such device any more."""
    LATER = "later"
    """It may work a little later."""
    REFUSED = "refused"
    """It will not work with this message."""


def verdict(status: int | None) -> Verdict:
    """Return what an HTTP status means (RFC 8030, sections 5 and 7.3); ``None`` is no answer at all."""
    if status is None or status == 429 or status >= 500:
        return Verdict.LATER
    if 200 <= status < 300:
        return Verdict.TAKEN
    return Verdict.GONE if status in (404, 410) else Verdict.REFUSED


def outcome(knock: Knock, meant: Verdict, wait: Millis | None, now: Millis) -> Taken | Postponed | GivenUp:
    """Return what a try has come to; ``wait`` is for how long the service asks to be left in peace."""
    if meant is Verdict.TAKEN:
        return Taken()
    if meant is not Verdict.LATER:
        return GivenUp()
    again = now + max(AGAIN * 2 ** max(knock.tries - 1, 0), wait or 0)
    return Postponed(again) if again < ends(knock) else GivenUp()


def climb(endpoints: Sequence[Endpoint], ladder: Ladder) -> list[tuple[Endpoint, Millis]]:
    """Return where an agent is knocked at, first rung first, and how long after that each is."""
    waits = [(endpoint, ladder.after(endpoint.rung)) for endpoint in endpoints]
    climbed = [(endpoint, after) for endpoint, after in waits if after is not None]
    first = min((after for _, after in climbed), default=0)
    return sorted(((endpoint, after - first) for endpoint, after in climbed), key=lambda each: each[1])


def reaches(rung: Rung) -> bool:
    """Whether a message that was taken has reached her: a chat shows it, a push service may keep it for days."""
    return rung in (Rung.ROBOT, Rung.WEBHOOK)


def may_be_shown(knock: Knock) -> bool:
    """Whether it makes a difference that a device says it shows the ring."""
    return Shown in TRANSITIONS[knock.state]


def ends(knock: Knock) -> Millis:
    """Return until when it is worth sending what is to be sent."""
    return knock.until if knock.state is not State.RECALLED else knock.until + TOLD_WITHIN


def lasts(since: Millis, now: Millis) -> bool:
    """Whether a duty taken up then still holds, for an agent with no page open."""
    return now - since < DUTY_LASTS
