"""Three nodes whose clocks differ, and what they stand on, killed, frozen and cut off under calls in every state."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable

import pytest

from kanhuo.shell.alarm import pause
from tests.support.estate import Estate
from tests.support.roaming import Roamer, accept, ask, talk

FROZEN = 20_000


async def a_node_is_killed(estate: Estate) -> None:
    estate.nodes[0].kill()


async def a_node_is_frozen(estate: Estate) -> None:
    """For so long that everybody has left it; then it goes on as if nothing had been."""
    estate.nodes[0].signal(signal.SIGSTOP)
    await pause(FROZEN)
    estate.nodes[0].signal(signal.SIGCONT)


async def redis_is_killed(estate: Estate) -> None:
    estate.redis.kill()
    await asyncio.to_thread(estate.redis.start)


async def redis_is_cut_off_from_a_node(estate: Estate) -> None:
    """Nothing is refused: what is sent is lost, as behind a switch that has died."""
    estate.redis.cut(0)
    await estate.until(lambda: _is_degraded(estate, 0), 15)
    estate.redis.mend(0)
    await estate.until(lambda: _is_whole(estate, 0), 15)


async def postgres_is_killed(estate: Estate) -> None:
    estate.postgres.kill()
    await asyncio.to_thread(estate.postgres.start)


async def _is_degraded(estate: Estate, node: int) -> bool:
    answer = await asyncio.to_thread(estate.nodes[node].asked, "/readyz")
    return answer is not None and bool(json.loads(answer)["degraded"])


async def _is_whole(estate: Estate, node: int) -> bool:
    return not await _is_degraded(estate, node)


@pytest.mark.parametrize(
    "fault", [a_node_is_killed, a_node_is_frozen, redis_is_killed, redis_is_cut_off_from_a_node, postgres_is_killed]
)
async def test_after_any_fault_every_call_ends_once_and_no_agent_has_two(
    estate: Estate, fault: Callable[[Estate], Awaitable[None]]
) -> None:
    crowd = estate.crowd
    talkers = []
    for n, (buyer_at, agent_at) in enumerate([(0, 1), (1, 0), (0, 0), (1, 2)]):
        buyer, agent = await crowd.buyer(f"b{n}", at=buyer_at), await crowd.agent(f"a{n}", at=agent_at)
        await talk(buyer, agent, "k")
        talkers.append(buyer)
    joining = await crowd.buyer("joining", at=0), await crowd.agent("joiner", at=2)
    connecting = await ask(joining[0], "j")
    await joining[1].call_in("ringing", call=connecting, here=True)
    await accept(joining[1], connecting)
    rung = await crowd.buyer("rung", at=0), await crowd.agent("ringer", at=1)
    ringing = await ask(rung[0], "r")
    await rung[1].call_in("ringing", call=ringing, here=True)
    waiter = await crowd.buyer("waiter", at=0)
    await ask(waiter, "w")

    await fault(estate)

    for side in joining:
        await side.ask("call.media_up", call=connecting)
    await joining[0].call_in("talking", call=connecting)
    await asyncio.gather(*(_hang_up(buyer) for buyer in (joining[0], waiter, *talkers)))
    if fault is not a_node_is_frozen:  # a ring lasts 25 s
        await accept(rung[1], ringing)
    await _hang_up(rung[0])
    await estate.until(estate.quiet, 40)
    found = await estate.reckoning()
    assert found.faults == []
    assert found.calls == 7


async def test_a_third_node_keeps_the_deadlines_of_two_that_stand_still(estate: Estate) -> None:
    buyer, agent = await estate.crowd.buyer("li", at=0), await estate.crowd.agent("wang", at=1)
    buyer.nodes, agent.nodes = buyer.nodes[:1], agent.nodes[:1]  # nobody has a way to the third
    call = await ask(buyer, "k")
    await agent.call_in("ringing", call=call, here=True)
    for node in estate.nodes[:2]:
        node.signal(signal.SIGSTOP)
    await estate.until(estate.quiet, 20)
    assert (await estate.reckoning()).reasons == {"buyer_lost": 1}
    for node in estate.nodes[:2]:
        node.signal(signal.SIGCONT)
    await buyer.knows_the_end_of(call, since=0, within=30)


async def test_what_a_dead_node_carried_is_taken_over_within_two_seconds(estate: Estate) -> None:
    buyer, agent = await estate.crowd.buyer("li", at=0), await estate.crowd.agent("wang", at=1)
    await talk(buyer, agent, "k")
    buyer.nodes = buyer.nodes[:1]  # she has no way to another node
    estate.nodes[0].kill()
    took = await estate.until(lambda: estate.has("Interrupted"), 10)
    assert took <= 2.5, "1.5 s of lease, a beat, and our own look"
    await agent.call_in("broken")


async def _hang_up(buyer: Roamer) -> None:
    assert buyer.call is not None
    await buyer.ask("call.hang_up", call=buyer.call)
