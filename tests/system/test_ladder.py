"""The rungs above push: robots in chats and the shop's own back end, through receivers that check what they are sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kanhuo.accounts.policy import LINK_SESSION_LIFE
from kanhuo.calls.policy import DEFAULT
from kanhuo.presence.policy import BLINK
from kanhuo.reach.model import Ladder
from kanhuo.reach.policy import AFTER_PAGE, AFTER_RING, AGAIN, FOLLOWED_WITHIN
from tests.accounts.test_http import Answer, cookie, http, owner
from tests.support.client import Client
from tests.support.engines import Postgres, Redis
from tests.support.house import SHOP, TestHouse, house, houses
from tests.support.push import PushService, push_service
from tests.support.receivers import SECRET, SHOP_SECRET, Chat, Receivers, receivers
from tests.system.test_reach import ask, heard, knock_of, told

KINDS = ("wecom", "feishu", "dingtalk")


@dataclass
class Sun:
    """An agent whose chats are told when it rings."""

    house: TestHouse
    session: str
    id: str
    page: Client

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        return await http(self.house, method, path, body, **cookie(self.session))

    async def robot(self, chat: Chat, **more: Any) -> str:
        made = await self.ask("POST", "/v1/reach/robots", {"url": chat.url, "secret": SECRET, **more})
        assert made.status == 201, made
        id: str = made.body["id"]
        return id

    async def close(self) -> None:
        """Close the page, and let the server take notice."""
        await self.page.close()
        await self.house.beat(BLINK)


@pytest.fixture
async def chats() -> AsyncIterator[Receivers]:
    async with receivers() as running:
        yield running


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


@pytest.fixture
async def shop(tmp_path: Path, chats: Receivers, service: PushService) -> AsyncIterator[TestHouse]:
    async with house(tmp_path, trusted_receivers=(chats.host, service.host)) as opened:
        chats.now = lambda: opened.clock.now() // 1_000
        yield opened


@pytest.fixture
async def told_shop(tmp_path: Path, chats: Receivers, service: PushService) -> AsyncIterator[TestHouse]:
    """A shop whose own back end is told of rings."""
    hook: dict[str, Any] = {"ring_webhook": chats.shop.url, "ring_webhook_secret": SHOP_SECRET}
    async with house(tmp_path, trusted_receivers=(service.host,), **hook) as opened:
        chats.now = lambda: opened.clock.now() // 1_000
        yield opened


async def agent(shop: TestHouse) -> Sun:
    """Sign in and go on duty."""
    boss = await owner(shop)
    page = await shop.client(Client(shop.url, cookie=boss.cookie, device="desk"))
    await shop.on_duty(page)
    return Sun(shop, boss.cookie or "", boss.body["agent"]["id"], page)


async def phone_of(sun: Sun, service: PushService) -> Any:
    phone = service.browser()
    body = {"device": "phone", "subscription": phone.subscription}
    assert (await sun.ask("POST", "/v1/reach/push", body)).status == 201
    return phone


async def known_on_duty(sun: Sun) -> None:
    while not (await sun.ask("GET", "/v1/reach")).body["duty"]:
        await sun.house.beat()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_robot_says_that_it_rings_and_its_link_opens_the_call(
    shop: TestHouse, chats: Receivers, kind: str
) -> None:
    sun, chat = await agent(shop), chats.robots[kind]
    await sun.robot(chat)
    await sun.close()
    buyer, call = await ask(shop)
    said = await chat.hear()
    assert (said.title, said.button) == ("看货 · 顾客想视频看货", "点这里接听")
    assert said.text == "Fuji apples, 5 kg ¥39.90\n来自商品页"
    await told(shop, call, "Heard")
    assert await shop.kinds(call) == ["Asked", "Offered", "Knocked", "Heard"]
    rungs = [json.loads(line.body)["rung"] for line in (await shop.lines(call))[1:]]
    assert rungs == ["robot"] * 3

    # the link, on a telephone on which nobody is signed in
    secrets = said.secrets
    let_in = await http(shop, "POST", "/v1/sessions/link", {"secret": secrets["link"]})
    assert let_in.status == 201
    assert let_in.body["agent"]["id"] == sun.id
    assert let_in.body["by_link"]
    invited = await http(shop, "POST", "/v1/invitations", {"role": "owner"}, **cookie(let_in.cookie))
    assert (invited.status, invited.body["code"]) == (403, "not_allowed"), "others may read that chat"
    assert not await heard(shop, secrets["knock"])
    page = await shop.client(Client(shop.url, cookie=let_in.cookie, device="phone"))
    await page.call_in("ringing", call=call, here=True)
    await page.ask("call.accept", call=call, media="video")
    await buyer.call_in("connecting", call=call)
    again = await http(shop, "POST", "/v1/sessions/link", {"secret": secrets["link"]})
    assert (again.status, again.body["code"]) == (410, "link_spent")
    await shop.beat()
    assert chat.said == [], "that it was answered is no news for a chat"
    assert (await shop.verdict()).broken is None
    line = next(line for line in await shop.lines(call) if line.kind == "Knocked")
    assert secrets["link"] not in str(line)


async def test_a_robot_says_that_a_call_was_missed(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    await sun.robot(chats.feishu, language="en")
    await sun.close()
    buyer, call = await ask(shop)
    assert (await chats.feishu.hear()).title == "kanhuo · a buyer wants to see it live"
    await told(shop, call, "Heard")
    await shop.beat(DEFAULT.ring)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    missed = await chats.feishu.hear()
    assert (missed.title, missed.button) == ("kanhuo · missed call", "Open the console")
    assert missed.secrets == {}, "nobody is let in by it"


async def test_the_ring_counts_from_when_the_link_was_opened(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    await sun.robot(chats.dingtalk)
    await sun.close()
    buyer, call = await ask(shop)
    said = await chats.dingtalk.hear()
    await told(shop, call, "Heard")
    await shop.beat(DEFAULT.ring - 1)
    assert not await heard(shop, said.secrets["knock"])
    assert not await heard(shop, said.secrets["knock"]), "said twice, it counts once"
    await shop.beat(DEFAULT.ring - 1)
    await buyer.call_in("ringing", call=call)
    await shop.beat(1)
    await buyer.call_in("ended", call=call)
    assert (await shop.kinds(call)).count("Heard") == 2


async def test_each_rung_waits_for_the_one_before(shop: TestHouse, chats: Receivers, service: PushService) -> None:
    sun = await agent(shop)
    phone = await phone_of(sun, service)
    await sun.robot(chats.wecom)
    await sun.close()
    _, call = await ask(shop)
    await phone.hear("ring")
    await told(shop, call, "Knocked")
    robot = Ladder().robot
    assert robot is not None
    await shop.beat(robot - 1)
    assert chats.wecom.asked == 0
    await shop.beat(1)
    await chats.wecom.hear()
    await told(shop, call, "Heard")
    await shop.beat(DEFAULT.unheard)
    assert "RingUnheard" not in await shop.kinds(call), "it stands in her chat"


async def test_a_device_that_shows_the_ring_has_it_to_itself_for_a_while(
    shop: TestHouse, chats: Receivers, service: PushService
) -> None:
    sun = await agent(shop)
    phone = await phone_of(sun, service)
    await sun.robot(chats.wecom)
    await sun.close()
    await ask(shop)
    ring = await phone.hear("ring")
    assert not await heard(shop, ring.body["knock"])
    await shop.beat(AFTER_RING - 1)
    assert chats.wecom.asked == 0
    await shop.beat(1)
    await chats.wecom.hear()


async def test_a_page_that_is_open_and_silent_is_helped_by_a_robot(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    await sun.robot(chats.wecom)
    _, call = await ask(shop)
    await sun.page.call_in("ringing", call=call, here=True)
    await shop.beat(AFTER_PAGE - 1)
    assert chats.wecom.asked == 0
    await shop.beat(1)
    await chats.wecom.hear()
    await sun.page.ask("call.accept", call=call, media="voice")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}),
        ("feishu", {"code": 11232, "msg": "frequency limited"}),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}),
    ],
)
async def test_a_robot_that_has_said_too_much_tries_again(
    shop: TestHouse, chats: Receivers, kind: str, body: dict[str, Any]
) -> None:
    sun, chat = await agent(shop), chats.robots[kind]
    await sun.robot(chat)
    await sun.close()
    chat.answers.append(web.json_response(body))
    _, call = await ask(shop)
    await chat.asked_for(1)
    while (await knock_of(shop, call)).due != shop.clock.now() + AGAIN:
        pass  # each look is a journey to the database
    await shop.beat(AGAIN)
    await chat.hear()
    assert (await told(shop, call, "Knocked"))[-1] in ("Knocked", "Heard")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.json_response({"errcode": 93000, "code": 19001, "errmsg": "invalid webhook url"}),
        lambda: web.json_response({"errcode": 310000, "code": 19021, "errmsg": "sign not match"}),
        lambda: web.json_response({"ok": True}),
        lambda: web.json_response({"errcode": "0", "code": "0"}),
        lambda: web.Response(text="<html>sign in to this network</html>"),
        lambda: web.Response(body=b"\xff" * 100_000),
        lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1/"}),
        lambda: web.Response(status=404),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_robot_that_lies_or_will_not_is_not_believed(
    shop: TestHouse, chats: Receivers, kind: str, answer: Any
) -> None:
    sun, chat = await agent(shop), chats.robots[kind]
    id = await sun.robot(chat)
    await sun.close()
    chat.answers.append(answer())
    buyer, call = await ask(shop)
    assert "KnockFailed" in await told(shop, call, "KnockFailed")
    await shop.beat(DEFAULT.unheard)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert [e["id"] for e in (await sun.ask("GET", "/v1/reach")).body["endpoints"]] == [id], "she is to mend it"


async def test_a_robot_that_does_not_answer_costs_the_buyer_ten_seconds(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    await sun.robot(chats.wecom)
    await sun.close()
    chats.wecom.silent = True
    buyer, call = await ask(shop)
    await chats.wecom.asked_for(1)
    await shop.beat(DEFAULT.unheard)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert await shop.kinds(call) == ["Asked", "Offered", "RingUnheard", "Ended"]


async def test_who_never_opens_what_a_robot_says_is_no_longer_taken_for_reachable(
    shop: TestHouse, chats: Receivers
) -> None:
    sun = await agent(shop)
    await sun.robot(chats.wecom)
    await sun.close()
    for n in range(3):
        buyer, call = await ask(shop, f"buyer{n}")
        await chats.wecom.hear()
        await told(shop, call, "Heard")
        await shop.beat(DEFAULT.ring)
        await buyer.call_in("ended", call=call)
        await chats.wecom.hear()  # missed
    while (await sun.ask("GET", "/v1/reach")).body["duty"]:
        pass  # each look is a request
    buyer, call = await ask(shop, "another")
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert chats.wecom.said == []


async def test_a_link_lets_in_for_a_while_only(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    await sun.robot(chats.wecom)
    await sun.close()
    _, call = await ask(shop)
    link = (await chats.wecom.hear()).secrets["link"]
    await told(shop, call, "Heard")
    shop.clock.pass_(DEFAULT.unheard + DEFAULT.ring + FOLLOWED_WITHIN)
    late = await http(shop, "POST", "/v1/sessions/link", {"secret": link})
    assert (late.status, late.body["code"]) == (410, "link_spent")
    made_up = await http(shop, "POST", "/v1/sessions/link", {"secret": "made up"})
    assert made_up.status == 410


async def test_who_came_by_a_link_stays_half_a_day(shop: TestHouse) -> None:
    sun = await agent(shop)
    secret = await shop.app.accounts.link(sun.id, shop.clock.now() + 1)
    came = (await http(shop, "POST", "/v1/sessions/link", {"secret": secret})).cookie
    shop.clock.pass_(LINK_SESSION_LIFE - 1)
    assert (await http(shop, "GET", "/v1/me", **cookie(came))).body["by_link"], "it lives on with use"
    shop.clock.pass_(LINK_SESSION_LIFE - 1)
    assert (await http(shop, "GET", "/v1/me", **cookie(came))).status == 200
    shop.clock.pass_(LINK_SESSION_LIFE)
    assert (await http(shop, "GET", "/v1/me", **cookie(came))).status == 401


async def test_who_was_taken_out_is_let_in_by_no_link(shop: TestHouse) -> None:
    boss = await agent(shop)
    link = (await boss.ask("POST", "/v1/invitations", {"role": "agent"})).body["link"].partition("invite=")[2]
    form = {"secret": link, "name": "Zhao", "login": "zhao", "password": "a long enough password"}
    zhao = (await http(shop, "POST", "/v1/invitations/take", form)).body["agent"]["id"]
    secret = await shop.app.accounts.link(zhao, shop.clock.now() + 60_000)
    assert (await boss.ask("DELETE", f"/v1/agents/{zhao}")).status == 204
    assert (await http(shop, "POST", "/v1/sessions/link", {"secret": secret})).body["code"] == "link_spent"


async def test_signed_out_everywhere_no_robot_rings(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    await sun.robot(chats.wecom)
    await sun.close()
    await sun.ask("DELETE", "/v1/sessions")
    await shop.beat(DEFAULT.nobody)
    buyer, call = await ask(shop)
    assert (await buyer.call_in("ended", call=call))["reason"] == "no_answer"
    assert chats.wecom.asked == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://qyapi.weixin.qq.com/cgi-bin/other",
        "http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1",
        "https://10.0.0.1/robot/send?access_token=1",
        "https://localhost/robot/send?access_token=1",
        "https://user@oapi.dingtalk.com/robot/send",
        "https://[::1/robot/send",
        "nonsense",
        "x" * 2_000,
    ],
)
async def test_what_is_no_robot_is_refused(shop: TestHouse, url: str) -> None:
    sun = await agent(shop)
    answer = await sun.ask("POST", "/v1/reach/robots", {"url": url})
    assert (answer.status, answer.body["code"]) == (400, "malformed")


async def test_robots_are_tried_shown_and_taken_away(shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(shop)
    id = await sun.robot(chats.dingtalk)
    assert await sun.robot(chats.dingtalk) == id, "told again, it stands once"
    (kept,) = (await sun.ask("GET", "/v1/reach")).body["endpoints"]
    assert (kept["kind"], set(kept)) == ("dingtalk", {"id", "kind", "device", "made_at"})
    assert (await sun.ask("POST", f"/v1/reach/endpoints/{kept['id']}/try")).status == 204
    assert (await chats.dingtalk.hear()).title == "看货 · 来电会这样提醒您"
    chats.dingtalk.answers.append(web.json_response({"errcode": 310000}))
    assert (await sun.ask("POST", f"/v1/reach/endpoints/{kept['id']}/try")).body["code"] == "not_now"
    assert (await sun.ask("DELETE", f"/v1/reach/endpoints/{kept['id']}")).status == 204
    assert (await sun.ask("GET", "/v1/reach")).body["endpoints"] == []


async def test_an_owner_sets_how_long_rungs_wait(shop: TestHouse, chats: Receivers, service: PushService) -> None:
    sun = await agent(shop)
    phone = await phone_of(sun, service)
    await sun.robot(chats.wecom)
    assert (await sun.ask("GET", "/v1/reach")).body["ladder"] == {"robot": 4_000, "webhook": 8_000}
    assert (await sun.ask("PUT", "/v1/reach/ladder", {"robot": 0, "webhook": None})).status == 204
    assert (await sun.ask("GET", "/v1/reach")).body["ladder"] == {"robot": 0, "webhook": None}
    for wrong in ({"robot": 9_001, "webhook": None}, {"robot": -1, "webhook": 0}, {"robot": 0}):
        assert (await sun.ask("PUT", "/v1/reach/ladder", wrong)).status == 400
    bearer = {"Authorization": f"Bearer {shop.pass_('agent', 'li')}"}
    refused = await http(shop, "PUT", "/v1/reach/ladder", {"robot": 0, "webhook": 0}, **bearer)
    assert (refused.status, refused.body["code"]) == (403, "not_allowed")
    await sun.close()
    await ask(shop)
    await phone.hear("ring")
    await chats.wecom.hear()


async def test_the_shop_is_told_of_a_ring_and_that_it_is_over(told_shop: TestHouse, chats: Receivers) -> None:
    shop = told_shop
    page = await shop.agent("zhao")
    await page.close()
    await shop.beat(BLINK)
    buyer, call = await ask(shop)
    bearer = {"Authorization": f"Bearer {shop.pass_('agent', 'zhao')}"}
    zhao = (await http(shop, "GET", "/v1/me", **bearer)).body["agent"]["id"]
    ring = await chats.shop.hear()
    assert ring | {"knock": "", "until": 0} == {
        "type": "ring",
        "knock": "",
        "call": call,
        "merchant": SHOP,
        "agent": zhao,
        "kind": "product",
        "title": "Fuji apples, 5 kg",
        "price": "¥39.90",
        "media": "video",
        "until": 0,
        "link": None,
    }
    assert not await heard(shop, ring["knock"])
    page = await shop.agent("zhao", duty=False)
    await page.ask("call.accept", call=call, media="video")
    await buyer.call_in("connecting", call=call)
    over = await chats.shop.hear()
    assert over == {"type": "over", "call": call, "merchant": SHOP, "agent": zhao, "missed": False}
    assert len(set(chats.ids)) == 2


async def test_the_shop_gets_a_link_for_who_signs_in_here(told_shop: TestHouse, chats: Receivers) -> None:
    sun = await agent(told_shop)
    await known_on_duty(sun)
    await sun.close()
    _, call = await ask(told_shop)
    ring = await chats.shop.hear()
    assert (ring["agent"], ring["call"]) == (sun.id, call)
    secret = ring["link"].partition("#link=")[2].partition("&")[0]
    let_in = await http(told_shop, "POST", "/v1/sessions/link", {"secret": secret})
    assert let_in.body["agent"]["id"] == sun.id
    later = await http(told_shop, "POST", "/v1/knocks/later", {"knock": ring["knock"]})
    assert later.status == 204
    assert not (await chats.shop.hear())["missed"]


async def test_the_same_message_keeps_its_id(told_shop: TestHouse, chats: Receivers) -> None:
    page = await told_shop.agent("zhao")
    await page.close()
    await told_shop.beat(BLINK)
    chats.shop.answers.append(web.Response(status=429, headers={"Retry-After": "2"}))
    buyer, call = await ask(told_shop)
    await chats.shop.asked_for(1)
    while (await knock_of(told_shop, call)).due != told_shop.clock.now() + 2_000:
        pass  # each look is a journey to the database
    await told_shop.beat(1_999)
    assert chats.shop.asked == 1
    await told_shop.beat(1)
    assert (await chats.shop.hear())["type"] == "ring"
    await buyer.ask("call.hang_up", call=call)
    assert (await chats.shop.hear())["missed"]
    assert len(chats.ids) == len(set(chats.ids)) == 2


async def test_the_link_opened_at_one_node_the_buyer_at_another(
    tmp_path: Path, postgres: Postgres, redis: Redis, chats: Receivers
) -> None:
    more: dict[str, Any] = {"trusted_receivers": (chats.host,)}
    async with houses(tmp_path, 2, database=postgres.database(), bus=redis.url, **more) as (here, there):
        chats.now = lambda: here.clock.now() // 1_000
        sun = await agent(there)
        await sun.robot(chats.feishu)
        await sun.close()
        await here.beat()
        buyer, call = await ask(here)
        secrets = (await chats.feishu.hear()).secrets
        let_in = await http(there, "POST", "/v1/sessions/link", {"secret": secrets["link"]})
        assert not await heard(there, secrets["knock"])
        page = await there.client(Client(there.url, cookie=let_in.cookie, device="phone"))
        await page.call_in("ringing", call=call, here=True)
        await page.ask("call.accept", call=call, media="voice")
        await buyer.call_in("connecting", call=call)
        assert (await here.verdict()).broken is None
