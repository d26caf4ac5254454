"""Descriptions, candidates and the state of both peers on the wire.

``inst`` names one load of a page (its incarnation). The pair (buyer's inst, agent's inst) is what a peer connection
joins; when either changes, both sides build a new one. ``round`` numbers the offers of a call: answers and candidates
carry the round they belong to, and what belongs to an old round is dropped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from kanhuo.shell.wire import Id, Message, Part, Request, Seq

Round = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Sdp = Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]


class DescriptionKind(StrEnum):
    """The two kinds of description kanhuo passes on; the buyer offers, the agent answers."""

    OFFER = "offer"
    ANSWER = "answer"


class Facing(StrEnum):
    """Which way a phone's camera looks."""

    USER = "user"
    ENVIRONMENT = "environment"


class Candidate(Part, frozen=True, kw_only=True):
    """An ICE candidate as ``RTCIceCandidate.toJSON()`` writes it (RFC 8839); an empty ``candidate`` ends the list."""

    candidate: Annotated[str, msgspec.Meta(max_length=1024)]
    sdpMid: Annotated[str, msgspec.Meta(max_length=64)] | None = None  # noqa: N815 - the browser\'s own name
    sdpMLineIndex: Annotated[int, msgspec.Meta(ge=0, le=7)] | None = None  # noqa: N815 - the browser\'s own name
    usernameFragment: Annotated[str, msgspec.Meta(max_length=256)] | None = None  # noqa: N815 - the browser\'s own name


class PeerJoin(Request, frozen=True, tag="peer.join", kw_only=True):
    """This page carries this side of the call: after every ``welcome`` while a call is live. Answered ``done``.

    A buyer joins as soon as the call has an id, an agent right behind ``call.accept``. ``round`` is the highest round that
    this page has seen, so that a restarted server counts on.
    """

    call: Id
    round: Round


class PeerDescribe(Request, frozen=True, tag="peer.describe", kw_only=True):
    """A description for the other side. Answered ``done`` or ``refused``; a refused one is not passed on."""

    call: Id
    to: Id
    """The other side's ``inst``."""
    round: Round
    kind: DescriptionKind
    sdp: Sdp


class PeerCandidate(Request, frozen=True, tag="peer.candidate", kw_only=True):
    """A candidate for the other side. Not answered unless refused."""

    call: Id
    to: Id
    round: Round
    candidate: Candidate


class PeerRestart(Request, frozen=True, tag="peer.restart", kw_only=True):
    """The agent's page asks the buyer's page for an ICE restart (the buyer alone makes offers). Not answered unless refused."""

    call: Id
    to: Id


class PeerMedia(Request, frozen=True, tag="peer.media", kw_only=True):
    """What this side sends at this moment; a far side would keep the last frame otherwise. Not answered unless refused."""

    call: Id
    audio: bool
    video: bool
    facing: Facing | None = None


class PeerSide(Part, frozen=True, kw_only=True):
    """One side of the pair."""

    inst: Id
    audio: bool = False
    video: bool = False
    facing: Facing | None = None


class IceServer(Part, frozen=True, kw_only=True):
    """As ``RTCIceServer``."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class PeersView(Message, frozen=True, tag="peers", kw_only=True):
    """Both sides of the pair, whole. ``seq`` is an instant that rises with every change."""

    seq: Seq
    call: Id
    round: Round
    """The highest round offered so far; the next offer takes the number above it."""
    buyer: PeerSide | None = None
    agent: PeerSide | None = None
    ice: tuple[IceServer, ...] = ()
    """For ``RTCConfiguration.iceServers``."""


class PeerDescribed(Message, frozen=True, tag="peer.described", kw_only=True):
    """The other side's description."""

    call: Id
    by: Id
    """The ``inst`` of the page that made it."""
    round: Round
    kind: DescriptionKind
    sdp: str


class PeerCandidateFound(Message, frozen=True, tag="peer.candidate_found", kw_only=True):
    """The other side's candidate."""

    call: Id
    by: Id
    round: Round
    candidate: Candidate


class PeerRestartAsked(Message, frozen=True, tag="peer.restart_asked", kw_only=True):
    """The agent's page wishes for an ICE restart."""

    call: Id
    by: Id
