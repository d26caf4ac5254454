"""What matters of a session description, and the pair of pages that a peer connection joins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kanhuo.calls.terms import Side


class Direction(StrEnum):
    """Who sends on a media line, from the view of whoever made the description (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the describing side sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the describing side receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One ``m=`` section of a description."""

    kind: str
    """``audio``, ``video``, ``application`` …"""
    direction: Direction
    sources: int = 0
    """How many ``a=ssrc`` lines announce streams."""
    layers: bool = False
    """Whether the description uses simulcast or restriction ids (RFC 8851, RFC 8853) anywhere."""


@dataclass(frozen=True, slots=True)
class Description:
    """A session description, as far as the rules look at it."""

    lines: tuple[MediaLine, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """One side's page: its incarnation, its device, and what it says it sends."""

    inst: str
    device: str
    since: int
    """When this was so first: of two accounts of one side the later counts."""
    audio: bool = False
    video: bool = False
    facing: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The two pages of a call, and the numbering of offers between them.

    Where the pages are connected to two nodes, each node keeps the pair; each changes its own side, and what the other
    tells is merged.
    """

    call: str
    seq: int = 0
    round: int = 0
    """The highest round offered."""
    answered: int = 0
    """The highest round answered."""
    candidates: int = 0
    """How many candidates the present round has had from both sides together."""
    buyer: Peer | None = None
    agent: Peer | None = None

    def of(self, side: Side) -> Peer | None:
        """Return one side's page."""
        return self.buyer if side is Side.BUYER else self.agent
