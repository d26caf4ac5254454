"""A page that goes to another node when it is asked to, as web/src/core/link.ts does, and the people behind such pages."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from kanhuo.accounts.model import Merchant
from kanhuo.accounts.passes import mint
from kanhuo.app import build
from kanhuo.config import Settings
from kanhuo.kernel.clock import SystemClock
from tests.support.client import UNCOUNTED, Client, Message, RefusedError
from tests.support.house import CONTEXT, KEY, SHOP

LOST = "line.lost"
"""What a page hears when its line is lost, in the place of an answer."""

QUIET = 2.0
"""Seconds without a word after which a page asks whether the line is alive; after as many more it gives the line up."""


class Roamer(Client):
    """A page that has all nodes behind a balancer of its own: the next one that takes the connection."""

    def __init__(self, nodes: Sequence[str], **more: Any) -> None:
        super().__init__(nodes[0], **more)
        self.nodes = nodes
        self.duty: bool | None = None
        self.call: str | None = None
        self.moves = 0
        self.losses = 0
        """How often its line was lost: what a drain must never do."""
        self.overloaded = 0
        self._speaking = asyncio.Lock()
        self._up = asyncio.Event()
        self._up.set()
        self._greeting = self._probing = False
        self._moving: asyncio.Task[None] | None = None
        self._readers: set[asyncio.Task[Any]] = set()
        self._over = False

    async def ask(self, type_: str, **fields: Any) -> Message:
        """Ask on one socket; one that was lost meanwhile has it asked again on the next, as has a node with too much to do."""
        while True:
            await self._up.wait()
            async with self._speaking:
                if not self._up.is_set():
                    continue
                id_ = -1
                with contextlib.suppress(ConnectionClosed):
                    id_ = await self.send(type_, **fields)
                answer = await self.hear(lambda m, id_=id_: m["type"] == LOST or m.get("re") == id_)  # type: ignore[misc]
            if answer.get("code") == "overloaded":
                self.overloaded += 1
            elif answer["type"] == "refused":
                raise RefusedError(answer)
            elif answer["type"] != LOST:
                return answer

    async def hear(self, wanted: Callable[[Message], bool], *, within: float = 30) -> Message:
        """As any page, with more patience: nodes end and start while it waits."""
        return await super().hear(wanted, within=within)

    async def knows_the_end_of(self, call: str, *, since: int, within: float) -> None:
        """Return once it has been told that a call is over: by a view, or by a welcome, after ``since`` moves, without it."""
        async with asyncio.timeout(within), self._news:
            while not (
                any(m["type"] == "call" and m["call"] == call and m["state"] == "ended" for m in self.heard)
                or (self.moves > since and call not in self.welcome["live"])
            ):
                await self._news.wait()

    async def on_duty(self, *, duty: bool = True) -> None:
        self.duty = duty
        await self.send("presence.beat", duty=duty, foreground=True)
        await self.settle()

    async def end(self) -> None:
        self._over = True
        if self._moving is not None:
            self._moving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._moving
        await self.close()
        readers = list(self._readers)
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._readers.add(me)
        me.add_done_callback(self._readers.discard)
        with contextlib.suppress(ConnectionClosed):
            while (frame := await self._frame(socket)) is not None:
                await self._take(socket, json.loads(frame))
        if socket is self._socket and not self._over and not self._greeting:
            self.losses += 1
            self._up.clear()
            async with self._news:
                self.heard.append({"type": LOST})
                self._news.notify_all()
            self._go(0)

    async def _frame(self, socket: ClientConnection) -> str | bytes | None:
        """Return the next frame; ``None`` once the line has been silent for too long."""
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET):
                    return await socket.recv()
            if not self._probing:
                self._probing = True
                await socket.send(json.dumps({"type": "ping", "got": self.got}))
        socket.transport.abort()
        return None

    async def _take(self, socket: ClientConnection, message: Message) -> None:
        here = socket is self._socket
        if message["type"] == "pong" and self._probing:
            self._probing = False
        elif message["type"] == "bye" and message["why"] == "moving":
            self._go(message["in_ms"])
        elif message["type"] == "nudge" and here:
            await self.raw(json.dumps({"type": "ping", "got": self.got}))
            if self.duty is not None:
                await self.send("presence.beat", duty=self.duty, foreground=True)
        elif here or message["type"] not in UNCOUNTED | {"done", "refused"}:
            async with self._news:
                self.heard.append(message)
                if here and message["type"] not in UNCOUNTED:
                    self.got += 1
                self._news.notify_all()

    def _go(self, in_ms: int) -> None:
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move(in_ms))

    async def _move(self, in_ms: int) -> None:
        await asyncio.sleep(in_ms / 1_000)
        while not await self._greeted(await self._connected()):
            pass  # that node has ended, or stopped short, over the greeting

    async def _greeted(self, socket: ClientConnection) -> bool:
        async with self._speaking:
            self._greeting = True  # from now on the old node may close its socket
            self._up.clear()
            hello = {"type": "hello", "version": 1, "device": self.device, "inst": self.inst, "pass": self.pass_}
            answer: Message = {"type": "refused", "code": "overloaded"}
            try:
                with contextlib.suppress(ConnectionClosed, TimeoutError):
                    async with asyncio.timeout(2 * QUIET):
                        await socket.send(json.dumps({**hello, "resume": self.session, "got": self.got}))
                        answer = json.loads(await socket.recv())
            finally:
                if answer["type"] != "welcome":
                    socket.transport.abort()
            if answer.get("code") == "overloaded":
                return False
            assert answer["type"] == "welcome", answer
            await self._go_on(socket, answer)
        return True

    async def _go_on(self, socket: ClientConnection, welcome: Message) -> None:
        self.welcome = welcome
        self.session = welcome["session"]
        self._ids, self.got = itertools.count(1), 0
        self._socket, self.moves, self._greeting, self._probing = socket, self.moves + 1, False, False
        self.heard = [m for m in self.heard if m["type"] != LOST]
        self._up.set()
        self._reader = asyncio.create_task(self._read(socket))
        with contextlib.suppress(ConnectionClosed):  # its reader sees that
            if self.duty is not None:
                await self.send("presence.beat", duty=self.duty, foreground=True)
            if self.call is not None and self.call in self.welcome["live"]:
                await self.send("peer.join", call=self.call, round=1)
        async with self._news:
            self._news.notify_all()

    async def _connected(self) -> ClientConnection:
        at = self.nodes.index(self.url)
        for n in itertools.count(1):
            self.url = self.nodes[(at + n) % len(self.nodes)]
            try:
                return await connect(self.url, compression=None, max_size=None, open_timeout=2 * QUIET)
            except (OSError, InvalidHandshake):
                await asyncio.sleep(0.05)
        raise AssertionError


class Crowd:
    """People of one shop, on several nodes."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.nodes = nodes
        self.pages: list[Roamer] = []

    async def buyer(self, sub: str, at: int = 0) -> Roamer:
        return await self._page(at, role="buyer", sub=sub, context=CONTEXT)

    async def agent(self, sub: str, at: int = 0) -> Roamer:
        page = await self._page(at, role="agent", sub=sub, name=sub.title())
        await page.on_duty()
        return page

    async def _page(self, at: int, **claims: Any) -> Roamer:
        token = mint(KEY, {"merchant": SHOP, **claims}, audience="kanhuo", now=SystemClock().now())
        page = Roamer((*self.nodes[at:], *self.nodes[:at]), pass_=token)
        self.pages.append(page)
        await page.open()
        return page

    async def end(self) -> None:
        await asyncio.gather(*(page.end() for page in self.pages))


