"""What product pages are told of merchants: fresh, cacheable, from memory, on every node."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kanhuo.accounts.model import Merchant
from kanhuo.calls.policy import DEFAULT
from kanhuo.edge.shopfront import MOST_MERCHANTS, UNKNOWN
from tests.support.engines import Postgres, Redis
from tests.support.house import OTHER_SHOP, SHOP, TestHouse, houses


class Asked:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    @property
    def merchants(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["merchants"]
        return found


async def ask(shop: TestHouse, merchants: str, **headers: str) -> Asked:
    def do() -> Asked:
        connection = http.client.HTTPConnection("127.0.0.1", shop.port)
        connection.request("GET", f"/v1/availability?merchants={merchants}", headers=headers)
        asked = Asked(connection.getresponse())
        connection.close()
        return asked

    return await asyncio.to_thread(do)


async def test_a_page_is_told_who_can_answer_and_how_long_it_takes(shop: TestHouse) -> None:
    both = f"{SHOP},{OTHER_SHOP}"
    nobody = (await ask(shop, both)).merchants
    assert {name: (told["can"], told["wait_ms"]) for name, told in nobody.items()} == {
        SHOP: ("later", None), OTHER_SHOP: ("later", None)
    }  # fmt: skip
    agent = await shop.agent()
    told = (await ask(shop, both)).merchants
    assert (told[SHOP]["can"], told[SHOP]["wait_ms"], told[OTHER_SHOP]["can"]) == ("now", 0, "later")
    await shop.talking(await shop.buyer(), agent)
    await shop.beat()
    told = (await ask(shop, both)).merchants
    assert (told[SHOP]["can"], told[SHOP]["wait_ms"]) == ("busy", None), "three talks are too few to guess from"


async def test_the_answer_is_kept_by_caches_until_it_changes(shop: TestHouse) -> None:
    first = await ask(shop, SHOP)
    assert first.headers["Cache-Control"] == "public, max-age=5"
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = await ask(shop, SHOP, **{"If-None-Match": f'W/"other", {first.headers["ETag"]}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    await shop.agent()
    changed = await ask(shop, SHOP, **{"If-None-Match": first.headers["ETag"]})
    assert (changed.status, changed.merchants[SHOP]["can"]) == (200, "now")


async def test_the_second_page_view_touches_no_database(shop: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    names = f"{SHOP},{OTHER_SHOP},mer_unknown"
    first = await ask(shop, names)
    assert list(first.merchants) == [SHOP, OTHER_SHOP]

    async def read(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(shop.app.db, "read", read)
    assert (await ask(shop, names)).body == first.body
    assert (await ask(shop, names.replace(",", "%2C"))).body == first.body


async def test_an_unknown_merchant_is_looked_for_again_when_it_appears(shop: TestHouse) -> None:
    assert (await ask(shop, "mer_new")).merchants == {}
    await shop.app.accounts.put_merchant(Merchant(id="mer_new", name="New"))
    assert list((await ask(shop, "mer_new")).merchants) == ["mer_new"]
    assert (await ask(shop, "mer_other")).merchants == {}
    shop.clock.pass_(UNKNOWN)
    assert (await ask(shop, "mer_other")).merchants == {}


@pytest.mark.parametrize(
    ("question", "status"),
    [
        (",".join(f"m{n}" for n in range(MOST_MERCHANTS + 1)), 429),
        ("x" * 5_000, 400),
        ("", 200),
        (SHOP + "&merchants=" + OTHER_SHOP, 200),
        ("%00%ff", 200),
        ("%22%7D,", 200),
    ],
)
async def test_strange_questions_harm_nobody(shop: TestHouse, question: str, status: int) -> None:
    for _ in range(2):
        asked = await ask(shop, question)
        assert asked.status == status
        json.loads(asked.body)


# On several nodes


@pytest.fixture
async def nodes(tmp_path: Path, postgres: Postgres, redis: Redis) -> AsyncIterator[list[TestHouse]]:
    async with houses(tmp_path, 2, database=postgres.database(), bus=redis.url) as opened:
        yield opened


async def until(shop: TestHouse, can: str) -> None:
    """Ask until the news has come round; each try is a whole request, so nothing sleeps."""
    for _ in range(200):
        if (await ask(shop, SHOP)).merchants[SHOP]["can"] == can:
            return
    raise AssertionError(f"the other node never heard that it is {can}")


async def test_every_node_knows_what_changes_on_another(nodes: list[TestHouse]) -> None:
    here, there = nodes
    await until(here, "later")
    agent = await there.agent()
    await until(here, "now")
    call = await there.talking(await there.buyer(), agent)
    await there.beat()
    await until(here, "busy")
    await agent.ask("call.hang_up", call=call)
    await there.beat(DEFAULT.wrap_up)
    await until(here, "now")
