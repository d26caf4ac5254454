"""The words of a call on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from kanhuo.accounts.messages import AgentCard, MerchantCard
from kanhuo.calls.terms import (
    DeclineWhy,
    Media,
    Outcome,
    RatingWhy,
    Reason,
    Side,
    State,
)
from kanhuo.catalogue.messages import Card
from kanhuo.kernel.clock import Millis
from kanhuo.shell.wire import Id, Instant, Message, Request, Seq

# From the client


class CallAsk(Request, frozen=True, tag="call.ask", kw_only=True):
    """A buyer wants to talk about what the pass names. Answered ``done`` (with ``call``); then ``call`` views follow.

    ``key`` makes the request repeatable: the same key of the same buyer always means the same call.
    """

    key: Id
    media: Media


class CallHeard(Request, frozen=True, tag="call.heard", kw_only=True):
    """An agent's page shows the ring: it has reached her. Answered ``done``; what comes too late does nothing."""

    call: Id


class CallAccept(Request, frozen=True, tag="call.accept", kw_only=True):
    """An agent takes the call on this device. Answered ``done``, or ``refused`` with ``not_yours`` or ``not_now``."""

    call: Id
    media: Media


class CallDecline(Request, frozen=True, tag="call.decline", kw_only=True):
    """An agent does not take the call; the next agent is rung. Answered ``done``."""

    call: Id
    why: DeclineWhy


class CallHangUp(Request, frozen=True, tag="call.hang_up", kw_only=True):
    """Either side ends the call, in whatever state it is: cancel, leave the queue or hang up. Answered ``done``."""

    call: Id


class CallMediaUp(Request, frozen=True, tag="call.media_up", kw_only=True):
    """This side hears or sees the other for the first time. Answered ``done``."""

    call: Id


class CallRate(Request, frozen=True, tag="call.rate", kw_only=True):
    """The buyer's verdict after the call, once. Answered ``done``."""

    call: Id
    stars: Annotated[int, msgspec.Meta(ge=1, le=5)]
    why: RatingWhy | None = None


class CallWrapUp(Request, frozen=True, tag="call.wrap_up", kw_only=True):
    """The agent's note after the call; until it is sent (or 30 s have passed) she is not rung. Answered ``done``."""

    call: Id
    outcome: Outcome
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""


# From the server


class CallView(Message, frozen=True, tag="call", kw_only=True):
    """The whole call as one party may see it. Sent on every change; ``seq`` is the call's version."""

    seq: Seq
    call: Id
    side: Side
    """Which end the receiver is."""
    state: State
    media: Media
    card: Card
    merchant: MerchantCard
    asked_at: Instant
    since: Instant
    """When the present state was entered."""
    due: Instant | None = None
    """When the present state ends by itself: the ring's countdown."""
    offers: int = 0
    """How many agents have been rung so far, this one included."""
    agent: AgentCard | None = None
    """Who is being rung, or who answered. The buyer learns it with the answer."""
    here: bool = True
    """For an agent: this device carries the call (or may still accept it). ``False``: answered on another device; fall silent."""
    answer: Media | None = None
    missing: tuple[Side, ...] = ()
    answered_at: Instant | None = None
    connected_at: Instant | None = None
    ended_at: Instant | None = None
    reason: Reason | None = None


class QueueView(Message, frozen=True, tag="queue", kw_only=True):
    """Where a waiting call stands. ``seq`` is an instant."""

    seq: Seq
    call: Id
    position: Annotated[int, msgspec.Meta(ge=1)]
    """1 is next."""
    wait_ms: Millis | None = None
    """An honest guess of the wait still to come: half wait longer; absent where nothing is known."""
    least_ms: Millis | None = None
    """One in ten waits less."""
    most_ms: Millis | None = None
    """One in ten waits more."""


class DeskView(Message, frozen=True, tag="desk", kw_only=True):
    """What an agent's console shows at its top. ``seq`` is an instant."""

    seq: Seq
    duty: bool
    """This agent is on duty on some device."""
    free: bool
    """This agent can be rung now: on duty, not in a call, not wrapping up."""
    waiting: int
    """Calls of this merchant that wait for somebody."""
    on_duty: int
    """Agents of this merchant on duty, this one included."""
