"""The robot at its desk, and a buyer's page that makes things up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from websockets.asyncio.server import ServerConnection, serve

from kanhuo.demo import robot
from kanhuo.demo.robot import Desk

KEY = "a secret of the sample shop, long enough"
CALL = "call_1"


class Server:
    """What the robot takes for kanhuo: says what a test says, and hears what the robot says."""

    def __init__(self) -> None:
        self.sockets: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def come(self, socket: ServerConnection) -> None:
        await self.sockets.put(socket)
        await socket.wait_closed()


async def heard(socket: ServerConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


@asynccontextmanager
async def at_the_desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServerConnection]:
    """Run a robot up to where it has accepted a call and waits for the offer."""
    monkeypatch.setattr(robot, "ANSWER_AFTER", 0)
    answering = Server()
    async with serve(answering.come, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        task = asyncio.create_task(Desk(f"http://127.0.0.1:{port}", "mer_fruit", KEY).run())
        socket = await answering.sockets.get()
        await heard(socket, "hello")
        await say(socket, type="call", call=CALL, state="ringing", here=True)
        assert (await heard(socket, "call.accept"))["call"] == CALL
        try:
            yield socket
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def say(socket: ServerConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


def described(sdp: str) -> dict[str, Any]:
    return {"type": "peer.described", "call": CALL, "by": "page", "round": 1, "kind": "offer", "sdp": sdp}


async def offer() -> str:
    pc = RTCPeerConnection()
    pc.addTransceiver("audio")
    pc.addTransceiver("video")
    await pc.setLocalDescription(await pc.createOffer())
    sdp: str = pc.localDescription.sdp
    await pc.close()
    return sdp


@pytest.mark.parametrize(
    "sdp",
    ["v=0\r\nm=audio nonsense", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:x",
     "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ssrc:1\r\n"],
)  # fmt: skip
async def test_a_bad_description_ends_its_call_and_not_the_robot(monkeypatch: pytest.MonkeyPatch, sdp: str) -> None:
    async with at_the_desk(monkeypatch) as socket:
        await say(socket, **described(sdp))
        await heard(socket, "call.hang_up")
        await still_there(socket)


@pytest.mark.parametrize(
    "candidate", ["candidate:1 1 udp", "x", "candidate:a b c d e f g h", "candidate:1 1 udp 1 host.invalid 9 typ x"]
)
async def test_a_bad_candidate_does_not_end_the_robot(monkeypatch: pytest.MonkeyPatch, candidate: str) -> None:
    async with at_the_desk(monkeypatch) as socket:
        await say(socket, **described(await offer()))
        await heard(socket, "peer.describe")
        given = {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0}
        await say(socket, type="peer.candidate_found", call=CALL, by="page", round=1, candidate=given)
        await still_there(socket)


async def test_what_no_robot_knows_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_the_desk(monkeypatch) as socket:
        for message in ({"type": "call"}, {"type": "chat.line"}, {"none": 1}, {"type": "peer.candidate_found"}):
            await say(socket, **message)
        await still_there(socket)


async def still_there(socket: ServerConnection) -> None:
    """The robot answers on the same line, and takes the next call."""
    await say(socket, type="call", call=CALL, state="ended", here=True)
    await say(socket, type="call", call="call_2", state="ringing", here=True)
    assert (await heard(socket, "call.accept"))["call"] == "call_2"
