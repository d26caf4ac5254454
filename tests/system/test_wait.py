"""What who waits is told of how long it will be."""

from __future__ import annotations

from typing import Any

from kanhuo.calls.outlook import USUAL
from kanhuo.calls.policy import DEFAULT, FEWEST_TALKS, Handling, wait_guess
from tests.support.client import Client
from tests.support.house import TestHouse

TALK = 60_000
NOTE = 12_000


async def pass_(shop: TestHouse, agent: Client, length: int) -> None:
    """Let time pass; the agent's page says all the while that she is there."""
    for step in (length // 2, length - length // 2):
        await shop.beat(step)
        await agent.send("presence.beat", duty=True, foreground=True)
        await agent.settle()


async def talk(shop: TestHouse, agent: Client, who: str, *, note: bool) -> None:
    """Talk for a minute; then the agent writes her note, or does not."""
    buyer = await shop.buyer(who)
    call = await shop.talking(buyer, agent)
    await pass_(shop, agent, TALK)
    await buyer.ask("call.hang_up", call=call)
    await agent.call_in("ended", call=call)
    if note:
        await pass_(shop, agent, NOTE)
        await agent.ask("call.wrap_up", call=call, outcome="skipped")
    else:
        await pass_(shop, agent, DEFAULT.wrap_up)
    await shop.beat()


async def place(buyer: Client) -> dict[str, Any]:
    return await buyer.hear(lambda m: m["type"] == "queue")


async def test_who_waits_is_told_the_usual_and_a_range(shop: TestHouse) -> None:
    agent = await shop.agent()
    for n in range(FEWEST_TALKS - 1):
        await talk(shop, agent, f"buyer{n}", note=True)
    last = await shop.buyer("last")
    call = await shop.talking(last, agent)
    early = await shop.buyer("early")
    await early.ask("call.ask", key="k", media="voice")
    await shop.beat()
    assert (await place(early)).get("wait_ms") is None, "four talks are too few"
    await early.ask("call.hang_up", call=(await early.call_in("waiting"))["call"])
    await pass_(shop, agent, TALK)
    await last.ask("call.hang_up", call=call)
    await agent.call_in("ended", call=call)
    await pass_(shop, agent, DEFAULT.wrap_up + USUAL)  # she writes nothing
    await shop.talking(await shop.buyer("now"), agent)
    waits = await shop.buyer("waits")
    await waits.ask("call.ask", key="k", media="voice")
    await shop.beat()
    told = await place(waits)
    mean = ((FEWEST_TALKS - 1) * (TALK + NOTE) + TALK + DEFAULT.wrap_up) // FEWEST_TALKS
    known = wait_guess(1, 1, Handling(mean, FEWEST_TALKS))
    assert known is not None
    assert (told["position"], told["wait_ms"]) == (1, known.usual)
    assert (told["least_ms"], told["most_ms"]) == (known.least, known.most)
    assert known.least < known.usual < known.most
