"""The one WebSocket: picows on uvicorn's own port.

uvicorn takes a class as its ``ws`` setting and builds one for each upgrade request. Ours feeds the request to picows'
protocol and makes that the transport's protocol: half the processor time for a message and a third of the memory for an
idle socket, compared with the socket uvicorn ships. Price: picows' protocol class is private (its version is pinned),
and the origin check, limits and back-pressure below are ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import msgspec
from picows import WSAutoPingStrategy, WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from kanhuo.accounts.http import COOKIE
from kanhuo.edge.burst import Burst, in_one
from kanhuo.edge.reception import Reception
from kanhuo.edge.session import Session
from kanhuo.kernel.errors import Code, Refused
from kanhuo.protocol import MAX_MESSAGE, ClientMessage, Hello, Ping
from kanhuo.shell.wire import Request
from kanhuo.signalling.messages import PeerDescribe

log = logging.getLogger(__name__)
_quiet = logging.getLogger("kanhuo.picows")
_quiet.setLevel(logging.WARNING)  # its lines hold network addresses
_log_of_picows = logging.LoggerAdapter(_quiet)  # of a plain logger, picows makes a child for each connection

PATH: Final = "/socket"

LARGEST_FRAME: Final = 4 * MAX_MESSAGE
"""A frame up to this size is refused in words; beyond it the connection is closed (1009)."""

DESCRIPTION: Final = 20
"""How many messages a description counts for: it takes about a millisecond to read."""

MOST_WAITING: Final = 64
"""How many requests of one page may wait for their turn."""

MOST_FAULTS: Final = 20
"""How many unreadable messages are answered before the connection is closed as abuse."""

MOST_UNSENT: Final = 1_048_576
"""How many bytes may wait for a page that does not read."""

HELLO_WITHIN: Final = 10.0
"""Seconds a connection may be silent before its ``hello``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one connection may say: ``rate`` messages a second on average, ``burst`` at once."""

    rate: float = 100
    burst: float = 400
    abuse: float = 2_000
    """How many messages beyond the burst it may send before the connection is closed."""


class _Envelope(msgspec.Struct):
    """As much of an unreadable message as an answer needs."""

    id: int | None = None


_TEXT: Final = WSMsgType.TEXT
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a hostile message may raise; the last where it is nested a thousand deep."""

_decode: Final = msgspec.json.Decoder(ClientMessage).decode
_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode


