"""A knock: one try to let a ring reach an agent beyond her open pages, at one endpoint.

It is planned with the offer, in the same transaction. Whoever finds it due sends it; a try that fails is made again while the
ring lasts. When the ring is over, what was sent is taken back by one more message.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.kernel.errors import not_now


class Rung(StrEnum):
    """The ways to ring an agent, in the order in which they are tried."""

    SOCKET = "socket"
    """A page of hers that is open."""
    PUSH = "push"
    """A notification of the browser, by Web Push (RFC 8030): no page needs to be open."""
    ROBOT = "robot"
    """A message of a robot in a chat that she reads, with a link that opens the call."""
    WEBHOOK = "webhook"
    """The shop's own back end is told, and sends a text message or lets her telephone ring."""


class Kind(StrEnum):
    """What an endpoint speaks."""

    PUSH = "push"
    WECOM = "wecom"
    """A group robot of 企业微信."""
    FEISHU = "feishu"
    """A custom robot of 飞书 (Lark)."""
    DINGTALK = "dingtalk"
    """A custom robot of 钉钉."""
    WEBHOOK = "webhook"


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
    """Where an agent can be reached though no page of hers is open: a browser, a robot, or the shop's own back end."""

    id: str
    merchant: str
    agent: str
    url: str
    made_at: Millis
    kind: Kind = Kind.PUSH
    device: str = ""
    """For a browser: the device's own name."""
    key: bytes = b""
    """For a browser: its public key (P-256, uncompressed: 65 bytes)."""
    secret: bytes = b""
    """What only it and we know: 16 bytes for a browser; what a robot's signatures are made with, empty where it wants none."""
    session: str = ""
    """For a browser: the fingerprint of the session that she was signed in with; when that has ended, it rings no more. All
    others ring while she is signed in anywhere."""
    language: str = "zh"
    """For a robot: the language it speaks."""

    @property
    def rung(self) -> Rung:
        """Which way to ring this is."""
        match self.kind:
            case Kind.PUSH:
                return Rung.PUSH
            case Kind.WEBHOOK:
                return Rung.WEBHOOK
            case _:
                return Rung.ROBOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """How long after an agent's browsers were knocked at each further rung is climbed, in milliseconds; ``None`` for never.

    Who has nothing but a robot does not wait for a browser: the first rung that an agent has is climbed at once.
    """

    robot: Millis | None = 4 * SECOND
    webhook: Millis | None = 8 * SECOND

    def after(self, rung: Rung) -> Millis | None:
        """Return when a rung is climbed."""
        match rung:
            case Rung.ROBOT:
                return self.robot
            case Rung.WEBHOOK:
                return self.webhook
            case _:
                return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One try to let a ring reach an agent at one endpoint. Instants in milliseconds since the epoch."""

    id: str
    """Unguessable; whoever shows the ring proves by it that it was knocked at."""
    call: str
    card: str
    """Digest of the context card that the device shows."""
    media: str
    """What the buyer asks for: video or voice."""
    merchant: str
    agent: str
    endpoint: str
    rung: Rung
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
    shown: bool = False
    """Whether it was ever shown."""

    @property
    def untried(self) -> bool:
        """Whether nothing was sent yet."""
        return self.state is State.PLANNED and self.tries == 0


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
        case Shown():
            return replace(knock, shown=True, due=None)
        case Postponed(due) if after is not State.HEARD:
            return replace(knock, due=due)
        case _:
            return replace(knock, due=None)


def claimed(knock: Knock, until: Millis) -> Knock:
    """Return the knock while one node is at it: nobody else finds it due."""
    return replace(knock, due=until, tries=knock.tries + 1, version=knock.version + 1)
