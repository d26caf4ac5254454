"""Pages that go without a word, and what their going means for the other side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kanhuo.accounts.model import Role
from kanhuo.calls import units
from kanhuo.calls.policy import DEFAULT
from kanhuo.kernel.errors import Code, Refused
from tests.support.client import Client, RefusedError
from tests.support.clock import FakeClock
from tests.support.house import SHOP, TestHouse, house, node


async def test_two_pages_that_fall_silent_leave_no_ghost(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    shop.clock.pass_(8_000)
    for _ in range(2):
        await shop.app.beat()
    assert (await buyer.closed())[0] == (await agent.closed())[0] == 4008
    assert (await shop.kinds(call))[-2:] == ["Interrupted", "Interrupted"]
    shop.clock.pass_(30_000)
    await shop.app.beat()
    assert (await shop.kinds(call))[-1] == "Ended"


async def test_a_page_that_has_said_nothing_is_asked_and_an_answer_keeps_it(shop: TestHouse) -> None:
    agent = await shop.agent()
    for _ in range(4):
        shop.clock.pass_(23_000)
        await shop.app.beat()
        await agent.hear(lambda m: m["type"] == "nudge")
        await agent.settle()
    assert agent.connected
    shop.clock.pass_(45_000)
    await shop.app.beat()
    assert (await agent.closed())[0] == 4008


async def test_signing_out_in_the_middle_leaves_the_other_side_not_alone(shop: TestHouse) -> None:
    secret, _ = await shop.app.accounts.invite(SHOP, Role.OWNER)
    owner = await shop.app.accounts.join(secret, "Wang", "wang", "correct horse battery")
    agent = await shop.client(Client(shop.url, cookie=owner.secret))
    await shop.on_duty(agent)
    buyer = await shop.buyer()
    call = await shop.talking(buyer, agent)
    await shop.app.accounts.sign_out_everywhere(owner.agent.id)
    await agent.closed()
    await shop.beat(4_000)
    assert (await buyer.call_in("broken", call=call))["missing"] == ["agent"]


async def test_a_shops_page_cannot_speak_with_an_agents_cookie(tmp_path: Path) -> None:
    async with house(tmp_path, shop_origins=("https://shop.example",)) as shop:
        secret, _ = await shop.app.accounts.invite(SHOP, Role.OWNER)
        owner = await shop.app.accounts.join(secret, "Wang", "wang", "correct horse battery")
        with pytest.raises(RefusedError, match="not_signed_in"):
            await shop.client(Client(shop.url, cookie=owner.secret, origin="https://shop.example"))
        buyer = Client(shop.url, pass_=shop.pass_("buyer", "li"), origin="https://shop.example")
        assert (await shop.client(buyer)).welcome["party"]["role"] == "buyer"


async def test_going_off_duty_while_it_rings_lets_the_next_one_ring_at_once(shop: TestHouse) -> None:
    first = await shop.agent("wang")
    shop.clock.pass_(1_000)
    second = await shop.agent("zhao")
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, first)
    shop.clock.pass_(10_000)
    await shop.on_duty(first, duty=False)
    await second.call_in("ringing", call=call, here=True)
    await first.hear(lambda m: m["type"] == "call" and not m["here"])


async def test_hanging_up_on_a_ring_passes_it_on(shop: TestHouse) -> None:
    first = await shop.agent("wang")
    shop.clock.pass_(1_000)
    second = await shop.agent("zhao")
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, first)
    await first.ask("call.hang_up", call=call)
    await second.call_in("ringing", call=call, here=True)


async def test_a_page_that_was_lost_while_connecting_comes_back_into_the_talk(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.ringing(buyer, agent)
    await agent.ask("call.accept", call=call, media="video")
    await agent.ask("peer.join", call=call, round=0)
    await buyer.ask("call.media_up", call=call)
    await buyer.vanish()
    await shop.beat()
    await shop.beat(4_000)
    await agent.ask("call.media_up", call=call)
    again = await shop.buyer(device=buyer.device)
    await again.ask("peer.join", call=call, round=0)
    await again.call_in("talking", call=call)


async def test_a_loss_that_could_not_be_written_is_written_with_the_next_beat(
    shop: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    real, failures = shop.app.db.write, iter([True])

    async def write(work: Any, *values: Any) -> Any:
        if work is units.move and next(failures, False):
            raise Refused(Code.OVERLOADED, "too much at once")
        return await real(work, *values)

    monkeypatch.setattr(shop.app.db, "write", write)
    await buyer.vanish()
    await shop.beat()
    await shop.beat(4_000)
    assert "Interrupted" not in await shop.kinds(call)
    await shop.beat(200)
    assert (await shop.kinds(call))[-1] == "Interrupted"


async def test_a_greeting_that_fails_leaves_nothing_behind(shop: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    async def desk(_: object) -> None:
        raise Refused(Code.OVERLOADED, "too much at once")

    monkeypatch.setattr(shop.app.calls.showing, "desk_of", desk)
    with pytest.raises(RefusedError, match="overloaded"):
        await shop.agent(duty=False)
    assert shop.app.reception.sessions == 0


async def test_after_an_orderly_restart_whoever_does_not_come_back_is_missed(tmp_path: Path) -> None:
    clock = FakeClock()
    async with house(tmp_path, clock=clock) as before:
        agent, buyer = await before.agent(), await before.buyer()
        call = await before.talking(buyer, agent)
    async with node(tmp_path, clock) as after:
        assert (await after.kinds(call)).count("Interrupted") == 2
        await after.beat(DEFAULT.back)
        assert (await after.kinds(call))[-1] == "Ended", "no ghost goes on for two hours"
