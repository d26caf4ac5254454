"""Presence from the socket."""

from __future__ import annotations

from kanhuo.accounts.model import Party
from kanhuo.presence.messages import PresenceBeat
from kanhuo.presence.service import PresenceBook


def heard(book: PresenceBook, party: Party, device: str, message: PresenceBeat) -> None:
    """Note an agent's beat."""
    book.heard(party.merchant, party.id, device, duty=message.duty, foreground=message.foreground)
