"""A call: its states, the commands that may be given to it and the events that have happened to it.

Two readings of one table. ``decide`` answers "may this happen now, and what exactly happens?"; ``evolve`` answers "what is
the call afterwards?". Neither knows the time, the database or the network. Whatever is refused changes nothing.

``missing`` is kept apart from the state: a side whose page is gone may come back. Only in a talk does it make a state of
its own (BROKEN), because only there do both people have something to lose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, assert_never

from kanhuo.calls.events import (
    Accept,
    Accepted,
    Asked,
    Close,
    Command,
    ConfirmMedia,
    Connected,
    Decline,
    Declined,
    Ended,
    Event,
    ExpireRing,
    HangUp,
    Hear,
    Heard,
    Interrupted,
    Lose,
    MediaConfirmed,
    Offer,
    Offered,
    Regain,
    Resumed,
    Returned,
    RingExpired,
    RingUnheard,
    RingWithdrawn,
    WithdrawRing,
)
from kanhuo.calls.terms import DeclineWhy, Media, Reason, Side, State
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import not_now, not_yours
from kanhuo.reach.model import Rung


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt of a buyer to reach a merchant, from tap to end. Instants in milliseconds since the epoch."""

    id: str
    merchant: str
    buyer: str
    card: str
    """Digest of the context card, an immutable snapshot."""
    media: Media
    asked_at: Millis
    since: Millis
    """When the present state was entered."""
    state: State = State.WAITING
    version: int = 1
    agent: str | None = None
    device: str | None = None
    """The one device that carries the agent's side once accepted."""
    answer: Media | None = None
    unheard: bool = False
    """Whether the ring has to reach the agent first, and is not known yet to have."""
    heard_at: Millis | None = None
    """When it has reached an agent with no page open."""
    tried: tuple[str, ...] = ()
    """Agents who have been rung for this call, in order; none is rung twice."""
    refusals: int = 0
    """How many of those declined."""
    up: tuple[Side, ...] = ()
    """Sides whose media flow."""
    missing: tuple[Side, ...] = ()
    missing_since: Millis | None = None
    """Since when somebody has been missing; anew when one of two has come back."""
    answered_at: Millis | None = None
    connected_at: Millis | None = None
    ended_at: Millis | None = None
    reason: Reason | None = None


TRANSITIONS: Final[dict[State, dict[type[Event], State]]] = {
    State.WAITING: {
        Offered: State.RINGING,
        Interrupted: State.WAITING,
        Returned: State.WAITING,
        Ended: State.ENDED,
    },
    State.RINGING: {
        Heard: State.RINGING,
        Accepted: State.CONNECTING,
        Declined: State.WAITING,
        RingExpired: State.WAITING,
        RingUnheard: State.WAITING,
        RingWithdrawn: State.WAITING,
        Interrupted: State.RINGING,
        Returned: State.RINGING,
        Ended: State.ENDED,
    },
    State.CONNECTING: {
        MediaConfirmed: State.CONNECTING,
        Connected: State.TALKING,
        Interrupted: State.CONNECTING,
        Returned: State.CONNECTING,
        Ended: State.ENDED,
    },
    State.TALKING: {Interrupted: State.BROKEN, Ended: State.ENDED},
    State.BROKEN: {
        Interrupted: State.BROKEN,
        Returned: State.BROKEN,
        Resumed: State.TALKING,
        Ended: State.ENDED,
    },
    State.ENDED: {},
}
"""Every state with the events that may happen in it and the state that follows. Nothing else ever happens to a call."""

LIVE: Final = tuple(state for state in State if state is not State.ENDED)
ANSWERED: Final = (State.CONNECTING, State.TALKING, State.BROKEN)


def decide(call: Call, command: Command) -> Event | None:
    """Say what happens if ``command`` is given to ``call``; ``None`` where it is already so.

    Raises:
        Refused: ``not_yours`` where the call belongs to somebody else, ``not_now`` where the state forbids it.
    """
    event = _event(call, command)
    if event is not None and type(event) not in TRANSITIONS[call.state]:
        raise not_now(f"the call is {call.state}")
    return event


def _event(call: Call, command: Command) -> Event | None:
    match command:
        case Offer():
            return _offered(call, command)
        case Hear():
            return _heard(call, command)
        case Accept():
            return _accepted(call, command)
        case Decline():
            return _declined(call, command)
        case ExpireRing() | WithdrawRing():
            return _rung_out(call, withdrawn=isinstance(command, WithdrawRing))
        case ConfirmMedia(side):
            return _confirmed(call, side)
        case Lose(side):
            return _lost(call, side)
        case Regain(side):
            return _regained(call, side)
        case HangUp(side):
            return _hung_up(call, side)
        case Close(reason):
            return None if call.state is State.ENDED else Ended(reason)
        case _ as unreachable:
            assert_never(unreachable)


def _only(call: Call, agent: str) -> None:
    if call.agent != agent:
        raise not_yours("another agent has this call")


