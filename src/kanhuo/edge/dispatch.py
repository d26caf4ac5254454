"""Which use case each message means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from kanhuo.accounts.policy import Act, allow
from kanhuo.calls import ws as calls_ws
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
from kanhuo.chat import ws as chat_ws
from kanhuo.chat.messages import ChatRead, ChatSay
from kanhuo.chat.service import Chat
from kanhuo.consent import ws as consent_ws
from kanhuo.consent.messages import ConsentGive, ConsentWithdraw
from kanhuo.consent.service import ConsentBook
from kanhuo.presence import ws as presence_ws
from kanhuo.presence.messages import PresenceBeat
from kanhuo.presence.service import PresenceBook
from kanhuo.protocol import Done
from kanhuo.shell.wire import Message, Request
from kanhuo.signalling import ws as signalling_ws
from kanhuo.signalling.messages import PeerCandidate, PeerDescribe, PeerJoin, PeerMedia, PeerRestart
from kanhuo.signalling.service import Page, Signalling

Answer: TypeAlias = Sequence[Message]
AtOnce: TypeAlias = Callable[[Page, Any], None]


@dataclass(frozen=True, slots=True)
class Rooms:
    """The services that messages are for."""

    presence: PresenceBook
    calls: Calls
    ringing: Ringing
    consents: ConsentBook
    chat: Chat
    signalling: Signalling


ACTS: Final[dict[type[Request], Act]] = {
    PresenceBeat: Act.BE_ON_DUTY,
    CallAsk: Act.ASK,
    CallHeard: Act.ACCEPT,
    CallAccept: Act.ACCEPT,
    CallDecline: Act.DECLINE,
    CallHangUp: Act.HANG_UP,
    CallMediaUp: Act.TALK,
    CallRate: Act.RATE,
    CallWrapUp: Act.WRAP_UP,
    ConsentGive: Act.CONSENT,
    ConsentWithdraw: Act.CONSENT,
    ChatSay: Act.CHAT,
    ChatRead: Act.CHAT,
    PeerJoin: Act.TALK,
    PeerDescribe: Act.TALK,
    PeerCandidate: Act.TALK,
    PeerRestart: Act.TALK,
    PeerMedia: Act.TALK,
}
"""What each message is in the table of ``accounts/policy.py``."""


class Dispatch:
    """Leads each message to its use case.

    Some are carried out at once and answered only by a refusal (``at_once``); the others take their time and are
    answered ``done``.
    """

    def __init__(self, rooms: Rooms) -> None:
        calls, consents, chat, peers = rooms.calls, rooms.consents, rooms.chat, rooms.signalling
        self._at_once: dict[type, AtOnce] = {
            PresenceBeat: lambda page, m: presence_ws.heard(rooms.presence, page.party, page.device, m),
            PeerCandidate: lambda page, m: signalling_ws.candidate(peers, page, m),
            PeerRestart: lambda page, m: signalling_ws.restart(peers, page, m),
            PeerMedia: lambda page, m: signalling_ws.media(peers, page, m),
        }
        self._in_time: dict[type, Callable[[Page, Any], Awaitable[object]]] = {
            CallAsk: lambda page, m: calls_ws.ask(calls, page.party, page.device, m),
            CallHeard: lambda page, m: calls_ws.heard(rooms.ringing, page.party, page.device, m),
            CallAccept: lambda page, m: calls_ws.accept(calls, page.party, page.device, m),
            CallDecline: lambda page, m: calls_ws.decline(calls, page.party, m),
            CallHangUp: lambda page, m: calls_ws.hang_up(calls, page.party, m),
            CallMediaUp: lambda page, m: calls_ws.media_up(calls, page.party, m),
            CallRate: lambda page, m: calls_ws.rate(calls, page.party, m),
            CallWrapUp: lambda page, m: calls_ws.wrap_up(calls, page.party, m),
            ConsentGive: lambda page, m: consent_ws.give(consents, page.party, m),
            ConsentWithdraw: lambda page, m: consent_ws.withdraw(consents, page.party, m),
            ChatSay: lambda page, m: chat_ws.say(chat, page.party, m),
            ChatRead: lambda page, m: chat_ws.read(chat, page.party, m),
            PeerJoin: lambda page, m: signalling_ws.join(peers, page, m),
            PeerDescribe: lambda page, m: signalling_ws.describe(peers, page, m),
        }

    def at_once(self, page: Page, message: Request) -> bool:
        """Carry out a message that needs no waiting; return ``False`` where it is not of that kind.

        Raises:
            Refused: as its use case does.
        """
        handler = self._at_once.get(type(message))
        if handler is None:
            return False
        allow(page.party, ACTS[type(message)])
        handler(page, message)
        return True

    async def in_time(self, page: Page, message: Request) -> Answer:
        """Carry out a message; return what is sent back, ``done`` being the last.

        Raises:
            Refused: as its use case does.
        """
        allow(page.party, ACTS[type(message)])
        result = await self._in_time[type(message)](page, message)
        if isinstance(result, list):
            return [*result, Done(re=message.id)]
        return [Done(re=message.id, call=result if isinstance(result, str) else None)]
