"""Chats and back ends for tests: they take what robots and webhooks are sent if it is what their makers have published.

What is checked here is written from those descriptions and not from our own code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from asyncio import Condition, Event, timeout
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

SECRET = "SECa key of a robot"
SHOP_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW_WITHIN = 3_600
"""How old a signature may be, in seconds."""


@dataclass(frozen=True)
class Said:
    """What stands in a chat."""

    title: str
    text: str
    button: str
    link: str

    @property
    def secrets(self) -> dict[str, str]:
        """What the link carries behind ``#``."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.link).fragment).items()}


@dataclass
class Chat:
    """One chat with a robot in it, or a back end."""

    url: str
    said: list[Any] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    """What is answered to the next messages instead of taking them."""
    silent: bool = False
    asked: int = 0
    news: Condition = field(default_factory=Condition)

    async def hear(self, within: float = 15) -> Any:
        """Return the first message, come already or still to come."""
        async with timeout(within), self.news:
            while not self.said:
                await self.news.wait()
            return self.said.pop(0)

    async def asked_for(self, times: int, within: float = 15) -> None:
        """Wait until it was asked so often to take something."""
        async with timeout(within), self.news:
            while self.asked < times:
                await self.news.wait()

    async def take(self, message: Any) -> None:
        async with self.news:
            self.said.append(message)
            self.news.notify_all()


class Receivers:
    """企业微信, 飞书, 钉钉 and a shop's back end, at one address."""

    def __init__(self) -> None:
        self.origin = ""
        self.now: Callable[[], int] = lambda: 0
        """The instant in seconds, for how old signatures are."""
        self.refused: list[str] = []
        """Why messages were not taken: nothing may be here at the end."""
        self.ids: list[str] = []
        """Of the messages that the shop was sent."""
        self.wecom = Chat("/cgi-bin/webhook/send?key=693a91f6-7a")
        self.feishu = Chat("/open-apis/bot/v2/hook/xxxx")
        self.dingtalk = Chat("/robot/send?access_token=abc")
        self.shop = Chat("/hooks/ring")

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    @property
    def robots(self) -> dict[str, Chat]:
        return {"wecom": self.wecom, "feishu": self.feishu, "dingtalk": self.dingtalk}

    async def answer(self, request: web.Request) -> web.Response:
        """Take one message, or say why not as each of them does."""
        chat = next(chat for chat in (*self.robots.values(), self.shop) if urlsplit(chat.url).path == request.path)
        async with chat.news:
            chat.asked += 1
            chat.news.notify_all()
        if chat.silent:
            await Event().wait()
        if chat.answers:
            return chat.answers.pop(0)
        body = await request.read()
        try:
            if chat is self.shop:
                await chat.take(self._shop(request, body))
                return web.Response(status=204)
            read = {"/cgi": self._wecom, "/ope": self._feishu, "/rob": self._dingtalk}[request.path[:4]]
            await chat.take(read(request, json.loads(body)))
        except Exception as failure:
            self.refused.append(repr(failure))
            return web.json_response({"errcode": 310000, "code": 19021, "errmsg": "sign not match"})
        known = {"code": 0, "msg": "success", "data": {}} if chat is self.feishu else {"errcode": 0, "errmsg": "ok"}
        return web.json_response(known)

    def _wecom(self, request: web.Request, body: dict[str, Any]) -> Said:
        assert request.query["key"] == "693a91f6-7a"
        assert body["msgtype"] == "news"
        (article,) = body["news"]["articles"]
        assert len(article["title"].encode()) <= 128
        assert len(article["description"].encode()) <= 512
        text, _, button = article["description"].rpartition("\n")
        return Said(article["title"], text, button, article["url"])

    def _feishu(self, _: web.Request, body: dict[str, Any]) -> Said:
        assert abs(int(body["timestamp"]) - self.now()) <= NOW_WITHIN
        key = f"{body['timestamp']}\n{SECRET}".encode()
        assert body["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        assert body["msg_type"] == "interactive"
        card = body["card"]
        text, acts = card["elements"]
        (button,) = acts["actions"]
        texts = (card["header"]["title"], text["text"], button["text"])
        assert all(each["tag"] == "plain_text" for each in texts)
        title, about, label = (each["content"] for each in texts)
        return Said(title, about, label, button["url"])

    def _dingtalk(self, request: web.Request, body: dict[str, Any]) -> Said:
        assert request.query["access_token"] == "abc"
        instant = request.query["timestamp"]
        assert abs(int(instant) // 1_000 - self.now()) <= NOW_WITHIN
        sign = hmac.new(SECRET.encode(), f"{instant}\n{SECRET}".encode(), hashlib.sha256).digest()
        assert request.query["sign"] == base64.b64encode(sign).decode()
        assert body["msgtype"] == "actionCard"
        card = body["actionCard"]
        headline, _, text = card["text"].removeprefix("### ").partition("\n\n")
        assert headline
        return Said(card["title"], text, card["singleTitle"], card["singleURL"])

    def _shop(self, request: web.Request, body: bytes) -> dict[str, Any]:
        id, instant = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        assert abs(int(instant) - self.now()) <= 300
        key = base64.b64decode(SHOP_SECRET.removeprefix("whsec_"))
        sign = hmac.new(key, f"{id}.{instant}.".encode() + body, hashlib.sha256).digest()
        assert f"v1,{base64.b64encode(sign).decode()}" in request.headers["webhook-signature"].split(" ")
        self.ids.append(id)
        told: dict[str, Any] = json.loads(body)
        return told


@asynccontextmanager
async def receivers() -> AsyncIterator[Receivers]:
    """Run chats and a back end for as long as the block lasts."""
    running = Receivers()
    app = web.Application()
    app.router.add_post("/{path:.*}", running.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for chat in (*running.robots.values(), running.shop):
        chat.url = running.origin + chat.url
    try:
        yield running
    finally:
        await runner.cleanup()
    assert running.refused == []
