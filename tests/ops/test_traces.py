"""A call across nodes is one trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kanhuo.config import from_environment
from kanhuo.edge.tracing import ids_of
from tests.ops.collector import Seen, collector
from tests.support.client import RefusedError
from tests.support.engines import Postgres, Redis, free_port
from tests.support.house import house, houses

SDP = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-pwd:a-secret-of-the-description\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n"
)


async def test_a_call_between_two_nodes_is_one_trace(tmp_path: Path, postgres: Postgres, redis: Redis) -> None:
    with collector() as collected:
        url = postgres.database()
        async with houses(tmp_path, 2, database=url, bus=redis.url, traces=collected.url) as (here, there):
            agent, buyer = await there.agent("wang"), await here.buyer()
            call = await here.talking(buyer, agent)
            await buyer.ask("peer.describe", call=call, to=agent.inst, round=1, kind="offer", sdp=SDP)
            await agent.hear(lambda m: m["type"] == "peer.described")
            await buyer.ask("chat.say", call=call, key="1", text="the words of a person")
            with pytest.raises(RefusedError):
                await agent.ask("call.rate", call=call, stars=5)
            here.clock.pass_(60_000)
            await agent.ask("call.hang_up", call=call)
            await buyer.call_in("ended", call=call)
            ours, theirs = here.app.nodes.me, there.app.nodes.me
    spans = [span for span in collected.spans if span.facts["kanhuo.call"] == call]
    trace, root = (number.to_bytes(size) for number, size in zip(ids_of(call), (16, 8), strict=True))
    assert {span.trace for span in spans} == {trace}
    assert {span.node for span in spans} == {ours, theirs}
    by = {(span.node, span.name): span for span in spans}

    (whole,) = [span for span in spans if not span.parent]
    assert (whole.node, whole.name, whole.id) == (theirs, "call", root)
    assert (whole.ended - whole.began, whole.facts["kanhuo.reason"]) == (60_000_000_000, "completed")
    ids = {span.id for span in spans}
    assert len(ids) == len(spans)
    assert {span.parent for span in spans} <= ids | {b""}, "nothing hangs in the air"

    asked, accepted = by[ours, "calls.ask"], by[theirs, "calls.accept"]
    assert (asked.facts["kanhuo.event"], asked.parent) in {("Asked", root), ("Offered", root)}
    assert (accepted.facts["kanhuo.event"], accepted.parent) == ("Accepted", by[theirs, "call.accept"].id)
    assert by[theirs, "calls.hang_up"].facts["kanhuo.reason"] == "completed"
    refusal = by[theirs, "call.rate"]
    assert refusal.facts["kanhuo.refused"] == "not_allowed"

    for told, heard in (("tell peer.described", "hear peer.described"), ("tell calls.changed", "hear calls.changed")):
        pairs = _pairs(spans, told, heard)
        assert pairs, f"{told} → {heard}"
        assert all(teller.node != hearer.node for teller, hearer in pairs)
    (described,) = _pairs(spans, "tell peer.described", "hear peer.described")
    assert [span.node for span in described] == [ours, theirs]
    assert described[0].parent == by[ours, "peer.describe"].id

    sent = b"".join(collected.bodies)
    for secret in ("a-secret-of-the-description", "the words of a person", "Fuji", "Wang", str(buyer.session)):
        assert secret.encode() not in sent


def _pairs(spans: list[Seen], told: str, heard: str) -> list[tuple[Seen, Seen]]:
    tellers = {span.id: span for span in spans if span.name == told}
    return [(tellers[span.parent], span) for span in spans if span.name == heard and span.parent in tellers]


async def test_a_collector_that_is_away_keeps_nobody_up(tmp_path: Path) -> None:
    async with house(tmp_path, traces=f"http://127.0.0.1:{free_port()}") as shop:
        agent, buyer = await shop.agent(), await shop.buyer()
        call = await shop.talking(buyer, agent)
        await buyer.ask("call.hang_up", call=call)


def test_switched_on_by_the_standard_variable_and_not_even_loaded_without(tmp_path: Path) -> None:
    assert from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}).traces == "http://collector:4318"
    script = (
        "import sys; from pathlib import Path; from kanhuo.app import build; from kanhuo.config import Settings;"
        f"build(Settings(data=Path({str(tmp_path)!r}))); print('kanhuo.edge.tracing' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
