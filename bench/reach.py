"""How soon a ring reaches an agent: from the buyer's request to the journal's line that says so, for each rung, on two nodes.

The buyer asks at one node; what shows the ring says so at the other. One push in ten is lost after its service has taken it, as
happens with telephones: then the robot has to reach her.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession

from bench.figures import Aim, Figures, quantile
from bench.options import Options
from bench.page import Page, page
from bench.server import KEY, Measured, another, merchant, pass_, serving
from kanhuo.accounts.model import Role
from kanhuo.app import App, build
from kanhuo.config import Settings
from kanhuo.kernel.clock import SECOND, SystemClock
from kanhuo.presence.policy import BLINK
from kanhuo.reach import store
from kanhuo.shell import journal
from tests.support.push import Browser, PushService, push_service
from tests.support.receivers import SECRET, SHOP_SECRET, Receivers, receivers

RUNGS: Final = ("socket", "push", "robot", "webhook")

LOST: Final = 0.1
"""The part of pushes that are taken and never arrive."""

WITHIN: Final = 10.0
"""Seconds within which a ring has to be known to have reached somebody."""

_keys = (f"k-{n}" for n in itertools.count())


@dataclass
class World:
    """Two nodes, what agents are reached by, and who is reached; each agent has a merchant of her own."""

    app: App
    """The same house, for what no page does: accounts are made by it, and the journal read."""
    nodes: list[Measured]
    service: PushService
    chats: Receivers
    http: ClientSession
    random: random.Random
    lost: set[str] = field(default_factory=set)
    """Calls whose push was lost."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def agent(self, rung: str, n: int) -> None:
        """Let the agent of a merchant go on duty and, unless her page is what rings, close it."""
        session = ""
        if rung in ("push", "robot"):
            session = await self._signed_in(n)
            await self._post("/v1/reach/robots", {"url": self.chats.feishu.url, "secret": SECRET}, session)
        if rung == "push":
            browser = self.service.browser(f"b{n}")
            await self._post("/v1/reach/push", {"device": "d", "subscription": browser.subscription}, session)
            self.tasks.append(asyncio.create_task(self._device(browser)))
        token = "" if session else pass_("agent", f"reached-{n}", merchant(n))
        desk = await page(self.nodes[1].url, token, cookie=session)
        desk.send("presence.beat", duty=True, foreground=True)
        if rung == "socket":
            desk.heard = lambda message, _: self._shown(desk, message)
            return
        while not any((await self._reachable(n)).values()):
            await asyncio.sleep(0.05)
        assert desk.transport is not None
        desk.transport.disconnect()

    async def ring(self, buyer: Page) -> str:
        """Let a buyer ask, and hang up once the ring has reached somebody or time is up; return the call."""
        asked = await buyer.ask("call.ask", key=next(_keys), media="video")
        call: str = asked["call"]
        for _ in range(int(WITHIN * 2 / 0.05)):
            if await self.heard(call) is not None:
                break
            await asyncio.sleep(0.05)
        await buyer.ask("call.hang_up", call=call)
        return call

    async def heard(self, call: str) -> float | None:
        """Return how long after the request, in milliseconds, the journal says that the ring has reached her."""
        lines = await self.app.db.read(journal.lines_of, call)
        return next((line.at - lines[0].at for line in lines if line.kind == "Heard"), None)

    async def _signed_in(self, n: int) -> str:
        secret, _ = await self.app.accounts.invite(merchant(n), Role.OWNER)
        name = f"{merchant(n)}-agent"
        return (await self.app.accounts.join(secret, name, name, "a long enough password")).secret

    async def _reachable(self, n: int) -> Any:
        return await self.app.db.read(store.reachable, merchant(n), SystemClock().now(), True)

    async def _post(self, path: str, body: object, session: str = "") -> None:
        headers = {"Cookie": f"kanhuo_session={session}"} if session else {}
        async with self.http.post(f"http://127.0.0.1:{self.nodes[1].port}{path}", json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()

    async def _device(self, browser: Browser) -> None:
        """Show what arrives, as a telephone does."""
        while True:
            ring = await browser.hear("ring", within=3_600)
            if self.random.random() < LOST:
                self.lost.add(ring.body["call"])
            else:
                await self._post("/v1/knocks/heard", {"knock": ring.body["knock"]})

    def _shown(self, desk: Page, message: dict[str, Any]) -> None:
        if message["type"] == "call" and message["state"] == "ringing":
            desk.send("call.heard", call=message["call"])


@asynccontextmanager
async def world(options: Options, agents: int) -> AsyncIterator[World]:
    """Run two nodes with as many agents for each rung."""
    async with AsyncExitStack() as stack:
        service, chats = await stack.enter_async_context(push_service()), await stack.enter_async_context(receivers())
        clock = SystemClock()
        chats.now = lambda: clock.now() // SECOND
        reached = {
            "KANHUO_TRUSTED_RECEIVERS": f"{service.host},{chats.host}",
            "KANHUO_RING_WEBHOOK": chats.shop.url,
            "KANHUO_RING_WEBHOOK_SECRET": SHOP_SECRET,
        }
        first = await stack.enter_async_context(serving(len(RUNGS) * agents, options, more=reached))
        second = await stack.enter_async_context(another(first.environment, pinned=False))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        app = build(Settings(data=folder, pass_key=KEY, pepper=KEY[::-1], database=options.database))
        await app.db.open()
        stack.push_async_callback(app.db.close)
        http = await stack.enter_async_context(ClientSession())
        made = World(app, [first, second], service, chats, http, random.Random(options.seed or 0))
        yield made
        for task in made.tasks:
            task.cancel()


async def run(options: Options) -> Figures:
    agents, rounds = (5, 2) if options.short else (25, 8)
    async with world(options, agents) as here:
        for n, rung in enumerate(RUNGS * agents):
            await here.agent(rung, n)
        await asyncio.sleep(BLINK / SECOND + 1)  # so that their pages are known to be gone
        took: dict[str, list[float]] = {name: [] for name in (*RUNGS, "push_lost")}
        calls = 0
        for k, rung in enumerate(RUNGS):
            ours = range(k, len(RUNGS) * agents, len(RUNGS))
            buyers = [await page(here.nodes[0].url, pass_("buyer", f"asks-{n}", merchant(n)), "phone") for n in ours]
            for _ in range(rounds):
                for call in await asyncio.gather(*map(here.ring, buyers)):
                    calls += 1
                    length = await here.heard(call)
                    if length is not None:
                        took["push_lost" if call in here.lost else rung].append(length)
    reached = [length for lengths in took.values() for length in lengths]
    figures = Figures()
    figures.values = {
        **{
            f"{name}_ms_p{q}": quantile(lengths, q / 100)
            for name, lengths in took.items()
            if lengths
            for q in (50, 95, 99)
        },
        "pushes_lost": len(took["push_lost"]),
        "calls_measured": calls,
        "reached_within_10_s": sum(length <= WITHIN * SECOND for length in reached) / calls,
    }
    figures.aims = {"reached_within_10_s": Aim("≥", 1)}
    return figures
