"""Chat from the socket."""

from __future__ import annotations

from kanhuo.accounts.model import Party
from kanhuo.chat.messages import ChatLine, ChatRead, ChatSay
from kanhuo.chat.service import Chat


async def say(chat: Chat, party: Party, message: ChatSay) -> None:
    """Say something."""
    await chat.say(party, message.call, message.key, message.text, message.picture)


async def read(chat: Chat, party: Party, message: ChatRead) -> list[ChatLine]:
    """Read what was said."""
    return await chat.read(party, message.call, message.after)
