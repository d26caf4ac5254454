"""What is said in writing within a call."""

from __future__ import annotations

from dataclasses import dataclass

from kanhuo.calls.terms import Side
from kanhuo.kernel.clock import Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing said: text, or a picture by its id."""

    n: int
    key: str
    """The sender's own name for it, so that sending it twice says it once."""
    side: Side
    at: Millis
    text: str | None = None
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """The journal's line of it: that something was said, never what."""

    n: int
    side: Side
    picture: bool
