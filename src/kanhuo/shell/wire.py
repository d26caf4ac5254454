"""What every message has in common: closed, tagged, frozen, and bounded in every field.

A message is a JSON object whose ``type`` says which; unknown fields are refused (``forbid_unknown_fields``).
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec

from kanhuo.shell.bus import Bus, Topic

Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+(?![\s\S])")]
"""An identifier. It names a thing and never authorises anything."""

RequestId: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""The client's own number for a message: starts at 1 with each session and rises by one."""

Instant: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""Milliseconds since the Unix epoch."""

Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""The version of a whole view; a client ignores a view whose ``seq`` it has reached or passed."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of everything on the wire."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of a value inside a message."""


class Request(Message, frozen=True, kw_only=True):
    """A client's message. Processed in the order of ``id``; answered ``done`` or ``refused`` where its type says so."""

    id: RequestId


class Moved(msgspec.Struct, frozen=True):
    """A page has come to a node from another one, where its session ends."""

    party: str
    device: str
    inst: str
    node: str
    """Where it is now."""


MOVED: Final = Topic("pages.moved", Moved)

_encode = msgspec.json.Encoder().encode


class Telling(msgspec.Struct, frozen=True):
    """A message on its way to a party's devices, encoded once for all of them."""

    party: str
    frame: bytes
    only: str | None = None
    """The one device it is for."""
    but: str | None = None
    """The one device it is not for."""


FRAMES: Final = Topic("frames", Telling)
"""What goes to a party's devices, on whichever node they are connected."""


def tell(bus: Bus, party: str, message: Message, *, only: str | None = None, but: str | None = None) -> None:
    """Send a message to the devices of a party that are connected now. Call it after the commit, never before."""
    if bus.reaches(party):
        bus.publish(FRAMES, Telling(party, _encode(message), only, but), party)


def tell_here(bus: Bus, party: str, message: Message, *, only: str | None = None) -> None:
    """Send a message to the devices of a party that are connected to this node."""
    if bus.attends(party):
        bus.here(FRAMES, Telling(party, _encode(message), only))
