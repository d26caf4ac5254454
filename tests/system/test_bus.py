"""Redis goes away and comes back: nobody is told a lie meanwhile, and nothing stays lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kanhuo.calls.policy import DEFAULT
from kanhuo.shell.line import connect
from tests.support import engines
from tests.support.engines import Postgres, Redis
from tests.support.house import TestHouse, houses


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    with engines.redis() as started:
        yield started


@pytest.fixture
async def nodes(tmp_path: Path, postgres: Postgres, own_redis: Redis) -> AsyncIterator[list[TestHouse]]:
    async with houses(tmp_path, 2, database=postgres.database(), bus=own_redis.url) as opened:
        yield opened


async def bus(nodes: list[TestHouse], *, connected: bool) -> None:
    """Wait until every node knows how it stands."""
    async with asyncio.timeout(10):
        while any(node.app.bus.connected is not connected for node in nodes):
            await asyncio.to_thread(nodes[0].clock.now)  # a turn of the loop and a little more


async def test_calls_between_pages_of_one_node_go_on_while_redis_is_away(
    nodes: list[TestHouse], own_redis: Redis
) -> None:
    here, _ = nodes
    agent, buyer = await here.agent(), await here.buyer()
    own_redis.kill()
    await bus(nodes, connected=False)
    call = await here.talking(buyer, agent)
    await agent.ask("call.hang_up", call=call)
    await buyer.call_in("ended", call=call)


async def test_a_buyer_is_not_told_that_nobody_is_there_while_it_cannot_be_known(
    nodes: list[TestHouse], own_redis: Redis
) -> None:
    here, there = nodes
    agent, buyer = await there.agent(), await here.buyer()
    own_redis.kill()
    await bus(nodes, connected=False)
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    await here.beat(DEFAULT.nobody)
    assert await here.kinds(call) == ["Asked"], "she waits: somebody may be on duty with another node"
    await there.beat(1_000)
    await agent.call_in("ringing", call=call)  # and there is: her own node has found the call in the database
    await agent.ask("call.accept", call=call, media="video")
    await here.beat(1_000)
    assert (await buyer.call_in("connecting", call=call))["agent"]["name"] == "Wang", "read again, once a second"


async def test_who_hangs_up_a_call_that_has_ended_elsewhere_is_shown_its_end(
    nodes: list[TestHouse], own_redis: Redis
) -> None:
    here, there = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    own_redis.kill()
    await bus(nodes, connected=False)
    await agent.ask("call.hang_up", call=call)
    await buyer.ask("call.hang_up", call=call)
    assert (await buyer.call_in("ended", call=call))["reason"] == "completed"
    assert (await here.kinds(call)).count("Ended") == 1


async def test_what_was_missed_is_shown_when_redis_returns(nodes: list[TestHouse], own_redis: Redis) -> None:
    here, there = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    own_redis.kill()
    await bus(nodes, connected=False)
    await buyer.send("peer.media", call=call, audio=True, video=False, facing=None)
    await buyer.settle()
    await asyncio.to_thread(own_redis.start)
    await bus(nodes, connected=True)
    await agent.hear(lambda m: m["type"] == "peers" and m["buyer"] is not None and m["buyer"]["audio"])
    await agent.ask("call.hang_up", call=call)
    await buyer.call_in("ended", call=call)
    second = await here.buyer("chen")
    await there.beat(DEFAULT.wrap_up)
    asked = (await second.ask("call.ask", key="k", media="video"))["call"]
    await here.beat(1_000)
    await agent.call_in("ringing", call=asked)  # who is on duty has been written again


async def test_a_line_with_a_wrong_password_is_none() -> None:
    """It must not look like a bus that is there."""
    with engines.redis("--requirepass", "a secret") as locked:
        line = await connect(locked.url, print)
        async with asyncio.timeout(5):
            await line.lost
        heard: asyncio.Queue[list[object]] = asyncio.Queue()
        line = await connect(locked.url.replace("redis://", "redis://:a%20secret@"), heard.put_nowait)
        line.send("SUBSCRIBE", "x")
        line.send("PUBLISH", "x", b"y")
        async with asyncio.timeout(5):
            assert [(await heard.get())[0] for _ in range(2)] == [b"subscribe", b"message"]
        line.close()
