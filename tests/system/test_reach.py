"""The merchant rings with the page closed: by push, through a push service that reads what it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kanhuo.calls.policy import DEFAULT
from kanhuo.presence.policy import BLINK
from kanhuo.reach import store
from kanhuo.reach.endpoints import tell
from kanhuo.reach.model import Knock
from kanhuo.reach.policy import AFTER_PAGE, AFTER_RING, CLAIMED, DUTY_LASTS
from kanhuo.reach.service import LOOK_AROUND
from tests.accounts.test_http import cookie, http, owner
from tests.support.client import Client, RefusedError
from tests.support.engines import Postgres, Redis
from tests.support.house import SHOP, TestHouse, house, houses
from tests.support.push import Browser, PushService, push_service


@dataclass
class Wang:
    """An agent with a telephone whose browser has subscribed."""

    house: TestHouse
    session: str
    id: str
    phone: Browser
    endpoint: str
    page: Client

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        return await http(self.house, method, path, body, **cookie(self.session))

    async def open(self, at: TestHouse | None = None, *, duty: bool = True) -> Client:
        at = at or self.house
        self.page = await at.client(Client(at.url, cookie=self.session, device="phone"))
        if duty:
            await at.on_duty(self.page)
        return self.page

    async def close(self) -> None:
        """Close the page, and let the server take notice."""
        await self.page.close()
        await self.house.beat(BLINK)


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


@pytest.fixture
async def shop(tmp_path: Path, service: PushService) -> AsyncIterator[TestHouse]:
    async with house(tmp_path, trusted_receivers=(service.host,)) as opened:
        yield opened


async def agent(shop: TestHouse, service: PushService, *, duty: bool = True) -> Wang:
    """Sign in, let the phone ring when the page is closed, and go on duty."""
    boss = await owner(shop)
    phone = service.browser()
    body = {"device": "phone", "subscription": phone.subscription}
    made = await http(shop, "POST", "/v1/reach/push", body, **cookie(boss.cookie))
    assert made.status == 201, made
    page = Client(shop.url, cookie=boss.cookie)
    wang = Wang(shop, boss.cookie or "", boss.body["agent"]["id"], phone, made.body["id"], page)
    await wang.open(duty=duty)
    while duty and not (await shop.app.db.read(store.reachable, SHOP, shop.clock.now(), False))[wang.id]:
        await shop.beat()
    return wang


async def ask(shop: TestHouse, who: str = "li") -> tuple[Client, str]:
    buyer = await shop.buyer(who)
    return buyer, (await buyer.ask("call.ask", key="k", media="video"))["call"]


async def heard(shop: TestHouse, knock: str) -> bool:
    answer = await http(shop, "POST", "/v1/knocks/heard", {"knock": knock})
    assert answer.status == 200, answer
    return bool(answer.body["over"])


async def told(shop: TestHouse, call: str, *kinds: str) -> list[str]:
    """Return the kinds of a call's lines once the last of these is among them: knocks are written when they are answered."""
    while kinds and kinds[-1] not in await shop.kinds(call):
        pass  # each look is a journey to the database
    return await shop.kinds(call)


