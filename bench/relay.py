"""Signalling: candidates passed between the two pages of a call, each checked for party, page, round and count."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator

from bench.calls import people
from bench.figures import Figures, quantile
from bench.page import Page
from bench.server import serving

PAIRS = 50
IN_FLIGHT = 8
A_ROUND = 190
"""A round may have 200 candidates; then the buyer offers anew."""

SDP = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n"
)
CANDIDATE = {
    "candidate": "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.17 rport 46154 generation 0 "
    "ufrag EEtu network-cost 999",
    "sdpMid": "0",
    "sdpMLineIndex": 0,
    "usernameFragment": "EEtu",
}


async def talking(buyer: Page, agent: Page, key: str) -> str:
    asked = buyer.ask("call.ask", key=key, media="voice")
    call: str = (await agent.state("ringing"))["call"]
    await asked
    await buyer.ask("peer.join", call=call, round=0)
    await agent.ask("call.accept", call=call, media="voice")
    await agent.ask("peer.join", call=call, round=0)
    await asyncio.gather(buyer.ask("call.media_up", call=call), agent.ask("call.media_up", call=call))
    return call


async def relay(
    buyer: Page, agent: Page, call: str, rounds: Iterator[int], until: float, rate: float | None
) -> tuple[int, list[float]]:
    """Send candidates from agent to buyer; return how many arrived and how long each took (s)."""
    passed, times, round_ = 0, list[float](), 0
    sent: list[float] = []
    room = asyncio.Semaphore(IN_FLIGHT)

    def heard(message: dict[str, object], at: float) -> None:
        nonlocal passed
        if message["type"] == "peer.candidate_found":
            times.append(at - sent[passed])
            passed += 1
            room.release()

    buyer.heard = heard
    began = time.perf_counter()
    while time.perf_counter() < until:
        if len(sent) % A_ROUND == 0:
            for _ in range(IN_FLIGHT):
                await room.acquire()
            round_ = next(rounds)
            await buyer.ask("peer.describe", call=call, to=agent.inst, round=round_, kind="offer", sdp=SDP)
            for _ in range(IN_FLIGHT):
                room.release()
        await room.acquire()
        if rate is not None:
            await asyncio.sleep(max(0.0, began + len(sent) / rate - time.perf_counter()))
        sent.append(time.perf_counter())
        agent.send("peer.candidate", call=call, to=buyer.inst, round=round_, candidate=CANDIDATE)
    for _ in range(IN_FLIGHT):
        await room.acquire()
    return passed, times


async def run(short: bool) -> Figures:
    seconds = 5 if short else 15
    async with serving(PAIRS) as server:
        pairs = await people(server, PAIRS)
        calls = await asyncio.gather(*(talking(*pair, f"r{n}") for n, pair in enumerate(pairs)))
        rounds = [itertools.count(1) for _ in pairs]
        results = {}
        for name, rate in (("full", None), ("paced", 2_000 / PAIRS)):
            cpu, began = server.cpu(), time.perf_counter()
            until = began + seconds
            told = await asyncio.gather(
                *(relay(*p, c, r, until, rate) for p, c, r in zip(pairs, calls, rounds, strict=True))
            )
            took, cpu = time.perf_counter() - began, server.cpu() - cpu
            results[name] = (sum(n for n, _ in told), took, cpu, [t for _, times in told for t in times])
    full, slow = results["full"], results["paced"]
    figures = Figures()
    figures.values = {
        "messages_per_s": full[0] / full[1],
        "cpu_ms_per_1000": full[2] / full[0] * 1e6,
        "utilisation": full[2] / full[1],
        "cpu_ms_per_1000_at_2000_per_s": slow[2] / slow[0] * 1e6,
        "ms_p50_at_2000_per_s": quantile(slow[3], 0.5) * 1_000,
        "ms_p99_at_2000_per_s": quantile(slow[3], 0.99) * 1_000,
    }
    return figures
