"""Chat on the wire. Words and pictures never enter the journal."""

from __future__ import annotations

from typing import Annotated

import msgspec

from kanhuo.calls.terms import Side
from kanhuo.shell.wire import Id, Instant, Message, Request


class ChatSay(Request, frozen=True, tag="chat.say", kw_only=True):
    """Say something: either ``text`` or ``picture`` (the id that uploading it gave), repeatable by ``key``. Answered ``done``."""

    call: Id
    key: Id
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    picture: Id | None = None


class ChatRead(Request, frozen=True, tag="chat.read", kw_only=True):
    """Ask for the lines after number ``after`` (0 for all); they arrive as ``chat.line``. Answered ``done``."""

    call: Id
    after: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = 0


class ChatLine(Message, frozen=True, tag="chat.line", kw_only=True):
    """One thing said. ``n`` counts from 1 within the call; a client ignores an ``n`` it has."""

    call: Id
    n: int
    side: Side
    at: Instant
    key: Id
    text: str | None = None
    picture: Id | None = None
    """Fetched from ``/v1/pictures/{picture}``."""
