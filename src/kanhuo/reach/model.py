"""A knock: one try to let a ring reach one device of an agent beyond her open pages.

It is planned with the offer, in the same transaction. Whoever finds it due sends it; a try that fails is made again while the
ring lasts. When the ring is over, what was sent is taken back by one more message.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import not_now


class Rung(StrEnum):
    """The ways to ring an agent, in the order in which they are tried."""

    SOCKET = "socket"
    """A page of hers that is open."""
    PUSH = "push"
    """A notification of the browser, by Web Push (RFC 8030): no page needs to be open."""


class State(StrEnum):
    """Where a knock stands."""

    PLANNED = "planned"
    SENT = "sent"
    HEARD = "heard"
    """The device has said that it shows the ring."""
    RECALLED = "recalled"
    """The ring is over; the device is still to be told."""
    OVER = "over"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a device of an agent can be reached though no page is open (a push subscription)."""

    id: str
    merchant: str
    agent: str
    device: str
    url: str
    key: bytes
    """The device's public key (P-256, uncompressed: 65 bytes)."""
    secret: bytes
    """What only the device and we know (16 bytes)."""
    session: str
    """The fingerprint of the session that she was signed in with: when that has ended, the device rings no more."""
    made_at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One try to let a ring reach one device. Instants in milliseconds since the epoch."""

    id: str
    """Unguessable; the device proves by it that it has been knocked at."""
    call: str
    card: str
    """Digest of the context card that the device shows."""
    media: str
    """What the buyer asks for: video or voice."""
    agent: str
    endpoint: str
    planned_at: Millis
    """When the agent began to be rung."""
    until: Millis
    """When the ring ends by itself."""
    due: Millis | None
    """When to send; ``None`` while there is nothing to do."""
    state: State = State.PLANNED
    version: int = 1
    tries: int = 0
    missed: bool = False
    """Whether the ring ended without anybody having answered."""


# What happens to a knock.


@dataclass(frozen=True, slots=True)
class Taken:
    """A push service has taken the message."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """It could not be sent now; it will be tried again."""

    due: Millis


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It cannot be sent, or not in time."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The device has said that it shows the ring."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """The ring is over."""

    missed: bool


Event: TypeAlias = Taken | Postponed | GivenUp | Shown | Recalled

TRANSITIONS: Final[dict[State, dict[type[Event], State]]] = {
    State.PLANNED: {
        Taken: State.SENT,
        Postponed: State.PLANNED,
        GivenUp: State.FAILED,
        Shown: State.HEARD,
        Recalled: State.OVER,
    },
    State.SENT: {Shown: State.HEARD, Recalled: State.RECALLED},
    State.HEARD: {Taken: State.HEARD, Postponed: State.HEARD, GivenUp: State.HEARD, Recalled: State.RECALLED},
    State.RECALLED: {Taken: State.OVER, Postponed: State.RECALLED, GivenUp: State.OVER},
    State.OVER: {},
    State.FAILED: {},
}
"""Every state with the events that may happen in it. A device may say that it shows what a slow push service has not yet
confirmed: then what the service says changes nothing any more."""


def evolve(knock: Knock, event: Event, at: Millis) -> Knock:
    """Return the knock after an event.

    Raises:
        Refused: ``not_now`` where it cannot happen any more; nothing has changed then.
    """
    after = TRANSITIONS[knock.state].get(type(event))
    if after is None:
        raise not_now(f"this knock is {knock.state}")
    knock = replace(knock, state=after, version=knock.version + 1)
    match event:
        case Recalled(missed):
            return replace(knock, missed=missed, due=at if after is State.RECALLED else None)
        case Postponed(due) if after is not State.HEARD:
            return replace(knock, due=due)
        case _:
            return replace(knock, due=None)


def claimed(knock: Knock, until: Millis) -> Knock:
    """Return the knock while one node is at it: nobody else finds it due."""
    return replace(knock, due=until, tries=knock.tries + 1, version=knock.version + 1)
