"""Pages that come to another node: their session begins anew there and ends where it was, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kanhuo.calls import store
from kanhuo.calls.policy import DEFAULT
from kanhuo.calls.terms import Side
from kanhuo.presence.policy import BLINK
from tests.support.client import Client, RefusedError
from tests.support.engines import Postgres, Redis
from tests.support.house import TestHouse, houses


@pytest.fixture
async def nodes(tmp_path: Path, postgres: Postgres, redis: Redis) -> AsyncIterator[list[TestHouse]]:
    async with houses(tmp_path, 2, database=postgres.database(), bus=redis.url) as opened:
        yield opened


async def come(page: Client, there: TestHouse) -> None:
    """Say hello at another node while the old socket is still there, as a page does that moves."""
    page.url = there.url
    page.heard.clear()
    await page.open(resume=True)
    page.closed_with = None


async def go(page: Client, there: TestHouse) -> None:
    """Lose the line, and come to another node."""
    await page.vanish()
    await come(page, there)


async def carrier(house: TestHouse, call: str, side: Side) -> str | None:
    return await house.app.db.read(store.carrier, call, side)


async def until(house: TestHouse, condition: Any) -> None:
    async with asyncio.timeout(5):
        while not await condition():
            await house.app.db.read(store.merchants_with_waiting)


async def test_the_old_node_forgets_the_session_and_hands_over_what_it_carried(nodes: list[TestHouse]) -> None:
    here, there = nodes
    agent, buyer = await here.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    before = buyer.session
    await come(buyer, there)
    assert (buyer.welcome["resumed"], buyer.welcome["live"]) == (False, [call])
    assert buyer.session != before

    async def handed_over() -> bool:
        return here.app.reception.sessions == 1 and await carrier(here, call, Side.BUYER) == there.app.nodes.me

    await until(here, handed_over)
    peers = await buyer.hear(lambda m: m["type"] == "peers")
    assert peers["buyer"]["inst"] == buyer.inst, "the pair is known there before the page joins"
    assert peers["agent"]["inst"] == agent.inst
    await buyer.ask("peer.join", call=call, round=1)
    for house in (here, there):
        await house.beat(5_000)
    assert "Interrupted" not in await there.kinds(call)


async def test_a_page_that_is_lost_right_after_it_came_is_missed(nodes: list[TestHouse]) -> None:
    here, there = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    await come(buyer, there)

    async def handed_over() -> bool:
        return await carrier(here, call, Side.BUYER) == there.app.nodes.me

    await until(here, handed_over)
    await buyer.vanish()
    for _ in range(2):
        for house in (here, there):
            await house.beat(4_000)
    assert (await agent.call_in("broken", call=call))["missing"] == ["buyer"]


async def test_an_agent_who_moves_is_on_duty_throughout_and_goes_on_wrapping_up(nodes: list[TestHouse]) -> None:
    here, there = nodes
    agent, buyer = await here.agent(), await there.buyer()
    call = await there.talking(buyer, agent)
    await buyer.ask("call.hang_up", call=call)
    await agent.call_in("ended", call=call)
    await come(agent, there)

    async def forgotten() -> bool:
        return not any(s.party.id == agent.welcome["party"]["id"] for s in here.app.reception._sessions.values())

    await until(here, forgotten)
    assert [name for name, _ in (await there.app.presence.staff("mer_fruit")).on_duty], "before a word from there"
    await there.on_duty(agent)
    for house in nodes:
        await house.beat(BLINK)
    staff = await there.app.presence.staff("mer_fruit")
    assert len(staff.on_duty) == len(staff.resting) == 1
    assert here.app.presence.on_duty_here() == 0
    await agent.ask("call.wrap_up", call=call, outcome="agreed", note="")
    second = (await buyer.ask("call.ask", key="k2", media="video"))["call"]
    await agent.call_in("ringing", call=second, here=True)


async def test_a_ring_goes_on_when_the_agents_page_moves(nodes: list[TestHouse]) -> None:
    here, there = nodes
    agent, buyer = await here.agent(), await there.buyer()
    call = await there.ringing(buyer, agent)
    await come(agent, there)
    await agent.call_in("ringing", call=call, here=True)
    await there.on_duty(agent)
    for house in nodes:
        await house.beat(BLINK)
    await agent.ask("call.accept", call=call, media="video")
    assert await there.kinds(call) == ["Asked", "Offered", "Given", "Accepted"]


async def test_what_is_asked_again_at_another_node_is_done_once(nodes: list[TestHouse]) -> None:
    here, there = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = (await buyer.ask("call.ask", key="k1", media="video"))["call"]
    await go(buyer, there)
    assert (await buyer.ask("call.ask", key="k1", media="video"))["call"] == call
    assert await carrier(here, call, Side.BUYER) == there.app.nodes.me
    await agent.call_in("ringing", call=call, here=True)
    await agent.ask("call.accept", call=call, media="video")
    await go(agent, here)
    await agent.ask("call.accept", call=call, media="video")
    assert await carrier(here, call, Side.AGENT) == here.app.nodes.me
    for page, house in ((buyer, here), (agent, there)):
        await page.ask("call.media_up", call=call)
        await go(page, house)
        await page.ask("call.media_up", call=call)
    for what, fields in (
        ("consent.give", {"purpose": "camera"}),
        ("chat.say", {"key": "c1", "text": "红的吗"}),
        ("consent.withdraw", {"purpose": "camera"}),
        ("call.hang_up", {}),
        ("call.rate", {"stars": 5}),
    ):
        await buyer.ask(what, call=call, **fields)
        await go(buyer, there if buyer.url == here.url else here)
        await buyer.ask(what, call=call, **fields)
    await agent.ask("call.wrap_up", call=call, outcome="agreed", note="once")
    await go(agent, here)
    await agent.ask("call.wrap_up", call=call, outcome="answered", note="twice")
    assert await there.kinds(call) == [
        "Asked", "Offered", "Accepted", "MediaConfirmed", "Connected", "Given", "Spoken", "Withdrawn", "Ended", "Rated",
        "WrappedUp",
    ]  # fmt: skip


async def test_the_same_request_at_two_nodes_at_once_makes_one_call(nodes: list[TestHouse]) -> None:
    pages = [await house.buyer("li", device="phone") for house in nodes]
    asked = await asyncio.gather(*(page.ask("call.ask", key="k", media="video") for page in pages))
    assert len({answer["call"] for answer in asked}) == 1


async def test_a_ring_that_was_declined_is_declined(nodes: list[TestHouse]) -> None:
    here, there = nodes
    agent, buyer = await here.agent(), await there.buyer()
    call = await there.ringing(buyer, agent)
    await agent.ask("call.decline", call=call, why="busy")
    await go(agent, there)
    await agent.ask("call.decline", call=call, why="busy")
    assert (await there.kinds(call)).count("Declined") == 1
    stranger = await there.agent("zhao")
    with pytest.raises(RefusedError, match="not_yours"):
        await stranger.ask("call.decline", call=call, why="busy")


async def test_without_the_bus_the_old_node_lets_go_by_its_own_timers(
    nodes: list[TestHouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    monkeypatch.setattr(there.app.bus, "publish", lambda *_: None)
    await go(buyer, there)
    await buyer.ask("peer.join", call=call, round=1)
    for house in (here, there):
        await house.beat(5_000)
    assert "Interrupted" not in await there.kinds(call)
    for _ in range(8):
        for house in (here, there):
            await house.beat(DEFAULT.back // 6)
    assert here.app.reception.sessions == 0