def _offered(call: Call, command: Offer) -> Offered:
    if command.agent in call.tried:
        raise not_now("this agent has been rung for this call already")
    return Offered(command.agent, command.rung)


def _heard(call: Call, command: Hear) -> Heard | None:
    _only(call, command.agent)
    return Heard(command.agent, command.rung, command.device, command.after) if call.unheard or command.opened else None


def _rung_out(call: Call, *, withdrawn: bool) -> RingWithdrawn | RingUnheard | RingExpired:
    if call.state is not State.RINGING or call.agent is None:
        raise not_now("nobody is being rung")
    if withdrawn:
        return RingWithdrawn(call.agent)
    return RingUnheard(call.agent) if call.unheard else RingExpired(call.agent)


def _accepted(call: Call, command: Accept) -> Accepted | None:
    if call.agent == command.agent and call.device == command.device and call.state in ANSWERED:
        return None
    if call.state is not State.RINGING and call.state is not State.ENDED:
        raise not_yours("somebody else has answered, or the ring moved on")
    _only(call, command.agent)
    return Accepted(command.agent, command.device, command.media)


def _declined(call: Call, command: Decline) -> Declined | None:
    if command.agent in call.tried and command.agent != call.agent:
        return None  # it has been passed on already: asked again, because the answer was lost
    _only(call, command.agent)
    return Declined(command.agent, command.why)


def _confirmed(call: Call, side: Side) -> Event | None:
    if side in call.up or call.state in (State.TALKING, State.BROKEN):
        return None
    return Connected() if side.other in call.up and not call.missing else MediaConfirmed(side)


def _lost(call: Call, side: Side) -> Event | None:
    if side in call.missing or call.state is State.ENDED or (side is Side.AGENT and call.agent is None):
        return None
    return Interrupted(side)


def _regained(call: Call, side: Side) -> Event | None:
    if side not in call.missing:
        return None
    if call.missing == (side,) and call.state is State.BROKEN:
        return Resumed(side)
    if call.missing == (side,) and len(call.up) == len(Side):
        return Connected()
    return Returned(side)


def _hung_up(call: Call, side: Side) -> Event | None:
    if call.state is State.ENDED:
        return None
    if call.state is State.RINGING and side is Side.AGENT and call.agent is not None:
        return Declined(call.agent, DeclineWhy.OTHER)
    return Ended(_reason_of_hang_up(call, side), side)


def _reason_of_hang_up(call: Call, side: Side) -> Reason:
    match call.state:
        case State.WAITING:
            return Reason.QUEUE_ABANDONED
        case State.BROKEN if side.other in call.missing:
            return lost(side.other)
        case State.TALKING | State.BROKEN:
            return Reason.COMPLETED
        case _:
            return Reason.BUYER_CANCELLED if side is Side.BUYER else Reason.DECLINED


def lost(side: Side) -> Reason:
    """The end reason when this side went away and did not return."""
    return Reason.BUYER_LOST if side is Side.BUYER else Reason.AGENT_LOST


def evolve(call: Call, event: Event, at: Millis) -> Call:
    """Return the call after ``event`` happened at instant ``at``."""
    state = TRANSITIONS[call.state][type(event)]
    after = _changed(call, event, at)
    since = call.since if state is call.state else at
    return replace(after, state=state, since=since, version=call.version + 1)


def _changed(call: Call, event: Event, at: Millis) -> Call:
    match event:
        case Offered(agent, rung):
            return replace(call, agent=agent, unheard=rung is not Rung.SOCKET, tried=(*call.tried, agent))
        case Heard():
            return replace(call, unheard=False, heard_at=at)
        case Accepted(_, device, media):
            return replace(call, device=device, answer=media, answered_at=at, unheard=False)
        case Declined():
            return replace(_unrung(call), refusals=call.refusals + 1)
        case RingExpired() | RingUnheard() | RingWithdrawn():
            return _unrung(call)
        case MediaConfirmed(side):
            return replace(call, up=(*call.up, side))
        case Connected():
            return replace(call, up=(Side.BUYER, Side.AGENT), missing=(), missing_since=None, connected_at=at)
        case Interrupted(side):
            return replace(call, missing=(*call.missing, side), missing_since=call.missing_since or at)
        case Returned(side) | Resumed(side):
            missing = tuple(gone for gone in call.missing if gone is not side)
            return replace(call, missing=missing, missing_since=at if missing else None)
        case Ended(reason):
            return replace(call, reason=reason, ended_at=at)
        case Asked():  # pragma: no cover - never in TRANSITIONS: a call begins with it
            raise AssertionError(event)


def _unrung(call: Call) -> Call:
    missing = tuple(gone for gone in call.missing if gone is not Side.AGENT)
    return replace(
        call,
        agent=None,
        unheard=False,
        heard_at=None,
        missing=missing,
        missing_since=call.missing_since if missing else None,
    )
