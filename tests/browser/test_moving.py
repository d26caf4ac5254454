"""A node ends while two people talk in real browsers: the picture goes on, and nobody is shown anything."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from kanhuo.accounts.model import Merchant, Role
from kanhuo.accounts.passes import mint
from kanhuo.app import build
from kanhuo.config import Settings
from kanhuo.kernel.clock import SystemClock
from tests.browser.conftest import GREEN, Stage
from tests.browser.test_call import sees
from tests.support.chromium import desktop, phone, until
from tests.support.engines import Postgres, Redis
from tests.support.house import CONTEXT, KEY, SHOP
from tests.support.process import Node, free_ports

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

NO_LINE = "没有网络，正在重新连接…"
"""What pages say when their line is lost."""


@asynccontextmanager
async def balanced(port: int, nodes: Sequence[Node]) -> AsyncIterator[None]:
    """Run nodes, and lead every connection to the first that takes it."""

    async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in nodes:
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", node.port)
                await asyncio.gather(pour(reader, back), pour(there, writer))
                return
        writer.close()

    server = await asyncio.start_server(lead, "127.0.0.1", port)
    try:
        await asyncio.gather(*(node.start() for node in nodes))
        yield
    finally:
        server.close()
        for node in nodes:
            node.kill()


async def furnish(folder: Path, database: str) -> None:
    app = build(Settings(data=folder, database=database, pass_key=KEY, pepper="the same on every node"))
    await app.db.open()
    try:
        await app.accounts.put_merchant(Merchant(id=SHOP, name="Orchard"))
        secret, _ = await app.accounts.invite(SHOP, Role.OWNER)
        await app.accounts.join(secret, "Wang", "wang", "kanhuo-demo-2026")
    finally:
        await app.db.close()


async def test_the_picture_goes_on_while_the_node_of_both_ends(
    stage: Stage, tmp_path: Path, postgres: Postgres, redis: Redis
) -> None:
    database, (port,) = postgres.database(), free_ports(1)
    origin = f"http://localhost:{port}"
    nodes = [
        Node(tmp_path, f"node{n}", database=database, bus=redis.url, pass_key=KEY, drain="4", public=origin)
        for n in range(2)
    ]
    await furnish(tmp_path / "shop", database)
    async with balanced(port, nodes):
        agent = await (await desktop(stage.agents)).new_page()
        buyer = await (await phone(stage.buyers)).new_page()
        said: list[str] = []
        for page in (buyer, agent):
            page.on("websocket", lambda socket: socket.on("framereceived", lambda text: said.append(str(text))))
        await agent.goto(f"{origin}/console/")
        await agent.fill("input[name=login]", "wang")
        await agent.fill("input[name=password]", "kanhuo-demo-2026")
        await agent.click("kh-sign-in .act")
        await agent.click("#duty")
        await agent.locator(".duty.on").wait_for()
        claims = {"role": "buyer", "sub": "li", "merchant": SHOP, "context": CONTEXT}
        token = mint(KEY, claims, audience="kanhuo", now=SystemClock().now())
        await buyer.goto(f"{origin}/call/#pass={token}")
        await buyer.locator("kh-precall .act").click()
        await agent.locator("kh-ring .act").click()
        await until(buyer, lambda: sees(buyer, GREEN))
        texts: set[str] = set()

        nodes[0].signal(signal.SIGTERM)
        ending = asyncio.create_task(nodes[0].ended())
        while not ending.done():
            for page in (buyer, agent):
                texts.add(await page.locator("body").inner_text())
            assert await sees(buyer, GREEN)
        assert await ending == 0
        assert not [text for text in texts if NO_LINE in text]
        assert [json.loads(text)["why"] for text in said if '"type":"bye"' in text] == ["moving", "moving"]
        assert not [text for text in said if '"missing":["' in text]
        await buyer.locator(".hang").click()
        await agent.locator("kh-wrap-up").wait_for()
        await agent.context.close()
        await buyer.context.close()
