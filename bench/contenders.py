"""Who is measured side by side: kanhuo, PeerServer, and a bare relay on Node's ``ws``.

Each is spoken to in its own words, by messages of the same size. kanhuo does its whole work: passes are verified, each
message is checked for party, page, round and count, and kept until the page confirms it. The peers check nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.calls import people
from bench.lanes import Lane, sized
from bench.options import Options
from bench.page import Page, page
from bench.server import Measured, merchant, node, pass_, serving

PAIRS = 50
MERCHANTS = 100
A_ROUND = 190
"""A round may have 200 candidates; then the buyer offers anew."""

PEERS = Path(__file__).parent / "peers"

_encode = msgspec.json.Encoder().encode
_calls = (f"relay-{n}" for n in itertools.count())

SDP = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n"
)


class Contender(Protocol):
    """A server that relays between two connections."""

    name: str

    def serving(self, options: Options) -> AbstractAsyncContextManager[Measured]:
        """Run it."""

    async def lanes(self, server: Measured) -> list[Lane]:
        """Connect pairs of connections."""

    async def idler(self, server: Measured, n: int) -> WSListener:
        """Connect somebody who will say nothing but that she is there."""

    async def keep_alive(self, idlers: Sequence[WSListener]) -> None:
        """Say for all, for ever, that they are there, as often as this server's own pages do."""


def contenders() -> list[Contender]:
    """Return kanhuo, and the peers where ``npm ci`` has been run in ``bench/peers``."""
    found: list[Contender] = [Kanhuo()]
    if shutil.which("node") and (PEERS / "node_modules").is_dir():
        found += [PeerServer(), NodeWs()]
    return found


class Kanhuo:
    name = "kanhuo"

    def serving(self, options: Options) -> AbstractAsyncContextManager[Measured]:
        return serving(MERCHANTS, options)

    async def lanes(self, server: Measured) -> list[Lane]:
        pairs = await people([server], PAIRS)
        return list(await asyncio.gather(*(Talk.of(buyer, agent) for buyer, agent in pairs)))

    async def idler(self, server: Measured, n: int) -> WSListener:
        """Connect an agent on duty, who has confirmed what she was told."""
        agent = await page(server.url, pass_("agent", f"idle-{n}", merchant(n % MERCHANTS)))
        agent.send("presence.beat", duty=True, foreground=True)
        agent.send_raw({"type": "ping", "got": 2**40})
        return agent

    async def keep_alive(self, idlers: Sequence[WSListener]) -> None:
        def say(idler: WSListener) -> None:
            assert isinstance(idler, Page)
            idler.send("presence.beat", duty=True, foreground=True)
            idler.ping()

        await in_turn(idlers, 15, say)


async def in_turn(idlers: Sequence[WSListener], every: float, say: Callable[[WSListener], None]) -> None:
    """Let each one speak once in ``every`` seconds, evenly, for ever; the sequence may grow meanwhile."""
    at = 0.0
    while True:
        await asyncio.sleep(0.05)
        if not idlers:
            continue
        until = at + len(idlers) * 0.05 / every
        for n in range(int(at), int(until)):
            say(idlers[n % len(idlers)])
        at = until


