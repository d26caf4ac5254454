"""A push service for tests: the server's side of RFC 8030, 8291 and 8292, which reads what it was sent as a browser would."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kanhuo.shell.push import b64, unb64

_POINT: Final = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@dataclass
class Pushed:
    """A message as the browser gets it."""

    body: dict[str, Any]
    topic: str
    ttl: int
    urgency: str


@dataclass
class Browser:
    """A browser that has subscribed; it knows the keys."""

    url: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen bytes..."
    heard: list[Pushed] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What the service says to the next messages instead of taking them."""
    silent: bool = False
    """Whether the service takes the next messages in and does not answer."""
    asked: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def point(self) -> bytes:
        return self.private.public_key().public_bytes(*_POINT)

    @property
    def subscription(self) -> dict[str, Any]:
        """What ``PushSubscription.toJSON`` returns there."""
        return {"endpoint": self.url, "keys": {"p256dh": b64(self.point), "auth": b64(self.secret)}}

    async def hear(self, kind: str, within: float = 15) -> Pushed:
        """Return the first message of a kind, come already or still to come."""
        async with asyncio.timeout(within), self.news:
            while True:
                for index, pushed in enumerate(self.heard):
                    if pushed.body["type"] == kind:
                        return self.heard.pop(index)
                await self.news.wait()

    async def asked_for(self, times: int, within: float = 15) -> None:
        """Wait until the service was asked so often to send this browser something."""
        async with asyncio.timeout(within), self.news:
            while self.asked < times:
                await self.news.wait()

    def read(self, sealed: bytes) -> bytes:
        """Open what was sealed for this browser (RFC 8291, section 3; RFC 8188, section 2)."""
        salt, (size, length) = sealed[:16], struct.unpack("!IB", sealed[16:21])
        assert len(sealed) <= size == 4096
        sender = sealed[21 : 21 + length]
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        mixed = _hkdf(shared, self.secret, b"WebPush: info\0" + self.point + sender, 32)
        opened = AESGCM(_hkdf(mixed, salt, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
            _hkdf(mixed, salt, b"Content-Encoding: nonce\0", 12), sealed[21 + length :], None
        )
        text = opened.rstrip(b"\0")
        assert text.endswith(b"\x02"), "the last record"
        return text[:-1]


class PushService:
    """Takes messages for browsers, if they are what the RFCs want."""

    def __init__(self) -> None:
        self.browsers: dict[str, Browser] = {}
        self.origin = ""
        self.refused: list[str] = []
        """Why messages were not taken: nothing may be here at the end."""

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    def browser(self, name: str = "phone") -> Browser:
        """Let a browser subscribe."""
        self.browsers[name] = Browser(f"{self.origin}/send/{name}")
        return self.browsers[name]

    async def take(self, request: web.Request) -> web.Response:
        """Answer one request to send something."""
        browser = self.browsers.get(request.match_info["name"])
        if browser is None:
            return web.Response(status=410)
        async with browser.news:
            browser.asked += 1
            browser.news.notify_all()
        if browser.silent:
            await asyncio.Event().wait()
        if browser.answers:
            status, headers = browser.answers.pop(0)
            return web.Response(status=status, headers=headers)
        try:
            _check(request.headers, self.origin)
            pushed = Pushed(
                json.loads(browser.read(await request.read())),
                request.headers.get("Topic", ""),
                int(request.headers["TTL"]),
                request.headers.get("Urgency", "normal"),
            )
        except Exception as failure:
            self.refused.append(repr(failure))
            return web.Response(status=400)
        async with browser.news:
            browser.heard.append(pushed)
            browser.news.notify_all()
        return web.Response(status=201, headers={"Location": f"{self.origin}/message/1"})


def _check(headers: Mapping[str, str], origin: str) -> None:
    scheme, _, rest = headers["Authorization"].partition(" ")
    assert scheme == "vapid"
    given = dict(part.strip().split("=", 1) for part in rest.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(given["k"]))
    claims = jwt.decode(given["t"], key, algorithms=["ES256"], audience=origin, options={"verify_exp": False})
    assert claims["sub"].startswith(("https:", "http://localhost", "mailto:"))
    assert headers["Content-Encoding"] == "aes128gcm"
    topic = headers.get("Topic", "")
    assert len(topic) <= 32
    assert not topic.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """Run a push service for as long as the block lasts."""
    service = PushService()
    app = web.Application()
    app.router.add_post("/send/{name}", service.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    service.origin = f"http://127.0.0.1:{port}"
    try:
        yield service
    finally:
        await runner.cleanup()
    assert service.refused == []
