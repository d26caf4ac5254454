"""Consent from the socket."""

from __future__ import annotations

from kanhuo.accounts.model import Party
from kanhuo.consent.messages import ConsentGive, ConsentWithdraw
from kanhuo.consent.service import ConsentBook


async def give(book: ConsentBook, party: Party, message: ConsentGive) -> None:
    """Note a yes."""
    await book.give(party, message.call, message.purpose)


async def withdraw(book: ConsentBook, party: Party, message: ConsentWithdraw) -> None:
    """Note that a yes is taken back."""
    await book.withdraw(party, message.call, message.purpose)
