"""What an operator watches is what has happened."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from kanhuo.calls.policy import DEFAULT
from kanhuo.edge.refusals import STATUS
from kanhuo.shell.alarm import Alarm
from kanhuo.shell.metrics import Metrics
from tests.ops.asking import Figures, ask, figures, until
from tests.support import engines
from tests.support.client import RefusedError
from tests.support.engines import Postgres, Redis, free_port
from tests.support.house import TestHouse, house, houses

ENDED = "kanhuo_calls_ended_total"
ID = re.compile(r"(call|mer|agt|ses|byr|dev|inst)[_-]")


async def test_a_call_in_figures(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.ringing(buyer, agent)
    assert (await figures(shop))("kanhuo_calls_live", state="ringing") == 1
    assert (await figures(shop))("kanhuo_agents_on_duty") == 1
    shop.clock.pass_(7_000)
    await agent.ask("call.accept", call=call, media="video")
    for side in (buyer, agent):
        await side.ask("call.media_up", call=call)
    assert (await figures(shop))("kanhuo_calls_live", state="talking") == 1
    shop.clock.pass_(90_000)
    await buyer.ask("call.hang_up", call=call)
    seen = await figures(shop)
    assert seen("kanhuo_calls_asked_total", media="video") == 1
    assert (seen(ENDED), seen(ENDED, reason="completed")) == (1, 1)
    assert seen("kanhuo_rings_total", end="accepted") == 1
    assert (seen("kanhuo_call_ring_seconds_count"), seen("kanhuo_call_ring_seconds_sum")) == (1, 0)
    assert (seen("kanhuo_call_answer_seconds_sum"), seen("kanhuo_call_talk_seconds_sum")) == (7, 90)
    assert seen("kanhuo_calls_live") == 0
    assert (seen("kanhuo_sessions"), seen("kanhuo_sockets")) == (2, 2)
    assert seen("kanhuo_frames_total", direction="in") > 8 < seen("kanhuo_frames_total", direction="out")
    assert seen("kanhuo_frame_bytes_total", direction="out") > 1_000
    assert seen("kanhuo_database_unit_seconds_count", kind="write") > 5
    assert (seen("kanhuo_database_failures_total"), seen("kanhuo_database_units"), seen("kanhuo_nodes_living")) == (
        0,
        0,
        1,
    )


async def test_how_late_a_deadline_was(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    await shop.ringing(buyer, agent)
    await shop.beat(DEFAULT.ring + 150)
    seen = await figures(shop)
    assert seen("kanhuo_rings_total", end="expired") == 1
    assert (seen("kanhuo_deadline_late_seconds_count"), seen("kanhuo_deadline_late_seconds_sum")) == (1, 0.15)


async def test_refusals_by_code_on_the_socket_and_over_http(shop: TestHouse) -> None:
    buyer = await shop.buyer()
    for _ in range(2):
        with pytest.raises(RefusedError):
            await buyer.ask("call.hang_up", call="call_nobody")
    await buyer.raw("not even JSON")
    await buyer.settle()
    assert (await ask(shop, "/nowhere")).status == 404
    assert (await ask(shop, "/v1/calls")).status == 401
    seen = await figures(shop)
    assert seen("kanhuo_refusals_total", code="not_found") == 3
    assert seen("kanhuo_refusals_total", code="malformed") == 1
    assert seen("kanhuo_refusals_total", code="not_signed_in") == 1


async def test_names_follow_the_convention_and_labels_hold_no_ids(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    await shop.talking(buyer, agent)
    with pytest.raises(RefusedError):
        await buyer.ask("call.hang_up", call="call_nobody")
    seen = await figures(shop)
    assert len(seen.families) > 25
    for family in seen.families:
        assert family.documentation, family.name
        assert re.match(r"(kanhuo|process)_[a-z_]+$", family.name)
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        for sample in family.samples:
            assert not any(ID.search(value) for value in sample.labels.values())
            assert len(sample.labels) <= 2
        series = {tuple(sorted(sample.labels.items())) for sample in family.samples}
        assert len(series) <= max(3 * 22, len(STATUS)), "what a label may be is a closed set"


async def test_figures_are_not_for_the_public(shop: TestHouse) -> None:
    for told in ({"X_Forwarded_For": "198.51.100.7"}, {"Forwarded": "for=198.51.100.7"}, {"Via": "1.1 proxy"}):
        assert (await ask(shop, "/metrics", 0, **told)).status == 404
    assert (await ask(shop, "/metrics")).kind.startswith("text/plain; version=")


async def test_a_worker_is_watched_on_a_port_of_its_own(tmp_path: Path) -> None:
    own = free_port()
    async with house(tmp_path, metrics_port=own) as shop:
        await shop.buyer()
        answer = await ask(shop, "/metrics", own)
        assert Figures(answer.text)("kanhuo_sockets") == 1
        assert (await ask(shop, "/readyz", own)).json["node"] == shop.app.nodes.me
    async with house(tmp_path / "again", metrics_port=own):
        pass  # the port is free again


async def test_what_happens_is_counted_on_one_node(tmp_path: Path, postgres: Postgres, redis: Redis) -> None:
    async with houses(tmp_path, 3, database=postgres.database(), bus=redis.url) as (here, there, third):
        agent, buyer = await there.agent(), await here.buyer()
        call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
        await agent.call_in("ringing", call=call)
        live = [(await figures(node))("kanhuo_calls_live") for node in (here, there, third)]
        assert live == [1, 0, 0], "where the buyer is"
        await third.beat(DEFAULT.ring)
        await buyer.call_in("ended", call=call)
        seen = [await figures(node) for node in (here, there, third)]
        assert [each("kanhuo_calls_asked_total") for each in seen] == [1, 0, 0]
        assert [each("kanhuo_rings_total", end="expired") for each in seen] == [0, 0, 1]
        assert [each(ENDED, reason="no_answer") for each in seen] == [0, 0, 1]
        assert (
            seen[0]("kanhuo_bus_messages_total", direction="in")
            > 0
            < seen[2]("kanhuo_bus_messages_total", direction="out")
        )
        assert [each("kanhuo_bus_connected") for each in seen] == [1, 1, 1]
        assert seen[0]("kanhuo_nodes_living") == 3


async def test_a_bus_that_is_away_and_comes_back(tmp_path: Path, postgres: Postgres) -> None:
    with engines.redis() as redis:
        async with houses(tmp_path, 1, database=postgres.database(), bus=redis.url) as (shop,):
            redis.kill()
            await until(shop, "/metrics", lambda answer: Figures(answer.text)("kanhuo_bus_connected") == 0)
            buyer = await shop.buyer()
            await buyer.ask("call.ask", key="k", media="video")
            assert (await figures(shop))("kanhuo_bus_dropped_total") > 0
            redis.start()
            await until(shop, "/metrics", lambda answer: Figures(answer.text)("kanhuo_bus_connected") == 1)
            assert (await figures(shop))("kanhuo_bus_reconnects_total") == 1


async def test_races_and_failures_of_the_database(shop: TestHouse) -> None:
    def fails(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shop.app.db.write(fails)
    await shop.app.db.read(lambda _: None)
    seen = await figures(shop)
    assert seen("kanhuo_database_failures_total", why="error") == 1
    assert seen("kanhuo_database_units") == 0


async def test_the_alarm_says_how_late_the_loop_came_round() -> None:
    metrics, beats = Metrics(), asyncio.Event()

    async def beat() -> None:
        beats.set()

    alarm = Alarm(beat, every=1, metrics=metrics)
    alarm.start()
    for _ in range(2):
        beats.clear()
        await beats.wait()
    await alarm.stop()
    seen = Figures(generate_latest(metrics.registry).decode())
    assert seen("kanhuo_event_loop_lag_seconds_count") >= 1
    assert seen("kanhuo_beat_seconds_count") >= 1
