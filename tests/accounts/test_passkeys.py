"""Passkeys, with a device that lies where it can."""

from __future__ import annotations

from pathlib import Path

from kanhuo.accounts import store
from kanhuo.accounts.policy import CEREMONY_LIFE
from kanhuo.accounts.store import Passkey
from kanhuo.app import public_origin
from kanhuo.shell.database import Transaction
from tests.accounts.authenticator import Authenticator
from tests.accounts.test_http import Answer, cookie, http, owner
from tests.support.engines import Postgres, Redis
from tests.support.house import TestHouse, houses


def device(shop: TestHouse, *, verifies: bool = True, id: bytes = b"a credential") -> Authenticator:
    return Authenticator(public_origin(shop.app.settings), verifies=verifies, id=id)


async def add(shop: TestHouse, held: Authenticator, **who: str) -> Answer:
    options = await http(shop, "POST", "/v1/passkeys/options", **who)
    assert options.status == 200, options.body
    return await http(shop, "POST", "/v1/passkeys", {"credential": held.make(options.body)}, **who)


async def sign_in(shop: TestHouse, held: Authenticator) -> Answer:
    asked = (await http(shop, "POST", "/v1/sessions/passkey/options")).body
    form = {"ceremony": asked["ceremony"], "credential": held.sign(asked["options"])}
    return await http(shop, "POST", "/v1/sessions/passkey", form)


async def test_a_passkey_signs_its_person_in(shop: TestHouse) -> None:
    boss, held = await owner(shop), device(shop)
    assert (await add(shop, held, **cookie(boss.cookie))).status == 204
    entered = await sign_in(shop, held)
    assert (entered.status, entered.body["agent"]) == (201, boss.body["agent"])
    assert (await http(shop, "GET", "/v1/me", **cookie(entered.cookie))).status == 200


async def test_the_same_passkey_is_kept_once_and_is_nobody_elses(shop: TestHouse) -> None:
    boss, held = await owner(shop), device(shop)
    assert (await add(shop, held, **cookie(boss.cookie))).status == 204
    second = await owner(shop, "lin")
    for who in (boss, second):
        again = await add(shop, held, **cookie(who.cookie))
        assert (again.status, again.body["code"]) == (401, "passkey_failed")
    assert (await sign_in(shop, held)).body["agent"]["id"] == boss.body["agent"]["id"]


async def test_a_ceremony_begins_on_one_node_and_ends_on_another_once(
    tmp_path: Path, postgres: Postgres, redis: Redis
) -> None:
    async with houses(tmp_path, 2, database=postgres.database(), bus=redis.url) as (here, there):
        boss, held = await owner(here), device(here)
        options = (await http(here, "POST", "/v1/passkeys/options", **cookie(boss.cookie))).body
        form = {"credential": held.make(options)}
        assert (await http(there, "POST", "/v1/passkeys", form, **cookie(boss.cookie))).status == 204
        asked = (await http(there, "POST", "/v1/sessions/passkey/options")).body
        form = {"ceremony": asked["ceremony"], "credential": held.sign(asked["options"])}
        assert (await http(here, "POST", "/v1/sessions/passkey", form)).status == 201
        again = await http(there, "POST", "/v1/sessions/passkey", form)
        assert (again.status, again.body["code"]) == (401, "passkey_failed")


async def test_of_too_many_ceremonies_the_oldest_end(shop: TestHouse) -> None:
    boss, held = await owner(shop), device(shop)
    assert (await add(shop, held, **cookie(boss.cookie))).status == 204
    first = (await http(shop, "POST", "/v1/sessions/passkey/options")).body
    shop.clock.pass_(1)
    for n in range(store.MOST_CEREMONIES + 1):
        await shop.app.db.write(
            store.begin_ceremony, f"c{n}", b"x", shop.clock.now() + CEREMONY_LIFE + n, shop.clock.now()
        )
    form = {"ceremony": first["ceremony"], "credential": held.sign(first["options"])}
    assert (await http(shop, "POST", "/v1/sessions/passkey", form)).status == 401


async def test_two_who_add_the_same_passkey_at_once_get_one(shop: TestHouse) -> None:
    def both(tx: Transaction) -> list[bool]:
        return [store.add_passkey(tx, Passkey(b"c", agent, b"k", 0), 1) for agent in ("agt_1", "agt_2")]

    assert await shop.app.db.write(both) == [True, False]


async def test_a_touch_alone_neither_makes_a_passkey_nor_signs_in(shop: TestHouse) -> None:
    boss = await owner(shop)
    found = device(shop, verifies=False)
    answer = await add(shop, found, **cookie(boss.cookie))
    assert (answer.status, answer.body["code"]) == (401, "passkey_failed")
    kept = Passkey(found.id, boss.body["agent"]["id"], found.public_key, 0)
    await shop.app.db.write(store.add_passkey, kept, shop.clock.now())
    entered = await sign_in(shop, found)
    assert (entered.status, entered.body["code"]) == (401, "passkey_failed")


async def test_both_ceremonies_ask_for_a_finger_or_a_pin(shop: TestHouse) -> None:
    boss = await owner(shop)
    made = (await http(shop, "POST", "/v1/passkeys/options", **cookie(boss.cookie))).body
    asked = (await http(shop, "POST", "/v1/sessions/passkey/options")).body["options"]
    assert made["authenticatorSelection"]["userVerification"] == asked["userVerification"] == "required"


async def test_a_passkey_of_somebody_who_comes_by_a_pass_opens_nothing(shop: TestHouse) -> None:
    """Such a one could be kept before passes were told apart from logins."""
    agent, held = await shop.agent("wang"), device(shop)
    kept = Passkey(held.id, agent.welcome["party"]["id"], held.public_key, 0)
    await shop.app.db.write(store.add_passkey, kept, shop.clock.now())
    entered = await sign_in(shop, held)
    assert (entered.status, entered.body["code"], entered.cookie) == (403, "not_allowed", None)


async def test_a_passkey_of_somebody_who_was_taken_out_opens_nothing(shop: TestHouse) -> None:
    boss, second, held = await owner(shop), await owner(shop, "lin"), device(shop)
    assert (await add(shop, held, **cookie(second.cookie))).status == 204
    gone = f"/v1/agents/{second.body['agent']['id']}"
    assert (await http(shop, "DELETE", gone, **cookie(boss.cookie))).status == 204
    assert (await sign_in(shop, held)).status == 401
