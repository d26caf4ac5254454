"""Nodes that end while people talk: nobody notices. Real processes, PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kanhuo.shell import journal
from kanhuo.shell.database import Statement, Transaction
from kanhuo.shell.engines import database as database_of
from tests.support.client import RefusedError
from tests.support.engines import Postgres, Redis
from tests.support.house import KEY
from tests.support.process import Node
from tests.support.roaming import Crowd, accept, answer, ask, buy, open_shop, talk

_kinds = Statement(select(journal.LINES.c.kind))


def _all_kinds(tx: Transaction) -> list[str]:
    return [kind for (kind,) in tx.all(_kinds)]


class Estate:
    """Nodes on one database, and what is written in it."""

    def __init__(self, folder: Path, count: int, database: str, bus: str, drain: int) -> None:
        self.database = database
        self.nodes = [
            Node(folder, f"node{n}", database=database, bus=bus, pass_key=KEY, drain=str(drain)) for n in range(count)
        ]
        self.crowd = Crowd([node.url for node in self.nodes])

    async def kinds(self, call: str) -> list[str]:
        return [line.kind for line in await self.read(journal.lines_of, call)]

    async def read(self, work: Any, *values: Any) -> Any:
        db = database_of(self.database)
        await db.open()
        try:
            return await db.read(work, *values)
        finally:
            await db.close()


@pytest.fixture
async def estate(
    tmp_path: Path, postgres: Postgres, redis: Redis, request: pytest.FixtureRequest
) -> AsyncIterator[Estate]:
    count, drain = request.param
    opened = Estate(tmp_path, count, postgres.database(), redis.url, drain=drain)
    await open_shop(tmp_path / "shop", opened.database)
    await asyncio.gather(*(node.start() for node in opened.nodes))
    try:
        yield opened
    finally:
        await opened.crowd.end()
        for node in opened.nodes:
            node.kill()


@pytest.mark.parametrize("estate", [(2, 3)], indirect=True)
async def test_a_node_that_drains_drops_no_call_in_any_state(estate: Estate) -> None:
    leaving, crowd = estate.nodes[0], estate.crowd
    both_here = await crowd.buyer("li"), await crowd.agent("wang")
    talking = await talk(*both_here, "1")
    half_here = await crowd.buyer("chen"), await crowd.agent("zhao", at=1)
    far = await talk(*half_here, "1")
    other_half = await crowd.buyer("sun", at=1), await crowd.agent("qian")
    near = await talk(*other_half, "1")

    resting = await crowd.agent("zhou"), await crowd.buyer("he")
    rested = await talk(resting[1], resting[0], "1")
    await resting[1].ask("call.hang_up", call=rested)
    await resting[0].call_in("ended", call=rested)

    connecting_pair = await crowd.buyer("wu"), await crowd.agent("zheng")
    connecting = await ask(connecting_pair[0], "1")
    await connecting_pair[1].call_in("ringing", call=connecting)
    await accept(connecting_pair[1], connecting)
    rung = await crowd.buyer("feng"), await crowd.agent("shen")
    ringing = await ask(rung[0], "1")
    await rung[1].call_in("ringing", call=ringing, here=True)
    waiter = await crowd.buyer("han")
    waiting = await ask(waiter, "1")
    await waiter.call_in("waiting", call=waiting)

    leaving.signal(signal.SIGTERM)
    assert await leaving.ended() == 0
    moved = [page for page in crowd.pages if page.moves]
    assert len(moved) == 11
    assert not any(page.losses for page in crowd.pages)
    calls = (talking, far, near, connecting, ringing, waiting)
    kinds = {kind for call in calls for kind in await estate.kinds(call)}
    assert not kinds & {"Interrupted", "Returned", "RingWithdrawn", "RingExpired", "Ended"}, kinds
    assert not any(m["missing"] for page in crowd.pages for m in page.heard if m["type"] == "call")

    for (buyer, agent), call in ((both_here, talking), (half_here, far), (other_half, near)):
        await buyer.ask("chat.say", call=call, key="1", text="still here")
        await agent.hear(lambda m, call=call: m["type"] == "chat.line" and m["call"] == call)  # type: ignore[misc]
    for side in connecting_pair:
        await side.ask("call.media_up", call=connecting)
    await connecting_pair[1].call_in("talking", call=connecting)
    await accept(rung[1], ringing)
    assert (await estate.kinds(waiting)) == ["Asked"], "whoever writes up is not rung"
    await resting[0].ask("call.wrap_up", call=rested, outcome="answered", note="")
    rung_at_last = await resting[0].hear(lambda m: m["type"] == "call" and m["state"] == "ringing", within=15)
    assert rung_at_last["call"] == waiting
    for call, page in zip(
        calls, (both_here[0], half_here[0], other_half[0], *connecting_pair[:1], rung[0], waiter), strict=True
    ):
        await page.ask("call.hang_up", call=call)
        await page.call_in("ended", call=call)
    verdict = await estate.read(journal.verify)
    assert verdict.broken is None


@pytest.mark.parametrize("estate", [(3, 4)], indirect=True)
async def test_nodes_restarted_one_after_the_other_under_steady_calls(estate: Estate) -> None:
    crowd, over = estate.crowd, asyncio.Event()
    agents = [await crowd.agent(f"agent{n}", at=n % 3) for n in range(6)]
    buyers = [await crowd.buyer(f"buyer{n}", at=(n + 1) % 3) for n in range(5)]
    answering = [asyncio.create_task(answer(agent)) for agent in agents]
    buying = [asyncio.create_task(buy(buyer, over)) for buyer in buyers]
    for node in estate.nodes:
        node.signal(signal.SIGTERM)
        assert await node.ended() == 0, node.log
        await node.start()
    over.set()
    made = sum(await asyncio.gather(*buying))
    for task in answering:
        task.cancel()
    outcomes = await asyncio.gather(*answering, return_exceptions=True)
    assert not [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert sum(page.losses for page in crowd.pages) == 0
    assert sum(page.moves for page in crowd.pages) >= 11
    kinds = Counter(await estate.read(_all_kinds))
    assert kinds["Ended"] == kinds["Asked"] == made
    assert set(kinds) <= {"Asked", "Offered", "Accepted", "MediaConfirmed", "Connected", "Spoken", "Ended", "WrappedUp"}
    assert made > 30
    verdict = await estate.read(journal.verify)
    assert verdict.broken is None


@pytest.mark.parametrize("estate", [(2, 1)], indirect=True)
async def test_what_a_page_that_does_not_move_carried_is_taken_over_at_once(estate: Estate) -> None:
    crowd = estate.crowd
    buyer, agent = await crowd.buyer("li"), await crowd.agent("wang", at=1)
    call = await talk(buyer, agent, "1")
    buyer.nodes = buyer.nodes[:1]  # it knows of no other node
    estate.nodes[0].signal(signal.SIGTERM)
    assert await estate.nodes[0].ended() == 0
    await agent.hear(lambda m: m["type"] == "call" and m["missing"] == ["buyer"] and m["call"] == call, within=2)


@pytest.mark.parametrize("estate", [(2, 60)], indirect=True)
async def test_a_second_signal_cuts_the_drain_short(estate: Estate) -> None:
    node = estate.nodes[0]
    buyer = await estate.crowd.buyer("li")
    node.signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        while b'"draining":{"well":true' in (await asyncio.to_thread(node.asked, "/readyz", 0) or b""):
            await buyer.settle()
    node.signal(signal.SIGINT)
    assert await node.ended(10) == 0
