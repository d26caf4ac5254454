"""Several nodes on one database and one bus: it makes no difference to anybody where a page is connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kanhuo.calls.policy import DEFAULT
from kanhuo.presence.service import Staff
from kanhuo.shell.nodes import BEAT, LEASE
from tests.support.client import RefusedError
from tests.support.engines import Postgres, Redis
from tests.support.house import SHOP, TestHouse, houses


@pytest.fixture
async def nodes(tmp_path: Path, postgres: Postgres, redis: Redis) -> AsyncIterator[list[TestHouse]]:
    async with houses(tmp_path, 3, database=postgres.database(), bus=redis.url) as opened:
        yield opened


async def test_the_buyer_on_one_the_agent_on_another_the_deadline_by_a_third(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    agent = await there.agent()
    buyer = await here.buyer()
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    await agent.call_in("ringing", call=call, here=True)
    await buyer.call_in("ringing", call=call)
    await third.beat(DEFAULT.ring)
    ended = await buyer.call_in("ended", call=call)
    assert ended["reason"] == "no_answer"
    await agent.call_in("waiting", call=call, here=False)
    assert await third.kinds(call) == ["Asked", "Offered", "RingExpired", "Ended"]


async def test_a_talk_between_pages_of_two_nodes(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    await buyer.ask("chat.say", call=call, key="1", text="红的吗")
    assert (await agent.hear(lambda m: m["type"] == "chat.line"))["text"] == "红的吗"
    await buyer.ask("consent.give", call=call, purpose="camera")
    await agent.hear(lambda m: m["type"] == "consents" and m["camera"])
    await buyer.send("peer.media", call=call, audio=True, video=True, facing="environment")
    await agent.hear(lambda m: m["type"] == "peers" and m["buyer"]["video"])
    await buyer.ask("consent.withdraw", call=call, purpose="camera")
    await agent.hear(lambda m: m["type"] == "peers" and not m["buyer"]["video"])
    await agent.ask("call.hang_up", call=call)
    await buyer.call_in("ended", call=call)
    assert (await third.verdict()).broken is None


async def test_all_devices_on_all_nodes_fall_silent_and_one_wins(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    desk, phone = await there.agent(device="desk"), await third.agent(device="phone")
    buyer = await here.buyer()
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    for device in (desk, phone):
        await device.call_in("ringing", call=call, here=True)
    outcomes = await asyncio.gather(
        *(device.ask("call.accept", call=call, media="video") for device in (desk, phone)), return_exceptions=True
    )
    assert sorted(isinstance(outcome, RefusedError) for outcome in outcomes) == [False, True]
    winner, loser = (desk, phone) if isinstance(outcomes[1], RefusedError) else (phone, desk)
    await winner.call_in("connecting", call=call, here=True)
    await loser.call_in("connecting", call=call, here=False)


async def test_going_off_duty_on_one_node_is_off_on_all(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    desk, phone = await there.agent(device="desk"), await third.agent(device="phone")
    await _on_duty_elsewhere(here, 2)
    await there.on_duty(desk, duty=False)
    await phone.hear(lambda m: m["type"] == "presence.off_duty")
    await _on_duty_elsewhere(here, 0)
    buyer = await here.buyer()
    await here.beat(DEFAULT.nobody)
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"


async def test_a_ring_that_crosses_her_going_off_duty_is_withdrawn(
    nodes: list[TestHouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that rings reads who is on duty a moment before it commits: she may go in between, on another node."""
    here, there, _ = nodes
    agent, buyer = await there.agent(), await here.buyer()
    await _on_duty_elsewhere(here, 1)
    as_it_was = await here.app.presence.staff(SHOP)
    await there.on_duty(agent, duty=False)
    await _on_duty_elsewhere(here, 0)

    async def staff(_: str) -> Staff:
        return as_it_was

    with monkeypatch.context() as crossing:
        crossing.setattr(here.app.presence, "staff", staff)
        call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    await agent.call_in("ringing", call=call)
    await there.beat()
    await buyer.call_in("waiting", call=call)
    assert await there.kinds(call) == ["Asked", "Offered", "RingWithdrawn"]


async def test_an_agent_who_wraps_up_is_not_rung_from_another_node(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    await buyer.ask("call.hang_up", call=call)
    await agent.call_in("ended", call=call)
    other = await third.buyer("chen")
    second = (await other.ask("call.ask", key="k", media="video"))["call"]
    await third.beat()
    assert await third.kinds(second) == ["Asked"], "she is writing up the first"
    await agent.ask("call.wrap_up", call=call, outcome="agreed", note="")
    await there.beat()
    await agent.call_in("ringing", call=second)


async def test_a_page_that_comes_back_by_another_node_goes_on(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    await buyer.vanish()
    here.clock.pass_(1_000)
    moved = await third.buyer(device=buyer.device)
    await moved.call_in("talking", call=call)
    await moved.ask("peer.join", call=call, round=1)
    for house in (here, there, third):
        await house.beat(5_000)
    assert "Interrupted" not in await third.kinds(call), "where she was before is no longer asked"
    await agent.hear(lambda m: m["type"] == "peers" and m["buyer"] is not None and m["buyer"]["inst"] == moved.inst)


async def test_what_a_dead_node_carried_is_taken_over(nodes: list[TestHouse]) -> None:
    here, there, third = nodes
    agent, buyer = await there.agent(), await here.buyer()
    call = await here.talking(buyer, agent)
    for _ in range(2 * LEASE // BEAT + 2):  # the buyer's node does not beat any more; the others do
        here.clock.pass_(BEAT)
        await there.app.beat()
        await third.app.beat()
    assert (await third.kinds(call)).count("Interrupted") == 1
    await agent.call_in("broken", call=call)
    here.clock.pass_(DEFAULT.back)
    await third.app.beat()
    assert (await third.kinds(call))[-1] == "Ended"
    assert (await agent.call_in("ended", call=call))["reason"] == "buyer_lost"


async def test_signing_off_everywhere_reaches_every_node(nodes: list[TestHouse]) -> None:
    """Frames for a party reach her wherever she is; nobody else gets them."""
    here, there, third = nodes
    agents = [await house.agent(name) for house, name in ((there, "wang"), (third, "zhao"))]
    buyer = await here.buyer()
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    await agents[0].call_in("ringing", call=call)
    await agents[1].settle()
    assert not [m for m in agents[1].heard if m["type"] == "call"]


async def _on_duty_elsewhere(node: TestHouse, devices: int) -> None:
    """Return once a node can read that so many other nodes have an agent on duty: they write it into Redis, soon."""
    async with asyncio.timeout(15):
        while len((await node.app.roster.elsewhere(SHOP, node.clock.now())).on_duty) != devices:
            pass  # each look is a journey to Redis
