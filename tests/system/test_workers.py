"""Several workers on one machine: nodes that share a port, and a parent that keeps them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.engines import Postgres, Redis
from tests.support.house import KEY
from tests.support.process import Node
from tests.support.roaming import Crowd, open_shop, talk

WORKERS = 3


@pytest.fixture
async def node(tmp_path: Path, postgres: Postgres, redis: Redis) -> AsyncIterator[Node]:
    database = postgres.database()
    started = Node(
        tmp_path, "machine", workers=WORKERS, database=database, bus=redis.url, pass_key=KEY, drain="2", log="json"
    )
    await open_shop(tmp_path / "shop", database)
    await started.start()
    try:
        yield started
    finally:
        started.signal(signal.SIGTERM)
        started.signal(signal.SIGTERM)
        await started.ended()


def who(answer: bytes | None) -> str:
    """The name of the worker that answered, without what tells its start from another."""
    return str(json.loads(answer or b"{}").get("node", "")).partition(".")[0]


async def pid(node: Node, worker: int) -> int:
    """The process of a worker, by the kernel's list of who listens on its own port."""
    port = node.own_port + worker
    listed = await asyncio.to_thread(
        subprocess.run, ["ss", "-Hltnp", f"sport = :{port}"], check=True, capture_output=True, text=True
    )
    return int(listed.stdout.partition("pid=")[2].partition(",")[0])


async def test_connections_spread_and_people_on_different_workers_talk(node: Node) -> None:
    asked = [asyncio.to_thread(node.asked, "/readyz") for _ in range(150)]
    spread = Counter(who(answer) for answer in await asyncio.gather(*asked))
    assert set(spread) == {"machine-w1", "machine-w2", "machine-w3"}
    assert min(spread.values()) >= 150 / WORKERS / 2, spread

    crowd = Crowd([node.url_of(0), node.url_of(1)])
    buyer, agent = await crowd.buyer("li", at=0), await crowd.agent("wang", at=1)
    call = await talk(buyer, agent, "1")
    await buyer.ask("chat.say", call=call, key="1", text="红的吗")
    assert (await agent.hear(lambda m: m["type"] == "chat.line"))["text"] == "红的吗"
    await crowd.end()


async def test_a_worker_that_is_killed_comes_back_and_its_pages_go_to_the_others(node: Node) -> None:
    crowd = Crowd([node.url_of(0), node.url_of(1)])
    buyer, agent = await crowd.buyer("li"), await crowd.agent("wang", at=1)
    call = await talk(buyer, agent, "1")
    killed = await pid(node, 0)
    os.kill(killed, signal.SIGKILL)
    await buyer.ask("chat.say", call=call, key="1", text="still here")
    assert (await agent.hear(lambda m: m["type"] == "chat.line"))["text"] == "still here"
    assert buyer.losses == 1
    await node.serves(0)
    assert await pid(node, 0) != killed
    line = next(line for line in map(json.loads, node.log.splitlines()) if "worker" in line["message"])
    assert line["message"] == "worker machine-w1 ended with 137: it is started again in 0.25 s"
    await crowd.end()


async def test_all_workers_drain_in_parallel_and_end_as_one(node: Node) -> None:
    pids = [await pid(node, worker) for worker in range(WORKERS)]
    node.signal(signal.SIGTERM)
    assert await node.ended() == 0
    for one in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(one, 0)
    drained = [line for line in map(json.loads, node.log.splitlines()) if "drained" in line["message"]]
    assert len(drained) == WORKERS


async def test_workers_end_with_a_parent_that_was_killed(node: Node) -> None:
    node.signal(signal.SIGKILL)
    await node.ended()
    async with asyncio.timeout(15):
        while await asyncio.to_thread(node.asked, "/healthz"):
            pass


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "because SQLite serves one process"),
        ({"KANHUO_BUS": "redis://x"}, "because SQLite serves one process"),
        ({"KANHUO_DATABASE": "postgresql://x/y"}, "several workers need Redis"),
    ],
)
def test_workers_that_could_not_work_together_are_refused(
    tmp_path: Path, settings: dict[str, str], reason: str
) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "kanhuo.cli", "serve", "--workers", "2"],
        env={"KANHUO_DATA": str(tmp_path), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert refused.stderr.count("\n") == 1
