"""People who call, answer, decline, hang up and vanish at random while nodes and engines fail at random.

A seed draws a schedule: who does what when, and what goes wrong. The processes are real, so how it interleaves is not the
same each time; what has to hold afterwards is.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from kanhuo.kernel.clock import Millis
from kanhuo.shell.alarm import pause
from tests.support.client import Message, RefusedError
from tests.support.estate import COUNT, Estate
from tests.support.roaming import Roamer

SCENE: Final[Millis] = 1_500
"""For how long people begin things and things begin to fail."""

LATE: Final = {"not_now", "not_yours", "not_found", "already_in_call"}
"""Refusals that somebody gets who was slower than others."""

LEARNS: Final = 30.0
"""Seconds within which a page that is there knows that its call has ended: nodes read again every 15."""


@dataclass(frozen=True)
class Buying:
    """What a buyer does: asks, waits for an answer, stays a while, and ends it; or vanishes for good."""

    at: int
    after: Millis
    waits: Millis
    stays: Millis
    vanishes: bool
    again: bool


@dataclass(frozen=True)
class Answering:
    """What an agent does with each ring, in turn, and how long she stays in a call before she hangs up."""

    at: int
    answers: tuple[str, ...]
    stays: Millis
    devices: int


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong."""

    what: str
    node: int
    after: Millis
    lasts: Millis


@dataclass(frozen=True)
class Schedule:
    """What a seed draws."""

    seed: int
    buyers: tuple[Buying, ...]
    agents: tuple[Answering, ...]
    faults: tuple[Fault, ...]


def drawn(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    chance = Random(seed)
    return Schedule(
        seed,
        tuple(
            Buying(
                chance.randrange(COUNT),
                chance.randrange(SCENE // 2),
                chance.randrange(SCENE * 2),
                chance.randrange(SCENE),
                vanishes=chance.random() < 0.15,
                again=chance.random() < 0.3,
            )
            for _ in range(5)
        ),
        tuple(
            Answering(
                chance.randrange(COUNT),
                tuple(chance.choices(("accept", "decline", "go", "sleep"), (14, 3, 2, 1), k=6)),
                chance.randrange(SCENE // 3, SCENE * 2),
                chance.choice((1, 1, 2)),
            )
            for _ in range(4)
        ),
        tuple(
            Fault(
                chance.choice(("kill", "freeze", "redis", "cut", "postgres")),
                chance.randrange(COUNT),
                chance.randrange(SCENE),
                chance.randrange(100, 2_500),
            )
            for _ in range(chance.choice((1, 1, 2)))
        ),
    )


async def play(estate: Estate, schedule: Schedule) -> None:
    """Play a schedule to its end: what failed is mended, everybody has hung up, and whoever is there knows it."""
    scene = Scene(estate, schedule)
    agents = [await scene.agent(n, answering) for n, answering in enumerate(schedule.agents)]
    buyers = [await scene.buyer(n, buying) for n, buying in enumerate(schedule.buyers)]
    working = [asyncio.create_task(work) for work in agents]
    try:
        await asyncio.gather(*buyers, *map(scene.fail, schedule.faults))
    finally:
        for task in working:
            task.cancel()
        ends = await asyncio.gather(*working, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    await estate.crowd.end()
    estate.crowd.pages.clear()


class Scene:
    """The people of one schedule."""

    def __init__(self, estate: Estate, schedule: Schedule) -> None:
        self._estate = estate
        self._seed = schedule.seed
        self._mending = [asyncio.Lock() for _ in range(COUNT)]
        self._engines = asyncio.Lock()

    async def buyer(self, n: int, buying: Buying) -> Coroutine[Any, Any, None]:
        """Let a buyer's page open; return what she does."""
        page = await self._estate.crowd.buyer(f"buyer {n} of seed {self._seed}", at=buying.at)
        return self._buy(page, buying)

    async def agent(self, n: int, answering: Answering) -> Coroutine[Any, Any, None]:
        """Let an agent go on duty; return what she does."""
        name = f"agent {n} of seed {self._seed}"
        pages = [
            await self._estate.crowd.agent(name, at=(answering.at + device) % COUNT)
            for device in range(answering.devices)
        ]
        return self._work(pages, answering)

    async def fail(self, fault: Fault) -> None:
        """Let something go wrong, and mend it."""
        await pause(fault.after)
        node, estate = self._estate.nodes[fault.node], self._estate
        match fault.what:
            case "kill" | "freeze":
                async with self._mending[fault.node]:
                    if fault.what == "kill":
                        node.kill()
                        await node.start()
                    else:
                        node.signal(signal.SIGSTOP)
                        await pause(fault.lasts)
                        node.signal(signal.SIGCONT)
            case "cut":
                async with self._engines:
                    estate.redis.cut(fault.node)
                    await pause(fault.lasts)
                    estate.redis.mend(fault.node)
            case "redis" | "postgres":
                async with self._engines:
                    engine = estate.redis if fault.what == "redis" else estate.postgres
                    await asyncio.to_thread(engine.kill)
                    await pause(fault.lasts // 2)
                    await asyncio.to_thread(engine.start)
            case _:
                raise ValueError(fault.what)

    async def _buy(self, page: Roamer, buying: Buying) -> None:
        await pause(buying.after)
        for n in range(1 + buying.again):
            call: str = (await page.ask("call.ask", key=f"k{n}", media="voice"))["call"]
            page.call, since = call, page.moves
            if buying.vanishes:
                await pause(buying.stays)
                await page.end()
                return
            with suppress(TimeoutError):
                await page.hear(_view(call, "connecting", "talking"), within=buying.waits / 1_000)
                await _try(page, "peer.join", call=call, round=0)
                await _try(page, "call.media_up", call=call)
                await page.knows_the_end_of(call, since=since, within=buying.stays / 1_000)
            await _try(page, "call.hang_up", call=call)
            await page.knows_the_end_of(call, since=since, within=LEARNS)

    async def _work(self, pages: list[Roamer], answering: Answering) -> None:
        for answer in answering.answers:
            page, call = await _rung(pages)
            match answer:
                case "accept":
                    page.call = call
                    await _try(page, "call.accept", call=call, media="voice")
                    await _try(page, "peer.join", call=call, round=0)
                    await _try(page, "call.media_up", call=call)
                    await pause(answering.stays)
                    await _try(page, "call.hang_up", call=call)
                    await _try(page, "call.wrap_up", call=call, outcome="answered", note="")
                case "decline":
                    await _try(page, "call.decline", call=call, why="busy")
                case "go":
                    await page.on_duty(duty=False)
                    await pause(answering.stays // 2)
                    for each in pages:
                        await each.on_duty()
                case _:
                    pass  # she does not hear it


async def _rung(pages: list[Roamer]) -> tuple[Roamer, str]:
    """Return the first page that rings, and the call."""
    hearing = {
        asyncio.create_task(
            page.hear(lambda m: m["type"] == "call" and m["state"] == "ringing" and m["here"], within=600)
        ): page
        for page in pages
    }
    try:
        done, _ = await asyncio.wait(hearing, return_when=asyncio.FIRST_COMPLETED)
        first = done.pop()
        return hearing[first], str(first.result()["call"])
    finally:
        for task in hearing:
            task.cancel()


def _view(call: str, *states: str) -> Callable[[Message], bool]:
    return lambda m: m["type"] == "call" and m["call"] == call and m["state"] in states


async def _try(page: Roamer, type_: str, **fields: object) -> None:
    """Ask for something that somebody else may have made impossible meanwhile."""
    try:
        await page.ask(type_, **fields)
    except RefusedError as refusal:
        if refusal.code not in LATE:
            raise
