"""How many may try to sign in, and what it costs the others."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest

from kanhuo.accounts import service
from kanhuo.accounts.policy import TRIES
from kanhuo.kernel.errors import Code, Refused
from tests.accounts.test_http import PASSWORD, http, owner
from tests.support.house import TestHouse


async def tried(shop: TestHouse, login: str, address: str) -> Code:
    with pytest.raises(Refused) as refusal:
        await shop.app.accounts.sign_in(login, "wrong wrong", address)
    return refusal.value.code


async def test_right_sign_ins_are_no_tries(shop: TestHouse) -> None:
    await owner(shop)
    for _ in range(TRIES + 1):
        assert (await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": PASSWORD})).status == 201


async def test_who_was_turned_away_unheard_has_not_tried(shop: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    await owner(shop)
    form = {"login": "ahui", "password": PASSWORD}
    with monkeypatch.context() as busy:
        busy.setattr(service, "MOST_HASHES", 0)
        for _ in range(TRIES + 1):
            answer = await http(shop, "POST", "/v1/sessions", form)
            assert (answer.status, answer.body["code"]) == (503, "overloaded")
    assert (await http(shop, "POST", "/v1/sessions", form)).status == 201


async def test_invented_logins_of_one_address_push_nobody_out(shop: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REMEMBERED", 2 * TRIES + 4)
    for n in range(TRIES):
        assert await tried(shop, "ahui", f"10.0.0.{n}") is Code.WRONG_PASSWORD
    said = [await tried(shop, f"invented {n}", "10.9.9.9") for n in range(10 * TRIES)]
    assert said.count(Code.WRONG_PASSWORD) == TRIES
    assert await tried(shop, "ahui", "10.0.1.1") is Code.TOO_MANY


async def test_one_ipv6_customer_is_one_address(shop: TestHouse) -> None:
    said = [await tried(shop, f"login {n}", f"2001:db8:0:7::{n + 1:x}") for n in range(TRIES + 2)]
    assert said[TRIES:] == [Code.TOO_MANY] * 2


async def test_passwords_that_are_hashed_keep_nobody_else_waiting(
    shop: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen sign-ins stand still; guards, the database and other routes go on."""
    hold = threading.Event()
    monkeypatch.setattr(shop.app.accounts, "_matches", lambda *_: hold.wait(20) and False)
    tries = [asyncio.create_task(tried(shop, f"login {n}", f"10.0.0.{n}")) for n in range(16)]
    try:
        async with asyncio.timeout(10):
            assert (await http(shop, "DELETE", "/v1/sessions/current")).status == 401
            assert (await http(shop, "GET", "/healthz")).status == 200
    finally:
        hold.set()
    assert set(await asyncio.gather(*tries)) == {Code.WRONG_PASSWORD}


async def test_too_many_passwords_at_once_are_turned_away(shop: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_HASHES", 3)
    hold = threading.Event()
    monkeypatch.setattr(shop.app.accounts, "_matches", lambda *_: hold.wait(20) and False)
    tries = [asyncio.create_task(tried(shop, f"login {n}", f"10.0.0.{n}")) for n in range(5)]
    for turned_away in itertools.islice(asyncio.as_completed(tries), 2):  # both: one that comes late would find a place
        assert await turned_away is Code.OVERLOADED
    hold.set()
    said = await asyncio.gather(*tries)
    assert (said.count(Code.WRONG_PASSWORD), said.count(Code.OVERLOADED)) == (3, 2)
