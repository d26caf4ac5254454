"""A whole server in the test's own loop, on a port of its own, with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from kanhuo.accounts.model import Merchant, Opening
from kanhuo.accounts.passes import mint
from kanhuo.app import App, build, server
from kanhuo.calls.policy import DEFAULT, Patience
from kanhuo.config import Settings
from kanhuo.presence.store import RedisRoster
from kanhuo.shell import journal
from kanhuo.shell.journal import Line, Verdict
from tests.support.client import Client
from tests.support.clock import FakeClock

KEY = "a secret of the shop's back end, long enough"
SHOP = "mer_fruit"
OTHER_SHOP = "mer_phones"
CONTEXT = {"kind": "product", "ref": "sku-1", "title": "Fuji apples, 5 kg", "price": "¥39.90"}


class TestHouse:
    """A running server and what tests do with it."""

    __test__ = False

    def __init__(self, app: App, clock: FakeClock, running: uvicorn.Server) -> None:
        self.app = app
        self.clock = clock
        self.port: int = running.servers[0].sockets[0].getsockname()[1]
        self._clients: list[Client] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    def pass_(self, role: str, sub: str, merchant: str = SHOP, **claims: Any) -> str:
        body: Mapping[str, Any] = {"role": role, "sub": sub, "merchant": merchant}
        own = {"name": sub.title()} if role == "agent" else {"context": CONTEXT}
        return mint(KEY, {**body, **own, **claims}, audience="kanhuo", now=self.clock.now())

    async def buyer(self, sub: str = "li", *, device: str = "", **claims: Any) -> Client:
        return await self.client(Client(self.url, pass_=self.pass_("buyer", sub, **claims), device=device))

    async def agent(self, sub: str = "wang", *, duty: bool = True, device: str = "", merchant: str = SHOP) -> Client:
        client = await self.client(Client(self.url, pass_=self.pass_("agent", sub, merchant), device=device))
        if duty:
            await self.on_duty(client)
        return client

    async def on_duty(self, client: Client, *, duty: bool = True) -> None:
        await client.send("presence.beat", duty=duty, foreground=True)
        await client.settle()
        await self.beat()
        if duty:
            await client.hear(lambda m: m["type"] == "desk" and m["duty"])
        roster = self.app.roster
        if isinstance(roster, RedisRoster) and roster._writing is not None:
            await roster._writing  # other nodes can read it

    async def client(self, client: Client) -> Client:
        self._clients.append(client)
        return await client.open()

    async def beat(self, after: int = 0) -> None:
        """Let time pass and act; whoever is connected says so before it does, as pages do."""
        self.clock.pass_(after)
        for client in self._clients:
            if client.connected:
                await client.settle()
        await self.app.beat()

    async def ringing(self, buyer: Client, agent: Client, media: str = "video") -> str:
        """Let a buyer ask and an agent's device ring; return the call's id."""
        call: str = (await buyer.ask("call.ask", key="k1", media=media))["call"]
        await agent.call_in("ringing", call=call, here=True)
        await buyer.call_in("ringing", call=call)
        await buyer.ask("consent.give", call=call, purpose="microphone")
        await buyer.ask("peer.join", call=call, round=0)
        return call

    async def talking(self, buyer: Client, agent: Client) -> str:
        """Bring two to a talk; return the call's id."""
        call = await self.ringing(buyer, agent)
        await agent.ask("call.accept", call=call, media="video")
        await agent.ask("peer.join", call=call, round=0)
        for side in (buyer, agent):
            await side.hear(lambda m: m["type"] == "peers" and bool(m["buyer"] and m["agent"]))
            await side.ask("call.media_up", call=call)
        for side in (buyer, agent):
            await side.call_in("talking", call=call)
        return call

    async def lines(self, call: str) -> list[Line]:
        return await self.app.db.read(journal.lines_of, call)

    async def kinds(self, call: str) -> list[str]:
        return [line.kind for line in await self.lines(call)]

    async def verdict(self) -> Verdict:
        return await self.app.db.read(journal.verify)

    async def part(self) -> None:
        for client in self._clients:
            await client.close()


@asynccontextmanager
async def house(
    folder: Path, *, clock: FakeClock | None = None, patience: Patience = DEFAULT, **settings: Any
) -> AsyncIterator[TestHouse]:
    """Run a server for as long as the block lasts."""
    clock = clock or FakeClock()
    async with node(folder, clock, patience, **settings) as opened:
        hours = (Opening(0, 9 * 60, 18 * 60),)
        await opened.app.accounts.put_merchant(Merchant(id=SHOP, name="Orchard", hours=hours))
        await opened.app.accounts.put_merchant(Merchant(id=OTHER_SHOP, name="Phones"))
        clock.pass_(DEFAULT.nobody)
        yield opened


@asynccontextmanager
async def houses(
    folder: Path, count: int, *, database: str, bus: str, patience: Patience = DEFAULT, **more: Any
) -> AsyncIterator[list[TestHouse]]:
    """Run several nodes on one database and one bus, with one clock; each has its beat called by hand."""
    clock = FakeClock()
    settings = {"database": database, "bus": bus, "pepper": "the same on every node", **more}
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(house(folder / "0", clock=clock, patience=patience, **settings))
        rest = [
            await stack.enter_async_context(node(folder / str(n), clock, patience, **settings)) for n in range(1, count)
        ]
        clock.pass_(DEFAULT.nobody)
        for each in (first, *rest):
            await each.app.beat()
        yield [first, *rest]


@asynccontextmanager
async def node(
    folder: Path, clock: FakeClock, patience: Patience = DEFAULT, **settings: Any
) -> AsyncIterator[TestHouse]:
    """Run one node for as long as the block lasts."""
    given = {"drain": 0.0, **settings}
    app = build(Settings(data=folder, port=0, pass_key=KEY, **given), clock=clock, patience=patience)
    running = server(app, alarm=False)
    running.config.setup_event_loop = lambda: None  # type: ignore[method-assign]
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(running.serve())
    while not running.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    opened = TestHouse(app, clock, running)
    try:
        yield opened
    finally:
        await opened.part()
        running.should_exit = True
        await task