async def ask(buyer: Roamer, key: str) -> str:
    call: str = (await buyer.ask("call.ask", key=key, media="voice"))["call"]
    buyer.call = call
    await buyer.ask("peer.join", call=call, round=0)
    return call


async def accept(agent: Roamer, call: str) -> None:
    await agent.ask("call.accept", call=call, media="voice")
    agent.call = call
    await agent.ask("peer.join", call=call, round=0)


async def talk(buyer: Roamer, agent: Roamer, key: str) -> str:
    """Bring two to a talk."""
    call = await ask(buyer, key)
    await agent.call_in("ringing", call=call, here=True)
    await accept(agent, call)
    for side in (buyer, agent):
        await side.ask("call.media_up", call=call)
    for side in (buyer, agent):
        await side.call_in("talking", call=call)
    return call


async def heard(page: Client, wanted: Callable[[Message], bool]) -> Message:
    return await page.hear(wanted, within=30)


async def buy(buyer: Roamer, over: asyncio.Event) -> int:
    """Make one call after the other; return how many."""
    for n in itertools.count(1):
        if over.is_set():
            return n - 1
        call = await ask(buyer, f"k{n}")
        await heard(buyer, lambda m, call=call: m["type"] == "call" and m["call"] == call and m["agent"])  # type: ignore[misc]
        await heard(buyer, _state(call, "connecting", "talking"))
        await buyer.ask("call.media_up", call=call)
        await heard(buyer, _state(call, "talking"))
        await buyer.ask("chat.say", call=call, key="1", text=f"line of {call}")
        await heard(buyer, lambda m, call=call: m["type"] == "chat.line" and m["call"] == call)  # type: ignore[misc]
        await buyer.ask("call.hang_up", call=call)
        await heard(buyer, _state(call, "ended"))
        buyer.call = None
        buyer.heard.clear()
    raise AssertionError


async def answer(agent: Roamer) -> None:
    """Answer every ring, and write up every call."""
    while True:
        call = (await agent.hear(lambda m: m["type"] == "call" and m["state"] == "ringing" and m["here"], within=120))[
            "call"
        ]
        try:
            await accept(agent, call)
            await agent.ask("call.media_up", call=call)
            await heard(agent, _state(call, "ended"))
        except RefusedError as refusal:
            if refusal.code not in {"not_now", "not_yours"}:
                raise
        agent.call = None
        agent.heard = [m for m in agent.heard if m["type"] == "call" and m["state"] == "ringing" and m["call"] != call]
        try:
            await agent.ask("call.wrap_up", call=call, outcome="answered", note="")
        except RefusedError as refusal:
            if refusal.code not in {"not_now", "not_yours"}:
                raise


def _state(call: str, *states: str) -> Callable[[Message], bool]:
    return lambda m: m["type"] == "call" and m["call"] == call and m["state"] in states


async def open_shop(folder: Path, database: str) -> None:
    """Let the shop be known to all nodes."""
    app = build(Settings(data=folder, database=database, pass_key=KEY, pepper="the same on every node"))
    await app.db.open()
    try:
        await app.accounts.put_merchant(Merchant(id=SHOP, name="Orchard"))
    finally:
        await app.db.close()