async def test_with_the_page_closed_the_phone_rings_and_she_answers(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    buyer, call = await ask(shop)
    await buyer.call_in("ringing", call=call)
    ring = await wang.phone.hear("ring")
    assert ring.body | {"knock": "", "until": 0} == {
        "type": "ring",
        "knock": "",
        "call": call,
        "kind": "product",
        "title": "Fuji apples, 5 kg",
        "price": "¥39.90",
        "picture": None,
        "media": "video",
        "until": 0,
    }
    assert (ring.ttl, ring.urgency) == ((DEFAULT.unheard + DEFAULT.ring) // 1_000, "high")
    await told(shop, call, "Knocked")
    assert not await heard(shop, ring.body["knock"])
    page = await wang.open()
    await page.call_in("ringing", call=call, here=True)
    await page.ask("call.accept", call=call, media="video")
    await buyer.call_in("connecting", call=call)
    over = await wang.phone.hear("over")
    assert over.body == {"type": "over", "call": call, "missed": False, "title": "Fuji apples, 5 kg"}
    assert over.topic == ring.topic
    assert await shop.kinds(call) == ["Asked", "Offered", "Knocked", "Heard", "Accepted"]
    assert await heard(shop, ring.body["knock"]), "it is over by now"
    late = await http(shop, "POST", "/v1/knocks/later", {"knock": ring.body["knock"]})
    assert (late.status, late.body["code"]) == (409, "not_now")


async def test_a_ring_that_no_device_shows_is_given_up_after_ten_seconds(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    buyer, call = await ask(shop)
    ring = await wang.phone.hear("ring")
    await told(shop, call, "Knocked")
    await shop.beat(DEFAULT.unheard - 1)
    assert "RingUnheard" not in await shop.kinds(call)
    await shop.beat(1)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert (await wang.phone.hear("over")).body["missed"]
    assert await shop.kinds(call) == ["Asked", "Offered", "Knocked", "RingUnheard", "Ended"]
    assert await heard(shop, ring.body["knock"])


async def test_a_ring_that_a_device_shows_lasts_as_long_as_any_other(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    buyer, call = await ask(shop)
    ring = await wang.phone.hear("ring")
    assert not await heard(shop, ring.body["knock"])
    assert not await heard(shop, ring.body["knock"]), "said twice, it is noted once"
    assert (await told(shop, call, "Heard", "Knocked")).count("Heard") == 1
    await shop.beat(DEFAULT.ring - 1)
    assert (await buyer.call_in("ringing", call=call))["offers"] == 1
    await shop.beat(1)
    await buyer.call_in("ended", call=call)
    assert "RingExpired" in await shop.kinds(call)


async def test_who_never_shows_a_ring_is_no_longer_taken_for_reachable(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    for n in range(3):
        buyer, call = await ask(shop, f"buyer{n}")
        await wang.phone.hear("ring")
        await shop.beat(DEFAULT.unheard)
        await buyer.call_in("ended", call=call)
        await wang.phone.hear("over")
    while (await wang.ask("GET", "/v1/reach")).body["duty"]:
        pass  # each look is a request
    buyer, call = await ask(shop, "another")
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert wang.phone.heard == []


async def test_one_ring_shown_makes_up_for_those_before(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    for n in range(6):
        buyer, call = await ask(shop, f"buyer{n}")
        ring = await wang.phone.hear("ring")
        if n == 2:
            assert not await heard(shop, ring.body["knock"])
        await shop.beat(DEFAULT.ring)
        await buyer.call_in("ended", call=call)
        await wang.phone.hear("over")
        assert (await wang.ask("GET", "/v1/reach")).body["duty"] == (n < 5)


async def test_a_page_that_does_not_show_the_ring_is_not_relied_on(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    _, call = await ask(shop)
    await wang.page.call_in("ringing", call=call, here=True)
    await shop.beat(AFTER_PAGE - 1)
    assert wang.phone.heard == []
    await shop.beat(1)
    assert (await wang.phone.hear("ring")).body["call"] == call


async def test_a_page_that_shows_the_ring_has_it_to_itself_for_a_while(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    _, call = await ask(shop)
    await wang.page.ask("call.heard", call=call)
    assert (await shop.kinds(call))[-1] == "Heard"
    await shop.beat(AFTER_RING - 1)
    assert wang.phone.asked == 0
    await shop.beat(1)
    await wang.phone.hear("ring")
    await wang.page.ask("call.accept", call=call, media="voice")
    await wang.page.ask("call.heard", call=call)  # too late: it changes nothing
    assert not (await wang.phone.hear("over")).body["missed"]


async def test_who_is_at_her_page_is_rung_before_who_is_not(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    other = await shop.agent("zhao")
    _, call = await ask(shop)
    await other.call_in("ringing", call=call, here=True)
    await other.ask("call.decline", call=call, why="busy")
    assert (await wang.phone.hear("ring")).body["call"] == call


@pytest.mark.parametrize("failure", [(500, {}), (429, {"Retry-After": "1"}), (503, {"Retry-After": "soon"})])
async def test_a_push_service_that_fails_is_asked_again(
    shop: TestHouse, service: PushService, failure: tuple[int, dict[str, str]]
) -> None:
    wang = await agent(shop, service)
    await wang.close()
    wang.phone.answers.append(failure)
    _, call = await ask(shop)
    await wang.phone.asked_for(1)
    while (await knock_of(shop, call)).due != shop.clock.now() + 1_000:
        pass  # each look is a journey to the database
    await shop.beat(999)
    assert wang.phone.asked == 1
    await shop.beat(1)
    await wang.phone.hear("ring")


async def test_a_push_service_asks_to_be_left_in_peace_for_longer_than_the_ring(
    shop: TestHouse, service: PushService
) -> None:
    wang = await agent(shop, service)
    await wang.close()
    wang.phone.answers.append((429, {"Retry-After": "60"}))
    _, call = await ask(shop)
    assert (await told(shop, call, "KnockFailed"))[-1] == "KnockFailed"
    await shop.beat(DEFAULT.unheard - 1)
    assert wang.phone.asked == 1


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403])
async def test_a_push_service_that_will_not_is_not_asked_again(
    shop: TestHouse, service: PushService, status: int
) -> None:
    wang = await agent(shop, service)
    await wang.close()
    wang.phone.answers.append((status, {"Location": f"{service.origin}/send/other"}))
    _, call = await ask(shop)
    assert "KnockFailed" in await told(shop, call, "KnockFailed")
    await shop.beat(DEFAULT.unheard - 1)
    assert wang.phone.asked == 1, "nobody is led elsewhere"


async def test_a_device_that_is_gone_is_forgotten(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    wang.phone.answers.append((410, {}))
    _, call = await ask(shop)
    await told(shop, call, "KnockFailed")
    assert (await wang.ask("GET", "/v1/reach")).body["endpoints"] == []
    await shop.beat()
    assert (await shop.kinds(call))[-1] != "Offered", "nobody can be rung any more"


async def test_what_a_node_was_about_to_send_when_it_died_is_sent_by_another(
    shop: TestHouse, service: PushService
) -> None:
    wang = await agent(shop, service)
    await ask(shop)
    shop.clock.pass_(AFTER_PAGE)
    assert len(await shop.app.db.write(store.claim, shop.clock.now(), 10)) == 1  # and dies
    await shop.beat(CLAIMED - 1)
    assert wang.phone.asked == 0
    await shop.beat(LOOK_AROUND)
    await wang.phone.hear("ring")


async def test_on_duty_and_reachable_is_on_duty_after_a_restart(tmp_path: Path, service: PushService) -> None:
    async with house(tmp_path, trusted_receivers=(service.host,)) as first:
        wang = await agent(first, service)
        clock = first.clock
    async with house(tmp_path, clock=clock, trusted_receivers=(service.host,)) as second:
        _, call = await ask(second)
        assert (await wang.phone.hear("ring")).body["call"] == call


async def test_nobody_is_on_duty_for_ever(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    await shop.beat(DUTY_LASTS)
    buyer, call = await ask(shop)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"


async def test_off_duty_is_off_duty_on_every_device(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await shop.on_duty(wang.page, duty=False)
    await wang.close()
    await shop.beat(DEFAULT.nobody)
    buyer, call = await ask(shop)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert wang.phone.asked == 0


async def test_who_goes_off_duty_is_off_duty_before_that_is_written(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.page.send("presence.beat", duty=False, foreground=True)
    await wang.page.settle()
    tell(shop.app.bus, SHOP)  # something else has changed: who is reachable is read anew
    shop.clock.pass_(DEFAULT.nobody)
    buyer, call = await ask(shop)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert wang.phone.asked == 0


async def test_who_signs_out_is_rung_no_more(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    await wang.ask("DELETE", "/v1/sessions/current")
    await shop.beat(DEFAULT.nobody)
    buyer, call = await ask(shop)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert wang.phone.asked == 0


async def test_later_passes_the_call_on(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    await wang.close()
    buyer, call = await ask(shop)
    ring = await wang.phone.hear("ring")
    answer = await http(shop, "POST", "/v1/knocks/later", {"knock": ring.body["knock"]})
    assert answer.status == 204
    assert (await buyer.call_in("ended", call=call))["reason"] == "declined"
    again = await http(shop, "POST", "/v1/knocks/later", {"knock": ring.body["knock"]})
    assert again.status == 204, "asked again because the answer was lost"
    made_up = await http(shop, "POST", "/v1/knocks/later", {"knock": "knock_made_up"})
    assert (made_up.status, made_up.body["code"]) == (404, "not_found")
    assert await heard(shop, "knock_made_up"), "there is nothing to show"


async def test_a_device_is_tried(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    assert (await wang.ask("POST", f"/v1/reach/endpoints/{wang.endpoint}/try")).status == 204
    await wang.phone.hear("try")
    wang.phone.answers.append((500, {}))
    assert (await wang.ask("POST", f"/v1/reach/endpoints/{wang.endpoint}/try")).body["code"] == "not_now"
    assert (await wang.ask("POST", "/v1/reach/endpoints/end_other/try")).status == 404


async def test_what_is_known_of_her_devices(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    reached = (await wang.ask("GET", "/v1/reach")).body
    assert reached["duty"]
    assert [(e["id"], e["device"]) for e in reached["endpoints"]] == [(wang.endpoint, "phone")]
    assert len(reached["key"]) == 87, "65 bytes as base64url"
    assert (await wang.ask("DELETE", f"/v1/reach/endpoints/{wang.endpoint}")).status == 204
    assert (await wang.ask("DELETE", f"/v1/reach/endpoints/{wang.endpoint}")).status == 404
    assert (await wang.ask("GET", "/v1/reach")).body["endpoints"] == []


async def test_a_browser_belongs_to_who_signed_in_there_last(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    zhao = await owner(shop, login="zhao")
    body = {"device": "phone", "subscription": wang.phone.subscription}
    assert (await http(shop, "POST", "/v1/reach/push", body, **cookie(zhao.cookie))).status == 201
    assert (await wang.ask("GET", "/v1/reach")).body["endpoints"] == []


async def test_a_device_that_subscribes_again_while_it_rings_is_told_that_it_is_over(
    shop: TestHouse, service: PushService
) -> None:
    wang = await agent(shop, service)
    await wang.close()
    buyer, call = await ask(shop)
    await wang.phone.hear("ring")
    body = {"device": "another", "subscription": wang.phone.subscription}
    assert (await wang.ask("POST", "/v1/reach/push", body)).body["id"] == wang.endpoint
    await buyer.ask("call.hang_up", call=call)
    assert (await wang.phone.hear("over")).body["missed"]


async def test_of_too_many_devices_the_oldest_rings_no_more(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    for n in range(10):
        shop.clock.pass_(1)
        body = {"device": f"device{n}", "subscription": service.browser(f"device{n}").subscription}
        assert (await wang.ask("POST", "/v1/reach/push", body)).status == 201
    devices = [e["device"] for e in (await wang.ask("GET", "/v1/reach")).body["endpoints"]]
    assert devices == [f"device{n}" for n in reversed(range(10))]


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "https://127.0.0.1/send"},
        {"endpoint": "http://push.example.com/send"},
        {"keys": {"p256dh": "BBBB", "auth": "c2l4dGVlbiBieXRlcy4uLg"}},
        {"keys": {"p256dh": "é", "auth": "c2l4dGVlbiBieXRlcy4uLg"}},
        {"keys": {"auth": "short"}},
        {"endpoint": "x" * 3_000},
        {"more": 1},
    ],
)
async def test_what_is_no_subscription_is_refused(
    shop: TestHouse, service: PushService, change: dict[str, Any]
) -> None:
    wang = await agent(shop, service)
    kept = wang.phone.subscription
    keys = kept["keys"] | change.get("keys", {})
    answer = await wang.ask("POST", "/v1/reach/push", {"device": "d", "subscription": kept | change | {"keys": keys}})
    assert (answer.status, answer.body["code"]) == (400, "malformed")


async def test_only_who_signs_in_by_herself_is_reached(shop: TestHouse) -> None:
    for role in ("buyer", "agent"):
        bearer = {"Authorization": f"Bearer {shop.pass_(role, 'li')}"}
        answer = await http(shop, "GET", "/v1/reach", **bearer)
        assert (answer.status, answer.body["code"]) == (403, "not_allowed")
    assert (await http(shop, "GET", "/v1/reach")).status == 401


async def test_nobody_hears_a_ring_for_somebody_else(shop: TestHouse, service: PushService) -> None:
    wang = await agent(shop, service)
    other = await shop.agent("zhao", duty=False)
    _, call = await ask(shop)
    with pytest.raises(RefusedError, match="not_yours"):
        await other.ask("call.heard", call=call)
    assert await shop.kinds(call) == ["Asked", "Offered"]
    assert wang.phone.asked == 0


async def test_the_buyer_on_one_node_the_page_closed_on_another(
    tmp_path: Path, postgres: Postgres, redis: Redis, service: PushService
) -> None:
    trusted = (service.host,)
    async with houses(tmp_path, 2, database=postgres.database(), bus=redis.url, trusted_receivers=trusted) as (
        here,
        there,
    ):
        wang = await agent(there, service)
        await wang.close()
        buyer, call = await ask(here)
        ring = await wang.phone.hear("ring")
        assert not await heard(there, ring.body["knock"])
        page = await wang.open(here)
        await page.call_in("ringing", call=call, here=True)
        await page.ask("call.accept", call=call, media="voice")
        await buyer.call_in("connecting", call=call)
        await wang.phone.hear("over")
        assert await told(here, call, "Knocked") == ["Asked", "Offered", "Knocked", "Heard", "Accepted"]
        assert (await here.verdict()).broken is None


async def knock_of(shop: TestHouse, call: str) -> Knock:
    (knock,) = await shop.app.db.read(store.of_call, call)
    return knock


async def test_who_allows_a_device_while_on_duty_may_close_her_page_at_once(
    shop: TestHouse, service: PushService
) -> None:
    boss = await owner(shop)
    page = await shop.client(Client(shop.url, cookie=boss.cookie))
    await shop.on_duty(page)
    phone = service.browser()
    body = {"device": "phone", "subscription": phone.subscription}
    assert (await http(shop, "POST", "/v1/reach/push", body, **cookie(boss.cookie))).status == 201
    await page.close()
    await shop.beat(BLINK)
    _, call = await ask(shop)
    assert (await phone.hear("ring")).body["call"] == call
