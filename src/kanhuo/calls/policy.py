"""How long each state of a call may last, and what happens when it has lasted that long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from kanhuo.calls.events import Close, Command, ExpireRing, WithdrawRing
from kanhuo.calls.model import Call, lost
from kanhuo.calls.terms import Reason, Side, State
from kanhuo.kernel.clock import HOUR, MINUTE, SECOND, Millis


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


def wait_guess(position: int, agents: int, handling: Millis | None) -> Millis | None:
    """Return an honest guess of the wait at a place in the queue; ``None`` where this merchant's talks are not known yet.

    With ``agents`` people each freeing up every ``handling`` ms on average, one comes free every ``handling / agents``.
    """
    if handling is None or agents < 1:
        return None
    return position * handling // agents
