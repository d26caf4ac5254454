"""Frames that leave together.

Pages speak in bursts, candidates above all: several messages come in one read. Writing is what costs most then, and
writing eight frames costs little more than writing one. So from the first of several messages until the end of this turn
of the loop frames wait; what answers a message that came alone is written at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol


class Writer(Protocol):
    """What a burst needs of a connection."""

    def write(self, frames: Sequence[bytes]) -> None:
        """Send text frames in one write."""


class Burst:
    """The frames of one node that wait, by connection."""

    __slots__ = ("_frames", "begun")

    def __init__(self) -> None:
        self.begun = False
        """Whether frames have to wait now."""
        self._frames: dict[Writer, list[bytes]] = {}

    def begin(self) -> None:
        """Let frames wait until the end of this turn of the loop."""
        if not self.begun:
            self.begun = True
            asyncio.get_running_loop().call_soon(self._end)

    def add(self, connection: Writer, frame: bytes) -> None:
        """Let a frame wait."""
        self._frames.setdefault(connection, []).append(frame)

    def hurry(self, connection: Writer) -> None:
        """Write now what waits for one connection: it is about to be closed."""
        frames = self._frames.pop(connection, None)
        if frames is not None:
            connection.write(frames)

    def _end(self) -> None:
        self.begun = False
        frames, self._frames = self._frames, {}
        for connection, waiting in frames.items():
            connection.write(waiting)


def in_one(frames: Sequence[bytes]) -> bytes:
    """Return text messages as a server writes them, one behind the other (RFC 6455, section 5.2)."""
    return b"".join([part for frame in frames for part in (_head(len(frame)), frame)])


def _head(size: int) -> bytes:
    """Return what stands before a whole, unmasked text message of so many bytes."""
    if size < 126:
        return bytes((0x81, size))
    return b"\x81\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x81\x7f" + size.to_bytes(8, "big")
