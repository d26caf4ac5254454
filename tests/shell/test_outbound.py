"""Whom we call, and whom we do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kanhuo.shell.client import Public
from kanhuo.shell.outbound import FORBIDDEN, Answer, Outbound


@pytest.fixture
async def somebody() -> AsyncIterator[str]:
    """Somebody on a private address, who leads on and lets wait."""

    async def answer(request: web.Request) -> web.Response:
        match request.path:
            case "/on":
                return web.Response(status=302, headers={"Location": "/reached"})
            case "/busy":
                return web.Response(status=429, headers={"Retry-After": "7"})
            case "/odd":
                return web.Response(status=429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
            case "/slow":
                await asyncio.Event().wait()
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def ours(somebody: str) -> AsyncIterator[Outbound]:
    outbound = Outbound([somebody])
    yield outbound
    await outbound.close()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", Answer(201)),
        ("/on", Answer(302)),
        ("/busy", Answer(429, 7_000)),
        ("/odd", Answer(429)),
        ("/slow", Answer()),
    ],
)
async def test_what_is_answered(ours: Outbound, somebody: str, path: str, answer: Answer) -> None:
    assert await ours.post(f"http://{somebody}{path}", b"x", {}, 500) == answer


async def test_nobody_there_is_no_answer() -> None:
    outbound = Outbound(["127.0.0.1:9"])
    assert await outbound.post("http://127.0.0.1:9/", b"x", {}, 2_000) == Answer()
    await outbound.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.com/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://[oops/",
        "https://localhost/",
        "https://2130706433/",
        "https://user@push.example.com/",
        "https:///nowhere",
        "ftp://push.example.com/",
        "",
    ],
)
async def test_who_is_not_of_the_public_internet_is_not_called(url: str) -> None:
    assert await Outbound(["127.0.0.1:9000"]).post(url, b"x", {}, 500) == FORBIDDEN


@pytest.mark.parametrize("host", ["127.1", "0x7f.0.0.1", "localhost"])
async def test_a_name_that_leads_to_a_private_address_is_not_called(host: str) -> None:
    with pytest.raises(OSError, match="not of the public internet"):
        await Public().resolve(host, 443)


async def test_a_public_host_may_be_called() -> None:
    assert Outbound().allowed("https://fcm.googleapis.com/fcm/send/abc")
    assert Outbound().allowed("https://8.8.8.8/")
