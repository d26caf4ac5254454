"""Whether pages may be sent to a node, and why."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from tests.ops.asking import ask, until
from tests.support import engines
from tests.support.engines import Postgres
from tests.support.house import TestHouse, house, houses


async def test_a_single_node_is_ready(shop: TestHouse) -> None:
    answer = await ask(shop, "/readyz")
    assert (answer.status, answer.json["ready"], answer.json["degraded"]) == (200, True, False)
    assert set(answer.json["checks"]) == {"database", "migrations", "bus", "draining"}
    assert (await ask(shop, "/healthz")).json == {"ok": True}


async def test_a_node_that_is_about_to_end_is_not_ready_and_lives(shop: TestHouse) -> None:
    shop.app.health.drain()
    answer = await ask(shop, "/readyz")
    assert answer.status == 503
    assert answer.json["checks"]["draining"] == {"well": False, "says": "this node is about to end"}
    assert (await ask(shop, "/healthz")).status == 200


async def test_without_the_bus_it_is_degraded_and_ready(tmp_path: Path, postgres: Postgres) -> None:
    with engines.redis() as redis:
        async with houses(tmp_path, 1, database=postgres.database(), bus=redis.url) as (shop,):
            assert (await ask(shop, "/readyz")).json["degraded"] is False
            redis.kill()
            answer = await until(shop, "/readyz", lambda a: a.json["degraded"])
            assert (answer.status, answer.json["ready"]) == (200, True)
            assert "only calls between pages of this node work" in answer.json["checks"]["bus"]["says"]
            agent, buyer = await shop.agent(), await shop.buyer()
            await shop.talking(buyer, agent)
            redis.start()
            await until(shop, "/readyz", lambda a: not a.json["degraded"])


async def test_without_the_database_it_is_not_ready_until_it_returns(tmp_path: Path) -> None:
    with engines.postgres() as postgres:
        async with house(tmp_path, database=postgres.database()) as shop:
            postgres.kill()
            answers = await asyncio.gather(ask(shop, "/readyz"), ask(shop, "/healthz"))
            assert [answer.status for answer in answers] == [503, 200]
            assert answers[0].json["checks"]["database"] == {"well": False, "says": "it does not answer"}
            postgres.start()
            await until(shop, "/readyz", lambda a: a.status == 200)


async def test_an_old_schema_is_not_served_and_a_newer_one_is(shop: TestHouse) -> None:
    def revise(revision: str) -> None:
        with sqlite3.connect(shop.app.settings.data / "kanhuo.sqlite") as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()

    revise("0001")
    answer = await ask(shop, "/readyz")
    assert (answer.status, answer.json["checks"]["migrations"]["well"]) == (503, False)
    assert "kanhuo migrate" in answer.json["checks"]["migrations"]["says"]
    revise("9999")
    answer = await ask(shop, "/readyz")
    assert (answer.status, answer.json["checks"]["migrations"]["well"]) == (200, True)


async def test_an_old_node_starts_again_under_a_newer_schema(tmp_path: Path) -> None:
    async with house(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "kanhuo.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    async with house(tmp_path) as shop:
        assert "newer" in (await ask(shop, "/readyz")).json["checks"]["migrations"]["says"]
