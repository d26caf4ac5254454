"""What nodes write for each other into Redis about who is on duty."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kanhuo.presence.store import KEPT, Entry, RedisRoster
from kanhuo.shell.redis import client
from tests.support.engines import Redis

SHOP = "mer_fruit"
WANG = Entry(idle_since=5, rest_until=0)


class Town:
    """Two nodes' rosters on one Redis, and who is taken to live."""

    def __init__(self, url: str) -> None:
        self.living = {"here", "there"}
        self.redis = client(url)
        self.here, self.there = (
            RedisRoster(client(url), node, lambda: frozenset(self.living), lambda: True) for node in ("here", "there")
        )

    async def fields(self) -> set[bytes]:
        for each in (self.here, self.there):
            if each._writing is not None:
                await each._writing
        return set(await self.redis.hgetall(f"kanhuo:staff:{SHOP}"))  # type: ignore[arg-type]


@pytest.fixture
async def town(redis: Redis) -> AsyncIterator[Town]:
    opened = Town(redis.url)
    yield opened
    for each in (opened.here, opened.there):
        await each.close()
    await opened.redis.aclose()


async def test_a_node_reads_what_another_wrote_and_not_what_it_wrote_itself(town: Town) -> None:
    town.here.put(SHOP, "wang", WANG, 1_000)
    await town.fields()
    assert (await town.there.elsewhere(SHOP, 1_000)).on_duty == (("wang", WANG),)
    assert (await town.here.elsewhere(SHOP, 1_000)).on_duty == ()


async def test_when_the_last_one_left_is_known_elsewhere(town: Town) -> None:
    town.here.put(SHOP, "wang", WANG, 1_000)
    town.here.put(SHOP, "wang", None, 2_000)
    await town.fields()
    heard = await town.there.elsewhere(SHOP, 2_000)
    assert (heard.on_duty, heard.left_at) == ((), 2_000)


async def test_what_a_dead_node_wrote_does_not_count_and_is_removed_in_the_end(town: Town) -> None:
    town.here.put(SHOP, "wang", WANG, 1_000)
    town.here.put(SHOP, "zhao", None, 1_000)
    await town.fields()
    town.living.remove("here")
    assert (await town.there.elsewhere(SHOP, 999 + KEPT)).on_duty == ()
    assert await town.fields() == {b"wang here", b" here"}, "it may have been frozen, and return"
    await town.there.elsewhere(SHOP, 1_000 + KEPT)
    assert await town.fields() == set()


async def test_what_a_living_node_wrote_long_ago_stays(town: Town) -> None:
    town.here.put(SHOP, "wang", WANG, 1_000)
    await town.fields()
    assert (await town.there.elsewhere(SHOP, 1_000 + 2 * KEPT)).on_duty == (("wang", WANG),)
    assert await town.fields() == {b"wang here"}
