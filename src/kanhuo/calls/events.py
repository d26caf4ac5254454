"""What may be asked of a call (commands, in the imperative) and what has happened to it (events, in the past)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from kanhuo.calls.terms import DeclineWhy, Media, Reason, Side
from kanhuo.kernel.clock import Millis
from kanhuo.reach.model import Rung

# Commands: what somebody asks for.


@dataclass(frozen=True, slots=True)
class Offer:
    """Ring this agent; ``rung`` is the first way that can reach her."""

    agent: str
    rung: Rung = Rung.SOCKET


@dataclass(frozen=True, slots=True)
class Hear:
    """The ring has reached this agent."""

    agent: str
    rung: Rung
    device: str
    after: Millis
    opened: bool = False
    """Whether she has just opened it herself, by a link: she needs time to answer, whatever was before."""


@dataclass(frozen=True, slots=True)
class Accept:
    """This agent takes the call on this device."""

    agent: str
    device: str
    media: Media


@dataclass(frozen=True, slots=True)
class Decline:
    """This agent does not take the call."""

    agent: str
    why: DeclineWhy


@dataclass(frozen=True, slots=True)
class ExpireRing:
    """The ring has lasted long enough."""


@dataclass(frozen=True, slots=True)
class WithdrawRing:
    """The agent being rung is gone."""


@dataclass(frozen=True, slots=True)
class ConfirmMedia:
    """This side sees or hears the other."""

    side: Side


@dataclass(frozen=True, slots=True)
class Lose:
    """This side's page is gone, perhaps to return."""

    side: Side


@dataclass(frozen=True, slots=True)
class Regain:
    """This side's page is back."""

    side: Side


@dataclass(frozen=True, slots=True)
class HangUp:
    """This side ends the call, whatever its state."""

    side: Side


@dataclass(frozen=True, slots=True)
class Close:
    """The server ends the call."""

    reason: Reason


Command: TypeAlias = (
    Offer | Hear | Accept | Decline | ExpireRing | WithdrawRing | ConfirmMedia | Lose | Regain | HangUp | Close
)

# Events: what has happened.


@dataclass(frozen=True, slots=True)
class Asked:
    """The buyer tapped; the first line of every call's journal."""

    merchant: str
    buyer: str
    card: str
    media: Media


@dataclass(frozen=True, slots=True)
class Offered:
    """An agent is being rung; ``rung`` is the first way that can reach her."""

    agent: str
    rung: Rung = Rung.SOCKET


@dataclass(frozen=True, slots=True)
class Heard:
    """The ring has reached the agent on a device, so long (in milliseconds) after it began."""

    agent: str
    rung: Rung
    device: str
    after: Millis


@dataclass(frozen=True, slots=True)
class Accepted:
    """An agent answered on one of her devices."""

    agent: str
    device: str
    media: Media


@dataclass(frozen=True, slots=True)
class Declined:
    """The agent did not take the call, and said why."""

    agent: str
    why: DeclineWhy


@dataclass(frozen=True, slots=True)
class RingExpired:
    """The agent let it ring."""

    agent: str


@dataclass(frozen=True, slots=True)
class RingUnheard:
    """It was not known in time that the ring has reached the agent."""

    agent: str


@dataclass(frozen=True, slots=True)
class RingWithdrawn:
    """The agent's devices went away while it rang."""

    agent: str


@dataclass(frozen=True, slots=True)
class MediaConfirmed:
    """One side's media flow, the other's not yet."""

    side: Side


@dataclass(frozen=True, slots=True)
class Connected:
    """Both sides' media flow: the talk begins."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A side's page is gone."""

    side: Side


@dataclass(frozen=True, slots=True)
class Returned:
    """A side's page is back, and the state stays as it was."""

    side: Side


@dataclass(frozen=True, slots=True)
class Resumed:
    """The last missing side is back and the talk goes on."""

    side: Side


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over, for one reason."""

    reason: Reason
    by: Side | None = None


Event: TypeAlias = (
    Asked
    | Offered
    | Heard
    | Accepted
    | Declined
    | RingExpired
    | RingUnheard
    | RingWithdrawn
    | MediaConfirmed
    | Connected
    | Interrupted
    | Returned
    | Resumed
    | Ended
)
