"""The deployed haproxy.cfg in front of two real nodes: any page may land on any node, and a dead one is noticed by nobody new."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kanhuo.accounts.passes import mint
from kanhuo.demo.lan import certificate
from kanhuo.kernel.clock import SystemClock
from tests.deploy.proxy import CHECK, CONFIG, Proxy
from tests.support.client import Client
from tests.support.engines import Postgres, Redis
from tests.support.house import CONTEXT, KEY, SHOP
from tests.support.process import Node, free_ports
from tests.support.roaming import Crowd, open_shop, talk


class Town:
    """Two nodes, the proxy before them and the people who come by it."""

    def __init__(self, folder: Path, database: str, bus: str) -> None:
        self.database = database
        self.nodes = [Node(folder, f"node-{n}", database=database, bus=bus, pass_key=KEY, drain="10") for n in (1, 2)]
        self.proxy = Proxy(folder, [node.port for node in self.nodes])
        self._people: list[Client] = []

    async def person(self, role: str, sub: str, url: str = "") -> Client:
        own: dict[str, Any] = {"name": sub.title()} if role == "agent" else {"context": CONTEXT}
        claims = {"role": role, "sub": sub, "merchant": SHOP, **own}
        token = mint(KEY, claims, audience="kanhuo", now=SystemClock().now())
        client = Client(url or self.proxy.url, pass_=token)
        self._people.append(client)
        return await client.open()

    def sockets(self) -> list[int]:
        """How many sockets each living node has, by its own figures."""
        figures = [(node.asked("/metrics", 0) or b"").decode() for node in self.nodes]
        found = [re.search(r"^kanhuo_sockets ([0-9.]+)$", text, re.MULTILINE) for text in figures]
        return [int(float(match[1])) if match else 0 for match in found]

    async def answers_by(self) -> str:
        """Which node answers one request, ``?`` where none does."""
        status, body = await self.proxy.asked("/readyz")
        return str(json.loads(body)["node"]).partition(".")[0] if status == 200 else "?"

    async def end(self) -> None:
        await asyncio.gather(*(person.close() for person in self._people), return_exceptions=True)
        self.proxy.stop()
        for node in self.nodes:
            node.kill()


async def until(holds: Callable[[], Awaitable[bool]], within: float = 15) -> None:
    async with asyncio.timeout(within):
        while not await holds():
            await asyncio.to_thread(os.sched_yield)  # what is asked takes its time already


@pytest.fixture
async def town(tmp_path: Path, postgres: Postgres, redis: Redis) -> AsyncIterator[Town]:
    opened = Town(tmp_path, postgres.database(), redis.url)
    await open_shop(tmp_path / "shop", opened.database)
    try:
        await asyncio.gather(*(node.start() for node in opened.nodes))
        opened.proxy.start()
        await until(lambda: both_answer(opened))
        yield opened
    finally:
        await opened.end()


async def both_answer(town: Town) -> bool:
    try:
        return {await town.answers_by() for _ in range(4)} == {"node-1", "node-2"}
    except OSError:
        return False


async def serves(town: Town, node: Node) -> bool:
    """Whether new pages come to a node that has fewer than the other."""
    return await town.answers_by() == node.name


def test_haproxy_takes_the_config(tmp_path: Path) -> None:
    environment = Proxy(tmp_path, [18001, 18002]).environment
    done = subprocess.run(CHECK, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[WARNING]" not in done.stderr
    assert "[ALERT]" not in done.stderr


async def test_sockets_are_spread_and_a_page_of_one_node_talks_to_one_of_the_other(town: Town) -> None:
    buyer = await town.person("buyer", "li")
    agent = await town.person("agent", "wang")
    assert await asyncio.to_thread(town.sockets) == [1, 1], "the second goes where there are fewer"
    await agent.send("presence.beat", duty=True, foreground=True)
    await agent.hear(lambda m: m["type"] == "desk" and m["duty"])
    call = (await buyer.ask("call.ask", key="k", media="voice"))["call"]
    await agent.call_in("ringing", call=call, here=True)
    await agent.ask("call.accept", call=call, media="voice")
    for side in (buyer, agent):
        await side.ask("peer.join", call=call, round=0)
        await side.ask("call.media_up", call=call)
    await agent.call_in("talking", call=call)
    await buyer.ask("chat.say", call=call, key="1", text="红的吗")
    assert (await agent.hear(lambda m: m["type"] == "chat.line"))["text"] == "红的吗"

    # The same visitor again, from the same address with the same cookie: nothing ties her to a node.
    for n in range(6):
        await town.person("buyer", f"visitor-{n}")
    assert await asyncio.to_thread(town.sockets) == [4, 4]
    assert {await town.answers_by() for _ in range(6)} == {"node-1", "node-2"}


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/metrics?x=1"])
async def test_figures_are_not_for_the_public(town: Town, path: str) -> None:
    status, body = await town.proxy.asked(path)
    assert status == 403
    assert "kanhuo_" not in body
    assert b"kanhuo_sockets" in (town.nodes[0].asked("/metrics", 0) or b""), "who watches the node sees them"


async def test_a_killed_node_is_left_out_and_its_pages_come_back_by_the_other(town: Town) -> None:
    lost = await town.person("buyer", "li")
    at = (await asyncio.to_thread(town.sockets)).index(1)
    dead, alive = town.nodes[at], town.nodes[1 - at]
    await town.person("agent", "wang")
    dead.kill()
    # At once, before the proxy has looked again: what a dead node does not take is given to the other.
    assert [await town.answers_by() for _ in range(8)] == [alive.name] * 8
    await lost.closed()
    lost.closed_with = None
    await lost.open(resume=True)
    assert (await asyncio.to_thread(town.sockets))[1 - at] == 2
    await dead.start()
    await until(lambda: serves(town, dead))


async def test_a_node_that_drains_gets_nobody_new_and_nobody_is_refused(town: Town) -> None:
    leaving, stays = town.nodes
    leaving.signal(signal.SIGTERM)
    seen: list[int] = []

    async def gone() -> bool:
        seen.append((await town.proxy.asked("/healthz"))[0])
        return leaving.process is not None and leaving.process.poll() is not None

    await until(gone)
    assert set(seen) == {200}
    assert [await town.answers_by() for _ in range(4)] == [stays.name] * 4


async def test_both_nodes_are_replaced_while_two_talk_and_neither_notices(town: Town) -> None:
    crowd = Crowd([town.proxy.url])
    try:
        agent, buyer = await crowd.agent("wang"), await crowd.buyer("li")
        call = await talk(buyer, agent, "k")
        for n, node in enumerate(town.nodes):
            node.signal(signal.SIGTERM)
            assert await node.ended() == 0
            await buyer.ask("chat.say", call=call, key=str(n), text=f"after {node.name}")
            await agent.hear(lambda m, node=node: m["type"] == "chat.line" and m["text"] == f"after {node.name}")  # type: ignore[misc]
            await node.start()
            await until(partial(serves, town, node))
        assert (buyer.losses, agent.losses) == (0, 0)
        assert min(buyer.moves, agent.moves) >= 1
        await buyer.ask("call.hang_up", call=call)
        assert (await agent.call_in("ended", call=call))["reason"] == "completed"
    finally:
        await crowd.end()


@pytest.mark.parametrize(("method", "status", "taken"), [("GET", 200, 2), ("POST", 502, 1), ("DELETE", 502, 1)])
async def test_a_node_that_dies_over_a_request_is_made_up_for_where_that_is_harmless(
    tmp_path: Path, method: str, status: int, taken: int
) -> None:
    requests: list[str] = []

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if "/readyz" not in head:
                requests.append(head)
            if len(requests) != 1 or "/readyz" in head:  # the first one kills whoever takes it
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    behind = [await asyncio.start_server(node, "127.0.0.1", 0) for _ in range(2)]
    proxy = Proxy(tmp_path, [each.sockets[0].getsockname()[1] for each in behind])
    proxy.start()
    try:
        await until(lambda: _is_up(proxy))
        assert (await proxy.asked("/it", "Content-Length: 0", method=method))[0] == status
        assert len(requests) == taken
    finally:
        proxy.stop()
        for each in behind:
            each.close()


async def test_whoever_lies_about_the_own_address_is_not_believed(tmp_path: Path) -> None:
    """The node behind sees one address, the one from which the proxy was reached."""
    heads: list[str] = []

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    behind = await asyncio.start_server(node, "127.0.0.1", 0)
    port = behind.sockets[0].getsockname()[1]
    proxy = Proxy(tmp_path, [port, port])
    proxy.start()
    try:
        await until(lambda: _is_up(proxy))
        lies = (
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-For: 8.8.8.8",
            "Forwarded: for=9.9.9.9",
            "X-Forwarded-Proto: https",
        )
        await proxy.asked("/lie", *lies)
    finally:
        proxy.stop()
        behind.close()
    (head,) = [head for head in heads if head.startswith("get /lie ")]
    assert re.findall(r"^x-forwarded-for: (.*?)\r$", head, re.MULTILINE) == ["127.0.0.1"]
    assert re.findall(r"^x-forwarded-proto: (.*?)\r$", head, re.MULTILINE) == ["http"]
    assert "\r\nforwarded:" not in head


async def test_tls_as_the_comment_in_the_config_says(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    made, key = certificate(tmp_path, "127.0.0.1")
    both = tmp_path / "kanhuo.pem"
    both.write_bytes(made.read_bytes() + key.read_bytes())
    lines = re.sub(
        r"^    # (bind :8443|http-request redirect|http-response set-header)",
        r"    \1",
        CONFIG.read_text(),
        flags=re.MULTILINE,
    )
    lines = lines.replace(":8443", f"127.0.0.1:{port}").replace("/etc/haproxy/certificates/", str(both))
    assert str(both) in lines
    config = tmp_path / "haproxy.cfg"
    config.write_text(lines)
    asked: list[str] = []

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    behind = await asyncio.start_server(node, "127.0.0.1", 0)
    at = behind.sockets[0].getsockname()[1]
    proxy = Proxy(tmp_path, [at, at], config)
    proxy.start()
    try:
        await until(lambda: _is_up(proxy, 308))
        trusted = ssl.create_default_context(cafile=str(made))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname="localhost")
        writer.write(b"GET /call/ HTTP/1.1\r\nHost: call.example.com\r\nConnection: close\r\n\r\n")
        answer = (await reader.read()).decode().lower()
        writer.close()
        assert answer.startswith("http/1.1 200")
        assert "strict-transport-security: max-age=31536000" in answer
        assert "x-forwarded-proto: https\r\n" in asked[-1]
    finally:
        proxy.stop()
        behind.close()


async def test_a_request_that_trickles_in_is_cut_off(tmp_path: Path) -> None:
    wait = re.search(r"^\s*timeout http-request (\d+)s", CONFIG.read_text(), re.MULTILINE)
    assert wait is not None
    proxy = Proxy(tmp_path, [1, 1])
    proxy.start()
    try:
        await until(lambda: _is_up(proxy))
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        begun = asyncio.get_running_loop().time()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answer = asyncio.create_task(reader.read())
        while not answer.done():  # another header each half second: no time-out between two bytes would end this
            await asyncio.wait({answer}, timeout=0.5)
            writer.write(b"X-More: and more\r\n")
        assert (await answer).startswith(b"HTTP/1.1 408")
        assert asyncio.get_running_loop().time() - begun < int(wait[1]) + 3
        writer.close()
    finally:
        proxy.stop()


async def _is_up(proxy: Proxy, says: int = 403) -> bool:
    try:
        status, _ = await proxy.asked("/metrics")
    except OSError:
        return False
    return status == says
