"""How long each state of a call may last, and what happens when it has lasted that long."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Final, assert_never

from kanhuo.calls.events import Close, Command, ExpireRing, WithdrawRing
from kanhuo.calls.model import Call, lost
from kanhuo.calls.terms import Reason, Side, State
from kanhuo.kernel.clock import HOUR, MINUTE, SECOND, Millis

FEWEST_TALKS: Final = 5
"""With fewer talks of a merchant known, nothing is said about how long the next wait will be."""

FARTHEST: Final = 100
"""Farther back in a queue nothing is said about the wait."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The lengths of time that end states, in milliseconds, and how many agents are tried."""

    ring: Millis = 25 * SECOND
    unheard: Millis = 10 * SECOND
    """How long a ring may take to reach an agent who has no page open; the ring itself counts from then."""
    offers: int = 3
    queue: Millis = 3 * MINUTE
    connect: Millis = 30 * SECOND
    back: Millis = 30 * SECOND
    """How long a side that was lost in a talk may stay away."""
    blink: Millis = 10 * SECOND
    """How long a page may be gone (a reload) before a talk: longer, and the ring or the wait ends."""
    nobody: Millis = 10 * SECOND
    """How long a merchant may have nobody on duty (a reload, our own restart) before waiting calls are told so."""
    longest: Millis = 2 * HOUR
    wrap_up: Millis = 30 * SECOND


DEFAULT = Patience()


def deadline(call: Call, patience: Patience) -> Millis | None:
    """Return when the present state ends by itself; ``None`` for an ended call."""
    ends = [at for at in (_state_ends(call, patience), _absence_ends(call, patience)) if at is not None]
    return min(ends, default=None)


def expiry(call: Call, patience: Patience, now: Millis) -> Command | None:
    """Return the command that time itself gives to the call at ``now``; ``None`` where nothing is due yet."""
    absent_until = _absence_ends(call, patience)
    if absent_until is not None and absent_until <= now:
        gone = call.missing[0]
        return WithdrawRing() if call.state is State.RINGING and gone is Side.AGENT else Close(lost(gone))
    ends = _state_ends(call, patience)
    if ends is None or ends > now:
        return None
    match call.state:
        case State.WAITING:
            return Close(Reason.QUEUE_TIMEOUT)
        case State.RINGING:
            return ExpireRing()
        case State.CONNECTING:
            return Close(Reason.MEDIA_FAILED)
        case _:
            return Close(Reason.COMPLETED)


def _state_ends(call: Call, patience: Patience) -> Millis | None:
    match call.state:
        case State.WAITING:
            return call.asked_at + patience.queue
        case State.RINGING:
            if call.unheard:
                return call.since + patience.unheard
            return (call.heard_at or call.since) + patience.ring
        case State.CONNECTING:
            return call.since + patience.connect
        case State.TALKING | State.BROKEN:
            return (call.connected_at or call.since) + patience.longest
        case State.ENDED:
            return None
        case _ as unreachable:
            assert_never(unreachable)


def _absence_ends(call: Call, patience: Patience) -> Millis | None:
    if call.missing_since is None or call.state is State.ENDED:
        return None
    before_the_talk = call.state in (State.WAITING, State.RINGING)
    return call.missing_since + (patience.blink if before_the_talk else patience.back)


def may_be_offered(call: Call, patience: Patience) -> bool:
    """Whether one more agent may be rung for this call."""
    return len(call.tried) < patience.offers


def unanswered(call: Call) -> Reason:
    """Return the end reason of a call that nobody is left to take."""
    return Reason.DECLINED if call.refusals and call.refusals == len(call.tried) else Reason.NO_ANSWER


@dataclass(frozen=True, slots=True)
class Handling:
    """What a merchant's last talks say about the next: how long they took on average, what came after them too."""

    mean: Millis
    talks: int


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a place in the queue takes: half wait longer than ``usual``, one in ten less than ``least`` or more than ``most``."""

    usual: Millis
    least: Millis
    most: Millis


def wait_guess(position: int, agents: int, handling: Handling | None) -> Wait | None:
    """Return an honest guess of the wait at a place in the queue; ``None`` where this merchant's talks are not known well enough.

    With ``c`` agents who are each free again after times that are exponential with mean ``m``, a place ``k`` is reached after the sum
    of ``k`` times with mean ``m/c`` (Erlang 1917: the output of M/M/c while all are busy). ``m`` is not known but estimated from
    ``n`` talks; so what is said about the wait is the predictive distribution, ``k m/c`` times F with ``2k`` and ``2n`` degrees of
    freedom. Buyers ahead who give up make it shorter: nobody is told too little for that.
    """
    if handling is None or handling.talks < FEWEST_TALKS or agents < 1 or position > FARTHEST:
        return None
    scale = handling.mean * handling.talks / agents
    usual, least, most = (int(scale * _odds(position, handling.talks, share)) for share in (0.5, 0.1, 0.9))
    return Wait(usual, least, most)


@lru_cache(maxsize=4 * FARTHEST)
def _odds(place: int, talks: int, share: float) -> float:
    """Return the quantile of b/(1 - b) for b of the beta distribution (place, talks): a sum of so many times over one of so many."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta(place, talks, middle) < share else (low, middle)
    return low / (1 - low)


def _beta(a: int, b: int, x: float) -> float:
    """Return the regularised incomplete beta function for whole numbers: a tail of the binomial distribution."""
    tries = a + b - 1
    return 1 - sum(comb(tries, j) * x**j * (1 - x) ** (tries - j) for j in range(a))
