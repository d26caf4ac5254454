"""Everything that may be said on kanhuo's socket, declared once.

The two unions are closed; the TypeScript of ``web/src/protocol`` is generated from them by ``scripts/gen``. How a
conversation goes is told in ``docs/protocol.md``.

A session outlives its socket. The server counts the messages it has sent in the session (all but ``welcome``, ``pong``
and ``bye``), the client counts those it has received and tells the number as ``got``; after a lost connection ``hello``
with ``resume`` and ``got`` brings what was missed, in order, and ``welcome.rx`` tells the client which of its own
messages arrived.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from kanhuo.accounts.messages import MerchantCard, PartyCard
from kanhuo.calls.messages import (
    CallAccept,
    CallAsk,
    CallDecline,
    CallHangUp,
    CallHeard,
    CallMediaUp,
    CallRate,
    CallView,
    CallWrapUp,
    DeskView,
    QueueView,
)
from kanhuo.catalogue.messages import Card
from kanhuo.chat.messages import ChatLine, ChatRead, ChatSay
from kanhuo.consent.messages import ConsentGive, ConsentsView, ConsentWithdraw
from kanhuo.kernel.errors import Code
from kanhuo.presence.messages import PresenceBeat, PresenceOffDuty
from kanhuo.shell.wire import Id, Instant, Message, RequestId
from kanhuo.signalling.messages import (
    PeerCandidate,
    PeerCandidateFound,
    PeerDescribe,
    PeerDescribed,
    PeerJoin,
    PeerMedia,
    PeerRestart,
    PeerRestartAsked,
    PeersView,
)

VERSION: Final = 1
"""The version of this protocol; ``hello`` names it."""

MAX_MESSAGE: Final = 65_536
"""The largest message either side may send, in bytes."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Hello(Message, frozen=True, tag="hello", kw_only=True):
    """The first message on every socket. Without a ``pass`` the session cookie of a signed-in agent speaks."""

    version: int
    device: Id
    """Random, kept by the browser: one agent's telephone and desk are two devices."""
    inst: Id
    """Random for each load of the page."""
    pass_: Annotated[str, msgspec.Meta(max_length=8192)] | None = msgspec.field(default=None, name="pass")
    resume: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """``welcome.session`` of the session that is to go on."""
    got: Count = 0


class Ping(Message, frozen=True, tag="ping"):
    """Is the line alive? Every 2 s in a call, every 15 s otherwise; a page cannot see the socket's own pings."""

    got: Count = 0


ClientMessage: TypeAlias = (
    Hello
    | Ping
    | PresenceBeat
    | CallAsk
    | CallHeard
    | CallAccept
    | CallDecline
    | CallHangUp
    | CallMediaUp
    | CallRate
    | CallWrapUp
    | PeerJoin
    | PeerDescribe
    | PeerCandidate
    | PeerRestart
    | PeerMedia
    | ConsentGive
    | ConsentWithdraw
    | ChatSay
    | ChatRead
)


class Welcome(Message, frozen=True, tag="welcome", kw_only=True):
    """The answer to ``hello``. Not counted.

    When ``resumed``, what was missed follows; otherwise the session is new (count from 0 again) and the current views follow.
    """

    session: str
    resumed: bool
    rx: Count
    """The highest ``id`` of this client's messages that arrived in the session."""
    party: PartyCard
    merchant: MerchantCard
    now: Instant
    """The server's clock, for countdowns."""
    card: Card | None = None
    """For a buyer: what the pass names."""
    live: tuple[Id, ...] = ()
    """Calls of this party that are going on; their views follow."""
    grace_ms: int = 30_000
    """How long the session is kept after its socket is lost."""


class Pong(Message, frozen=True, tag="pong", kw_only=True):
    """The line is alive. Not counted."""

    rx: Count
    now: Instant


class Nudge(Message, frozen=True, tag="nudge"):
    """Are you there? Answer with ``ping`` at once, and an agent with ``presence.beat``. Not counted.

    Sent to a page that has said nothing for half the time it may: the timers of pages in the background are slowed down,
    what arrives there is not.
    """


class Done(Message, frozen=True, tag="done", kw_only=True):
    """The request ``re`` is carried out."""

    re: RequestId
    call: Id | None = None


class RefusedMessage(Message, frozen=True, tag="refused", kw_only=True):
    """The request ``re`` is refused and nothing has changed; without ``re``, the message could not be read that far."""

    code: Code
    why: str
    re: RequestId | None = None


class ByeWhy(StrEnum):
    """Why the server ends a connection on purpose."""

    REPLACED = "replaced"
    SIGNED_OUT = "signed_out"
    SHUTTING_DOWN = "shutting_down"
    MOVING = "moving"


class Bye(Message, frozen=True, tag="bye"):
    """The server is about to close this socket. Not counted. After ``replaced`` and ``signed_out`` do not come back.

    After ``moving`` this socket goes on serving; open another one ``in_ms`` from now, and leave this one once the other has
    been welcomed.
    """

    why: ByeWhy
    in_ms: Count | None = None


ServerMessage: TypeAlias = (
    Welcome
    | Pong
    | Nudge
    | Done
    | RefusedMessage
    | Bye
    | CallView
    | QueueView
    | DeskView
    | PresenceOffDuty
    | ConsentsView
    | PeersView
    | PeerDescribed
    | PeerCandidateFound
    | PeerRestartAsked
    | ChatLine
)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of both unions."""
    (client, server), components = msgspec.json.schema_components(
        [ClientMessage, ServerMessage], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kanhuo socket protocol, version {VERSION}",
        "$defs": {"ClientMessage": client, "ServerMessage": server, **components},
    }
