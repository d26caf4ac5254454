"""The robot agent: stands at one merchant and answers, so that one person alone gets a live answer in one tap.

It is a foreign peer on purpose: it knows nothing of kanhuo but the public protocol, and its media come from aiortc.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import ssl
import sys
import time
from fractions import Fraction
from typing import Any, Final

import aioice.ice
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame
from PIL import Image, ImageDraw
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from kanhuo.demo.passes import agent_pass

log = logging.getLogger("kanhuo.robot")

SIZE: Final = (640, 480)
FPS: Final = 24
RATE: Final = 48_000
ANSWER_AFTER: Final = 1.2
"""Seconds the robot lets it ring, so that the ringing can be seen."""

GREETING: Final = "您好！这里是果园自动演示，画面和声音都是程序画的。Hello! This is an automatic demo."
ANSWER: Final = "收到！真人商家会在这里回答您。 Got it — a real merchant would answer here."
_TUNE: Final = (392.0, 440.0, 523.3, 587.3, 659.3, 587.3, 523.3, 440.0)


def allow_loopback() -> None:
    """Let aioice offer 127.0.0.1 where the machine has no other address: it leaves it out otherwise."""
    original = aioice.ice.get_host_addresses

    def addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:  # noqa: FBT001 - aioice's own signature
        return original(use_ipv4, use_ipv6) or ["127.0.0.1"]

    aioice.ice.get_host_addresses = addresses


class Orchard(VideoStreamTrack):
    """A crate of apples that turns under the light, with a clock to show that it is live."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._n = 0
        self._ground = _ground()

    async def recv(self) -> VideoFrame:
        """Return the next frame, when its time has come."""
        self._n += 1
        await asyncio.sleep(max(0.0, self._began + self._n / FPS - time.monotonic()))
        frame = VideoFrame.from_ndarray(self._draw(self._n / FPS), format="rgb24")
        frame.pts, frame.time_base = self._n * 90_000 // FPS, Fraction(1, 90_000)
        return frame

    def _draw(self, seconds: float) -> np.ndarray[Any, Any]:
        image = self._ground.copy()
        draw = ImageDraw.Draw(image)
        shift = 24 * np.sin(seconds * 0.9)
        for row, y in enumerate((230, 290)):
            for column in range(6):
                x = 60 + column * 104 + shift * (1 if row else 0.6) + row * 30
                _apple(draw, x, y, 46, (200 + 12 * ((column + row) % 3), 52 + 10 * (column % 3), 44))
        draw.rectangle((20, 330, 620, 440), fill=(178, 132, 82))
        for y in (348, 384, 420):
            draw.line((20, y, 620, y), fill=(140, 98, 56), width=4)
        draw.rounded_rectangle((448, 20, 622, 66), 14, fill=(255, 255, 255))
        draw.text((466, 30), time.strftime("%H:%M:%S") + f".{int(seconds * 10) % 10}", fill=(20, 32, 27), font_size=26)
        return np.asarray(image)