class Connection(WSListener):
    """One socket: reads frames, keeps the limits, hands messages to the reception in order."""

    __slots__ = (
        "_allowance",
        "_burst",
        "_busy",
        "_cookie",
        "_deadline",
        "_faults",
        "_greeting",
        "_limits",
        "_parts",
        "_reception",
        "_refilled_at",
        "_session",
        "_transport",
        "_waiting",
    )

    def __init__(self, reception: Reception, limits: Limits, burst: Burst, cookie: str | None) -> None:
        self._reception = reception
        self._limits = limits
        self._burst = burst
        self._cookie = cookie
        self._transport: WSTransport | None = None
        self._session: Session | None = None
        self._waiting: deque[Request] | None = None
        self._busy: asyncio.Task[None] | None = None
        self._parts: bytearray | None = None
        self._allowance = limits.burst
        self._refilled_at = asyncio.get_running_loop().time()
        self._faults = 0
        self._greeting = False
        self._deadline: asyncio.TimerHandle | None = None

    # What a session needs of a socket

    def send(self, frame: bytes) -> None:
        """Send one text frame; a page that does not read is let go, and may resume."""
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        traffic = self._reception.traffic
        traffic.frames_out += 1
        traffic.bytes_out += len(frame)
        if self._burst.begun:
            self._burst.add(self, frame)
            return
        transport.send(_TEXT, frame)
        _let_go_if_unread(transport)

    def write(self, frames: Sequence[bytes]) -> None:
        """Send what waited for the end of a burst."""
        transport = self._transport
        if transport is not None and not transport.underlying_transport.is_closing():
            transport.underlying_transport.write(in_one(frames))
            _let_go_if_unread(transport)

    def close(self, code: int, why: str) -> None:
        """Close with a code and a reason."""
        self._burst.hurry(self)
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(code, why.encode())  # type: ignore[arg-type]
            self._transport.disconnect()

    # What picows tells

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin. Most connections are idle: what the upgrade needed is forgotten."""
        self._transport = transport
        self._reception.traffic.sockets += 1
        transport.request.headers.clear()
        transport.response.headers.clear()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HELLO_WITHIN, self.close, WSCloseCode.POLICY_VIOLATION.value, "say hello")

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """End; the session waits for another socket."""
        self._transport = None
        self._reception.traffic.sockets -= 1
        self._greeted()
        if self._session is not None:
            self._reception.detach(self._session, self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Read one frame. A message may come in several."""
        kind = frame.msg_type
        if kind is _TEXT and frame.fin and self._parts is None:
            if not frame.last_in_buffer:
                self._burst.begin()
            self._message(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            self._burst.hurry(self)
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif kind in (_TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._piece(frame.get_payload_as_bytes(), last=frame.fin)

    def _piece(self, data: bytes, *, last: bool) -> None:
        if self._parts is None and last:
            self._message(data)
            return
        if self._parts is None:
            self._parts = bytearray()
        self._parts += data
        self._allowance -= 0 if last else 1
        if self._allowance < -self._limits.abuse:
            self.close(WSCloseCode.POLICY_VIOLATION.value, Code.TOO_MANY)
        elif len(self._parts) > LARGEST_FRAME:
            self.close(WSCloseCode.MESSAGE_TOO_BIG.value, "too large")
        elif last:
            data, self._parts = bytes(self._parts), None
            self._message(data)

    # Messages

    def _message(self, data: bytes) -> None:
        traffic = self._reception.traffic
        traffic.frames_in += 1
        traffic.bytes_in += len(data)
        if not self._may_speak(data):
            return
        if len(data) > MAX_MESSAGE:
            self._fault(Refused(Code.TOO_LARGE, f"a message may have {MAX_MESSAGE} bytes at most"), None)
            return
        try:
            message = _decode(data)
        except _UNREADABLE as failure:
            self._fault(Refused(Code.MALFORMED, str(failure)), _id_of(data))
            return
        if isinstance(message, Hello):
            self._hello(message)
        elif self._session is None:
            self._fault(Refused(Code.HELLO_FIRST, "the first message is hello"), _id_of(data))
        elif isinstance(message, Ping):
            self._reception.ping(self._session, message)
        else:
            self._request(self._session, message)

    def _may_speak(self, data: bytes) -> bool:
        now = asyncio.get_running_loop().time()
        limits = self._limits
        self._allowance = min(limits.burst, self._allowance + (now - self._refilled_at) * limits.rate) - 1
        self._refilled_at = now
        if self._allowance >= 0:
            return True
        if self._allowance < -limits.abuse:
            self.close(WSCloseCode.POLICY_VIOLATION.value, Code.TOO_MANY)
        else:
            self._refuse(Refused(Code.TOO_MANY, "too many messages; slow down"), _id_of(data))
        return False

    def _hello(self, hello: Hello) -> None:
        if self._session is not None or self._greeting:
            self._fault(Refused(Code.MALFORMED, "hello is said once"), None)
            return
        self._greeting = True
        self._busy = asyncio.create_task(self._greet(hello))

    async def _greet(self, hello: Hello) -> None:
        try:
            self._session = await self._reception.hello(hello, self._cookie, self)
        except Refused as refusal:
            self._fault(refusal, None)
            return
        except Exception:
            log.exception("a hello failed")
            self.close(WSCloseCode.INTERNAL_ERROR.value, Code.INTERNAL)
            return
        finally:
            self._greeting = False
            self._busy = None
        self._greeted()
        if self._transport is None:
            self._reception.detach(self._session, self)

    def _greeted(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _request(self, session: Session, message: Request) -> None:
        if isinstance(message, PeerDescribe):
            self._allowance -= DESCRIPTION
        if self._busy is None:
            self._carry_out(session, message)
            return
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= MOST_WAITING:
            refusal = Refused(Code.TOO_MANY, "too many requests wait already")
            session.send(self._reception.refusal(refusal, message.id))
            return
        self._waiting.append(message)

    def _carry_out(self, session: Session, message: Request) -> None:
        self._busy = self._reception.take(session, message)
        if self._busy is not None:
            self._busy.add_done_callback(self._next)

    def _next(self, _: asyncio.Task[None]) -> None:
        self._busy = None
        while self._waiting and self._busy is None and self._session is not None:  # type: ignore[redundant-expr]
            self._carry_out(self._session, self._waiting.popleft())
        if not self._waiting:
            self._waiting = None

    def _fault(self, refusal: Refused, re: int | None) -> None:
        self._faults += 1
        self._refuse(refusal, re)
        if self._faults > MOST_FAULTS:
            self.close(WSCloseCode.POLICY_VIOLATION.value, refusal.code)

    def _refuse(self, refusal: Refused, re: int | None) -> None:
        """Refuse; a page counts what it is sent in its session, so the session has to count it too."""
        (self if self._session is None else self._session).send(self._reception.refusal(refusal, re))


def _let_go_if_unread(transport: WSTransport) -> None:
    if transport.underlying_transport.get_write_buffer_size() > MOST_UNSENT:
        transport.disconnect(graceful=False)


def _id_of(data: bytes) -> int | None:
    try:
        return _decode_envelope(data).id
    except _UNREADABLE:
        return None


@dataclass(frozen=True, slots=True)
class Door:
    """Decides which upgrade requests become connections."""

    reception: Reception
    limits: Limits
    origins: frozenset[str]
    """Foreign origins whose pages may connect, beside our own."""
    burst: Burst = field(default_factory=Burst)
    """What all connections of this node write together."""

    def __call__(self, request: WSUpgradeRequest) -> Connection | None:
        """Return a connection, or ``None`` (404) for another path or a page of a foreign origin."""
        if request.path.split(b"?", 1)[0] != PATH.encode():
            return None
        origin = _header(request, "Origin")
        own = origin is None or origin.partition("://")[2] == _header(request, "Host")
        if not own and origin not in self.origins:
            return None
        # a shop's page speaks by its pass alone: its scripts must not answer calls with an agent's cookie
        cookie = _cookie(_header(request, "Cookie")) if own else None
        return Connection(self.reception, self.limits, self.burst, cookie)


def _header(request: WSUpgradeRequest, name: str) -> str | None:
    value = request.headers.get(name)
    return str(value) if value is not None else None


def _cookie(header: str | None) -> str | None:
    for part in (header or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None


class PicowsUpgrade(asyncio.Protocol):
    """What uvicorn builds for an upgrade request: hands the transport over to picows."""

    __slots__ = ("_loop", "_picows")

    door: ClassVar[Door]

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:  # noqa: ARG002
        self._loop: asyncio.AbstractEventLoop = _loop or asyncio.get_running_loop()
        self._picows = WSProtocol(
            None,
            None,
            False,  # noqa: FBT003 - the server's side
            type(self).door,
            _log_of_picows,
            True,  # noqa: FBT003 - a listener that raises ends its connection
            5.0,  # handshake timeout, s
            False,  # noqa: FBT003 - no pings of its own: pages ping, see protocol.Ping
            20,
            20,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,  # noqa: FBT003 - answers pings
            LARGEST_FRAME,
            None,
            2048,  # initial read buffer, bytes: the least that picows takes
        )

    def connection_made(self, transport: Any) -> None:
        """Take the transport and, in the next turn of the loop, leave it to picows."""
        self._picows.connection_made(transport)
        self._loop.call_soon(transport.set_protocol, self._picows)

    def data_received(self, data: bytes) -> None:
        """Feed the rebuilt request (and what came behind it) to picows."""
        rest = memoryview(data)
        while rest:
            buffer = self._picows.get_buffer(len(rest))
            size = min(len(buffer), len(rest))
            buffer[:size] = rest[:size]
            self._picows.buffer_updated(size)
            rest = rest[size:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on."""
        self._picows.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Pass the end of input on."""
        return self._picows.eof_received()  # type: ignore[no-any-return]
