"""One call from tap to end, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.client import Client, RefusedError
from tests.support.house import TestHouse


async def test_a_buyer_taps_an_agent_answers_they_talk_and_hang_up(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    await buyer.ask("call.hang_up", call=call)
    ended = await agent.call_in("ended", call=call)
    assert ended["reason"] == "completed"
    await buyer.ask("call.rate", call=call, stars=5, why="solved")
    await agent.ask("call.wrap_up", call=call, outcome="agreed", note="sends two more apples")
    kinds = await shop.kinds(call)
    assert kinds == [
        "Asked", "Offered", "Given", "Accepted", "MediaConfirmed", "Connected", "Ended", "Rated", "WrappedUp",
    ]  # fmt: skip
    assert (await shop.verdict()).broken is None


async def test_the_context_card_reaches_the_agent_as_the_pass_named_it(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    await buyer.ask("call.ask", key="k", media="voice")
    ring = await agent.call_in("ringing")
    assert ring["card"]["title"] == "Fuji apples, 5 kg"
    assert ring["merchant"]["name"] == "Orchard"
    assert ring["media"] == "voice"


async def test_of_two_hundred_who_accept_at_once_exactly_one_wins(shop: TestHouse) -> None:
    first = await shop.agent("wang", device="dev-0")
    others = [await shop.agent("wang", device=f"dev-{n}", duty=False) for n in range(1, 40)]
    others += [await shop.agent(f"zhao-{n}", duty=False) for n in range(160)]
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, first)

    async def accept(client: Client) -> str:
        try:
            await client.ask("call.accept", call=call, media="video")
        except RefusedError as refusal:
            return refusal.code
        return "won"

    outcomes = await asyncio.gather(*(accept(client) for client in [*others, first]))
    assert sorted(outcomes) == ["not_yours"] * 199 + ["won"]
    assert (await shop.kinds(call)).count("Accepted") == 1


async def test_the_other_devices_of_the_agent_fall_silent_when_one_has_answered(shop: TestHouse) -> None:
    desk, phone = await shop.agent(device="desk"), await shop.agent(device="phone")
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, desk)
    await phone.call_in("ringing", here=True)
    await phone.ask("call.accept", call=call, media="voice")
    assert (await desk.call_in("connecting", call=call))["here"] is False
    assert (await phone.call_in("connecting", call=call))["here"] is True


async def test_if_the_first_agent_declines_the_next_one_rings_and_never_the_first_again(shop: TestHouse) -> None:
    first = await shop.agent("wang")
    shop.clock.pass_(1_000)
    second = await shop.agent("zhao")
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, first)
    await first.ask("call.decline", call=call, why="busy")
    assert (await first.hear(lambda m: m["type"] == "call" and not m["here"]))["call"] == call
    await second.call_in("ringing", call=call, here=True)
    await second.ask("call.decline", call=call, why="not_mine")
    assert (await buyer.call_in("ended"))["reason"] == "declined"


async def test_if_an_agent_lets_it_ring_the_next_one_rings_after_25_seconds(shop: TestHouse) -> None:
    first = await shop.agent("wang")
    shop.clock.pass_(1_000)
    second = await shop.agent("zhao")
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, first)
    await shop.beat(24_999)
    await shop.beat(1)
    await second.call_in("ringing", call=call, here=True)
    assert await shop.kinds(call) == ["Asked", "Offered", "Given", "RingExpired", "Offered"]


async def test_when_nobody_is_on_duty_the_buyer_is_told_at_once(shop: TestHouse) -> None:
    buyer = await shop.buyer()
    await buyer.ask("call.ask", key="k", media="video")
    ended = await buyer.call_in("ended")
    assert ended["reason"] == "no_answer"
    assert ended["merchant"]["hours"] == [{"weekday": 0, "start": 540, "end": 1080}]


async def test_a_second_buyer_waits_in_the_queue_and_is_rung_for_when_the_agent_is_free(shop: TestHouse) -> None:
    agent = await shop.agent()
    first, second = await shop.buyer("li"), await shop.buyer("chen")
    call = await shop.talking(first, agent)
    waiting = (await second.ask("call.ask", key="k", media="video"))["call"]
    await second.call_in("waiting", call=waiting)
    await shop.beat()
    assert (await second.hear(lambda m: m["type"] == "queue"))["position"] == 1
    await first.ask("call.hang_up", call=call)
    await agent.call_in("ended", call=call)
    await agent.ask("call.wrap_up", call=call, outcome="answered")
    await shop.beat()
    await agent.call_in("ringing", call=waiting)


async def test_an_agent_who_wraps_up_is_not_rung_until_she_is_done_or_half_a_minute_has_passed(shop: TestHouse) -> None:
    agent = await shop.agent()
    first, second = await shop.buyer("li"), await shop.buyer("chen")
    call = await shop.talking(first, agent)
    await first.ask("call.hang_up", call=call)
    waiting = (await second.ask("call.ask", key="k", media="video"))["call"]
    await second.call_in("waiting", call=waiting)
    await shop.beat(29_999)
    assert "Offered" not in await shop.kinds(waiting)
    await agent.send("presence.beat", duty=True, foreground=True)
    await agent.settle()
    await shop.beat(1)
    await agent.call_in("ringing", call=waiting)


@pytest.mark.parametrize(("when", "reason"), [("waiting", "queue_abandoned"), ("ringing", "buyer_cancelled")])
async def test_a_buyer_may_leave_while_waiting_or_ringing(shop: TestHouse, when: str, reason: str) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    if when == "waiting":
        await shop.talking(await shop.buyer("chen"), agent)
        call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    else:
        call = await shop.ringing(buyer, agent)
    await buyer.ask("call.hang_up", call=call)
    assert (await buyer.call_in("ended", call=call))["reason"] == reason
    if when == "ringing":
        assert (await agent.call_in("ended", call=call))["here"] is False


async def test_asking_twice_with_one_key_makes_one_call(shop: TestHouse) -> None:
    await shop.agent()
    buyer = await shop.buyer()
    once = await buyer.ask("call.ask", key="k", media="video")
    twice = await buyer.ask("call.ask", key="k", media="video")
    assert once["call"] == twice["call"]
    with pytest.raises(RefusedError, match="already_in_call"):
        await buyer.ask("call.ask", key="another", media="video")


async def test_three_minutes_in_the_queue_are_enough(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    await shop.talking(await shop.buyer("chen"), agent)
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    for _ in range(6):
        await agent.send("presence.beat", duty=True, foreground=True)
        await agent.settle()
        await shop.beat(30_000)
    assert (await buyer.call_in("ended", call=call))["reason"] == "queue_timeout"