class Talk(Lane):
    """Candidates of one call, from the agent to the buyer; the buyer offers anew when a round is full."""

    def __init__(self, buyer: Page, agent: Page, call: str) -> None:
        super().__init__(self._candidate)
        self._buyer, self._agent, self._call = buyer, agent, call
        self._rounds = itertools.count(1)
        self._round = 0
        self._left = 0
        self._offering = False
        self._begin, self._end = b"", b""
        buyer.watched, buyer.arrived = b'{"type":"peer.candidate_found"', self.arrived

    @classmethod
    async def of(cls, buyer: Page, agent: Page) -> Talk:
        call: str = (await buyer.ask("call.ask", key=next(_calls), media="voice"))["call"]
        await agent.state("ringing", call)
        await buyer.ask("peer.join", call=call, round=0)
        await agent.ask("call.accept", call=call, media="voice")
        await agent.ask("peer.join", call=call, round=0)
        await asyncio.gather(buyer.ask("call.media_up", call=call), agent.ask("call.media_up", call=call))
        return cls(buyer, agent, call)

    def open(self) -> bool:
        if self._left:
            return True
        if not self._offering and not self.outstanding:
            self._offering, self._round = True, next(self._rounds)
            offer = {"call": self._call, "to": self._agent.inst, "round": self._round, "kind": "offer", "sdp": SDP}
            self._buyer.ask("peer.describe", **offer).add_done_callback(self._offered)
        return False

    def _offered(self, answer: asyncio.Future[dict[str, object]]) -> None:
        answer.result()
        self._offering, self._left = False, A_ROUND
        self._begin, self._end = sized(self._frame).split(b"10000", 1)
        self.push()

    def _frame(self, candidate: str) -> bytes:
        head = {"type": "peer.candidate", "id": 10_000, "call": self._call, "to": self._buyer.inst}
        return _encode({**head, "round": self._round, "candidate": _found(candidate)})

    def _candidate(self) -> None:
        self._left -= 1
        assert self._agent.transport is not None
        self._agent.transport.send(WSMsgType.TEXT, b"%b%d%b" % (self._begin, self._agent.number(), self._end))


class Plain(WSListener):
    """A connection to a peer."""

    def __init__(self) -> None:
        self.watched = b"\xff"
        self.arrived: Callable[[], None] = lambda: None
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, _: WSTransport, frame: WSFrame) -> None:
        if frame.get_payload_as_bytes().startswith(self.watched):
            self.arrived()


class _Peer:
    """A server on Node; its framing is its subclass's."""

    name: str
    script: str
    path: str
    watched: bytes

    def serving(self, options: Options) -> AbstractAsyncContextManager[Measured]:  # noqa: ARG002 - it keeps nothing
        return node(PEERS / self.script, self.path)

    async def lanes(self, server: Measured) -> list[Lane]:
        return [await self._lane(server, n) for n in range(PAIRS)]

    async def idler(self, server: Measured, n: int) -> WSListener:
        return await self._connect(server, f"idle-{n}")

    async def keep_alive(self, idlers: Sequence[WSListener]) -> None:
        """``ws`` has no client of its own that would say anything."""

    async def _lane(self, server: Measured, n: int) -> Lane:
        source, target = [await self._connect(server, f"{name}-{n}") for name in ("from", "to")]
        frame = sized(lambda candidate: _encode(self.message(f"to-{n}", candidate)))
        assert source.transport is not None
        send = source.transport.send
        lane = Lane(lambda: send(WSMsgType.TEXT, frame))
        target.watched, target.arrived = self.watched, lane.arrived
        return lane

    async def _connect(self, server: Measured, name: str) -> Plain:
        _, opened = await ws_connect(Plain, f"{server.url}id={name}", read_buffer_init_size=2048)
        assert isinstance(opened, Plain)
        return opened

    def message(self, to: str, candidate: str) -> dict[str, object]:
        raise NotImplementedError


def _found(candidate: str) -> dict[str, object]:
    return {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "EEtu"}


class PeerServer(_Peer):
    """npm ``peer``: reads each message, names its source and writes it anew."""

    name, script, path = "peerserver", "peerserver.js", "/peerjs?key=peerjs&token=t&"
    watched = b'{"type":"CANDIDATE"'

    def message(self, to: str, candidate: str) -> dict[str, object]:
        payload: dict[str, object] = {"candidate": _found(candidate), "type": "media", "connectionId": "mc_8fz2k1q0c5e"}
        return {"type": "CANDIDATE", "payload": payload, "dst": to}

    async def keep_alive(self, idlers: Sequence[WSListener]) -> None:
        def say(idler: WSListener) -> None:
            assert isinstance(idler, Plain)
            assert idler.transport is not None
            idler.transport.send(WSMsgType.TEXT, b'{"type":"HEARTBEAT"}')

        await in_turn(idlers, 5, say)


class NodeWs(_Peer):
    """npm ``ws``: a relay of a dozen lines that forwards each message as it came."""

    name, script, path = "node_ws", "relay.js", "/?"
    watched = b'{"type":"candidate"'

    def message(self, to: str, candidate: str) -> dict[str, object]:
        return {"type": "candidate", "to": to, "candidate": _found(candidate)}
