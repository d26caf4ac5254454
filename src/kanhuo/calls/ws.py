"""Calls from the socket: a message becomes one use case."""

from __future__ import annotations

from kanhuo.accounts.model import Party
from kanhuo.calls.messages import (
    CallAccept,
    CallAsk,
    CallDecline,
    CallHangUp,
    CallHeard,
    CallMediaUp,
    CallRate,
    CallWrapUp,
)
from kanhuo.calls.ringing import Ringing
from kanhuo.calls.service import Calls


async def ask(calls: Calls, party: Party, device: str, message: CallAsk) -> str:
    """Begin a call; return its id."""
    return (await calls.ask(party, device, message.key, message.media)).id


async def heard(ringing: Ringing, party: Party, device: str, message: CallHeard) -> None:
    """Note that the ring has reached this device."""
    await ringing.heard(party, device, message.call)


async def accept(calls: Calls, party: Party, device: str, message: CallAccept) -> None:
    """Take a call on this device."""
    await calls.accept(party, device, message.call, message.media)


async def decline(calls: Calls, party: Party, message: CallDecline) -> None:
    """Pass a call on."""
    await calls.decline(party, message.call, message.why)


async def hang_up(calls: Calls, party: Party, message: CallHangUp) -> None:
    """End a call."""
    await calls.hang_up(party, message.call)


async def media_up(calls: Calls, party: Party, message: CallMediaUp) -> None:
    """Note that media flow."""
    await calls.media_up(party, message.call)


async def rate(calls: Calls, party: Party, message: CallRate) -> None:
    """Keep a verdict."""
    await calls.rate(party, message.call, message.stars, message.why)


async def wrap_up(calls: Calls, party: Party, message: CallWrapUp) -> None:
    """Keep a note."""
    await calls.wrap_up(party, message.call, message.outcome, message.note)