class Tune(AudioStreamTrack):
    """A quiet melody, a note every half second."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._n = 0

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms of sound, when their time has come."""
        size = RATE // 50
        await asyncio.sleep(max(0.0, self._began + self._n / RATE - time.monotonic()))
        at = (np.arange(size) + self._n) / RATE
        note = _TUNE[int(at[0] * 2) % len(_TUNE)]
        fade = np.exp(-3.0 * (at * 2 % 1))
        wave = (np.sin(2 * np.pi * note * at) + 0.3 * np.sin(4 * np.pi * note * at)) * fade * 5_000
        frame = AudioFrame.from_ndarray(wave.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._n, Fraction(1, RATE)
        self._n += size
        return frame


class Talk:
    """One call's peer connection."""

    def __init__(self, desk: Desk, call: str) -> None:
        self._desk = desk
        self._call = call
        self._pc: RTCPeerConnection | None = None
        self._fingerprint = ""
        self._round = 0
        self._sinks: set[asyncio.Task[None]] = set()
        self.received = {"audio": 0, "video": 0}

    async def describe(self, message: dict[str, Any]) -> None:
        """Answer the buyer's offer; an offer of another connection begins a new one."""
        found = [line for line in message["sdp"].splitlines() if line.startswith("a=fingerprint:")]
        fingerprint = found[0] if found else ""
        fresh = self._pc is None or fingerprint != self._fingerprint
        if fresh:
            await self.close()
            self._fingerprint = fingerprint
            self._pc = self._connection()
        pc = self._pc
        assert pc is not None
        self._round = message["round"]
        await pc.setRemoteDescription(RTCSessionDescription(message["sdp"], "offer"))
        for transceiver in pc.getTransceivers():
            if fresh:
                transceiver.sender.replaceTrack(Tune() if transceiver.kind == "audio" else Orchard())
            transceiver.direction = "sendrecv"  # an answer to recvonly becomes sendonly by itself
        await pc.setLocalDescription(await pc.createAnswer())
        await self._desk.send(
            "peer.describe",
            call=self._call,
            to=message["by"],
            round=self._round,
            kind="answer",
            sdp=pc.localDescription.sdp,
        )

    async def candidate(self, message: dict[str, Any]) -> None:
        """Take one of the buyer's candidates, if aiortc can use it."""
        text = message["candidate"]["candidate"]
        if (
            self._pc is None
            or message["round"] != self._round
            or not text
            or ".local" in text
            or " tcp " in text.lower()
        ):
            return
        candidate = candidate_from_sdp(text.removeprefix("candidate:"))
        candidate.sdpMid = message["candidate"]["sdpMid"]
        candidate.sdpMLineIndex = message["candidate"]["sdpMLineIndex"]
        await self._pc.addIceCandidate(candidate)

    async def close(self) -> None:
        """End the connection and everything that listens to it."""
        for sink in self._sinks:
            sink.cancel()
        self._sinks.clear()
        if self._pc is not None:
            await self._pc.close()
            self._pc = None

    def _connection(self) -> RTCPeerConnection:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))

        @pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            sink = asyncio.create_task(self._sink(track))
            self._sinks.add(sink)
            sink.add_done_callback(self._sinks.discard)

        @pc.on("connectionstatechange")
        async def on_state() -> None:
            if pc.connectionState == "connected":
                await self._desk.send("call.media_up", call=self._call)

        return pc

    async def _sink(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                self.received[track.kind] += 1
        except MediaStreamError:
            return


class Desk:
    """The robot's conversation with the server."""

    def __init__(self, origin: str, merchant: str, key: str) -> None:
        self._origin = origin
        self._merchant = merchant
        self._key = key
        self._socket: ClientConnection | None = None
        self._next = 1
        self._got = 0
        self._talk: Talk | None = None
        self._call: str | None = None
        self._answered = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer calls until cancelled; come back whenever the line is lost."""
        while True:
            try:
                await self._connected()
            except (OSError, ConnectionClosed, InvalidHandshake) as failure:
                log.info("the line was lost: %s", type(failure).__name__)
            except Exception:
                log.exception("the robot stumbled, and gets up")
            await self._drop()
            await asyncio.sleep(1)

    async def send(self, type_: str, /, **fields: Any) -> None:
        """Say something to the server."""
        if self._socket is not None:
            message = {"type": type_, "id": self._next, **fields}
            self._next += 1
            await self._socket.send(json.dumps(message))

    async def _connected(self) -> None:
        url = self._origin.replace("http", "ws", 1) + "/socket"
        context = _trusting() if url.startswith("wss") else None
        async with connect(url, ssl=context, compression=None) as socket:
            self._socket, self._next, self._got = socket, 1, 0
            token = agent_pass(self._key, "robot", "果园小机器人", self._merchant)
            hello = {"type": "hello", "version": 1, "device": "robot", "inst": secrets.token_hex(8), "pass": token}
            await socket.send(json.dumps(hello))
            beat = asyncio.create_task(self._beat())
            try:
                async for frame in socket:
                    await self._follow(json.loads(frame))
            finally:
                beat.cancel()

    async def _beat(self) -> None:
        while True:
            await self._here()
            await asyncio.sleep(10)

    async def _here(self) -> None:
        await self.send("presence.beat", duty=True, foreground=True)
        if self._socket is not None:
            await self._socket.send(json.dumps({"type": "ping", "got": self._got}))

    async def _follow(self, message: dict[str, Any]) -> None:
        """Do what a message asks for; what a page of somebody else's makes up ends its own call, not the robot."""
        try:
            await self._hear(message)
        except ConnectionClosed:
            raise
        except Exception:  # aiortc meets what it cannot read with nearly every kind there is
            log.exception("a %s could not be followed", message.get("type"))
            if "call" in message:
                await self.send("call.hang_up", call=message["call"])

    async def _hear(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        self._got += kind not in ("welcome", "pong", "nudge", "bye")
        if kind == "nudge":
            await self._here()
        elif kind == "call":
            await self._call_changed(message)
        elif kind == "peer.described" and self._talk is not None:
            await self._talk.describe(message)
        elif kind == "peer.candidate_found" and self._talk is not None:
            await self._talk.candidate(message)
        elif kind == "chat.line" and message["side"] == "buyer":
            await self.send("chat.say", call=message["call"], key=f"re-{message['n']}", text=ANSWER)

    async def _call_changed(self, view: dict[str, Any]) -> None:
        if view["state"] == "ringing" and view["here"]:
            self._begin(view["call"])
        elif view["call"] == self._call and (view["state"] == "ended" or not view["here"]):
            if self._answered and view["state"] == "ended":
                await self.send("call.wrap_up", call=view["call"], outcome="answered", note="")
            await self._drop()

    def _begin(self, call: str) -> None:
        if self._call == call:
            return
        self._call = call
        task = asyncio.create_task(self._answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, call: str) -> None:
        await asyncio.sleep(ANSWER_AFTER)
        if self._call != call:
            return
        self._talk, self._answered = Talk(self, call), True
        await self.send("call.accept", call=call, media="video")
        await self.send("peer.join", call=call, round=0)
        await self.send("peer.media", call=call, audio=True, video=True)
        await self.send("chat.say", call=call, key="greeting", text=GREETING)

    async def _drop(self) -> None:
        talk = self._talk
        self._talk, self._call, self._answered = None, None, False
        if talk is not None:
            try:
                await talk.close()
            except Exception:
                log.exception("a talk could not be closed")


def _trusting() -> ssl.SSLContext:
    """Return a context for the demo's own certificate, which nobody else vouches for."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _ground() -> Image.Image:
    rows = np.linspace(0, 1, SIZE[1])[:, None, None]
    top, bottom = np.array([252, 240, 222]), np.array([236, 200, 160])
    return Image.fromarray(np.broadcast_to(top + (bottom - top) * rows, (SIZE[1], SIZE[0], 3)).astype(np.uint8))


def _apple(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, colour: tuple[int, int, int]) -> None:
    draw.ellipse((x - r, y - r * 0.9, x + r, y + r * 0.95), fill=colour)
    draw.ellipse((x - r * 0.6, y - r * 0.6, x - r * 0.25, y - r * 0.05), fill=tuple(min(255, c + 60) for c in colour))
    draw.line((x, y - r * 0.8, x + r * 0.2, y - r * 1.2), fill=(90, 58, 34), width=6)
    draw.ellipse((x + r * 0.15, y - r * 1.25, x + r * 0.75, y - r * 0.95), fill=(77, 138, 58))


def main() -> None:
    """Stand at the merchant named on the command line."""
    logging.basicConfig(level=logging.WARNING)
    allow_loopback()
    origin, merchant = sys.argv[1:3]
    try:
        asyncio.run(Desk(origin, merchant, os.environ["KANHUO_ROBOT_KEY"]).run())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
