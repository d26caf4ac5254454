"""The server is killed at the worst moments, as a power cut does it, and started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kanhuo.demo.passes import agent_pass, buyer_pass
from kanhuo.shell import journal
from kanhuo.shell.sqlite import SqliteDatabase
from tests.support.client import Client
from tests.support.process import Server, server

MERCHANT = "mer_phones"
CONTEXT = {"kind": "product", "ref": "phone", "title": "Phone"}


async def people(running: Server) -> tuple[Client, Client]:
    agent = Client(running.url, pass_=agent_pass(running.key, "w", "Wang", MERCHANT))
    await agent.open()
    await agent.send("presence.beat", duty=True, foreground=True)
    await agent.hear(lambda m: m["type"] == "desk" and m["duty"])
    buyer = Client(running.url, pass_=buyer_pass(running.key, "li", MERCHANT, CONTEXT))
    return agent, await buyer.open()


async def return_(client: Client, call: str, *, duty: bool = False) -> None:
    await client.open(resume=True)
    assert not client.welcome["resumed"]
    if duty:
        await client.send("presence.beat", duty=True, foreground=True)
    assert client.welcome["live"] == [call]
    await client.ask("peer.join", call=call, round=3)


async def verify(running: Server) -> journal.Verdict:
    db = SqliteDatabase(running.database)
    await db.open()
    try:
        return await db.read(journal.verify)
    finally:
        await db.close()


async def test_killed_while_talking_the_same_call_goes_on(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        agent, buyer = await people(running)
        call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
        await agent.call_in("ringing", call=call)
        await agent.ask("call.accept", call=call, media="video")
        for side in (agent, buyer):
            await side.ask("peer.join", call=call, round=0)
            await side.ask("call.media_up", call=call)
        await buyer.call_in("talking", call=call)
        running.kill()
        for side in (agent, buyer):
            await side.closed()
            side.closed_with = None
            side.heard.clear()
        await running.start()
        await return_(agent, call, duty=True)
        await return_(buyer, call)
        for side in (agent, buyer):
            assert (await side.call_in("talking", call=call))["missing"] == []
            peers = await side.hear(lambda m: m["type"] == "peers" and bool(m["buyer"] and m["agent"]))
            assert peers["round"] == 3
        await buyer.ask("call.hang_up", call=call)
        assert (await agent.call_in("ended", call=call))["reason"] == "completed"
        assert (await verify(running)).broken is None
        await asyncio.gather(agent.close(), buyer.close())


async def test_killed_while_ringing_it_rings_on_or_ends_by_its_deadline(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        agent, buyer = await people(running)
        call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
        await agent.call_in("ringing", call=call)
        running.kill()
        for side in (agent, buyer):
            await side.closed()
            side.closed_with = None
            side.heard.clear()
        await running.start()
        await agent.open(resume=True)
        await agent.send("presence.beat", duty=True, foreground=True)
        ring = await agent.call_in("ringing", call=call)
        assert ring["here"]
        await return_(buyer, call)
        await agent.ask("call.accept", call=call, media="voice")
        await buyer.call_in("connecting", call=call)
        await asyncio.gather(agent.close(), buyer.close())


@pytest.mark.timeout(60)
async def test_killed_and_nobody_returns_leaves_no_ghost(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        agent, buyer = await people(running)
        call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
        await agent.call_in("ringing", call=call)
        running.kill()
        await asyncio.gather(agent.closed(), buyer.closed())
        await running.start()
        watcher = Client(running.url, pass_=agent_pass(running.key, "z", "Zhao", MERCHANT))
        await watcher.open()
        await watcher.send("presence.beat", duty=True, foreground=True)

        async def ended() -> str | None:
            db = SqliteDatabase(running.database)
            await db.open()
            try:
                lines = await db.read(journal.lines_of, call)
            finally:
                await db.close()
            return journal.decode(lines[-1])["reason"] if lines[-1].kind == "Ended" else None

        # the ring is withdrawn or the buyer lost within 10 s; each message of the desk is a sign that time has acted
        while (reason := await ended()) is None:
            await watcher.hear(lambda m: m["type"] in ("desk", "call"), within=15)
        assert reason in {"buyer_lost", "agent_lost"}
        await watcher.close()
        await asyncio.gather(agent.close(), buyer.close())
