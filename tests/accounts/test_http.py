"""Signing in, inviting and leaving, as a merchant's people do it."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from kanhuo.accounts.model import Role
from tests.support.client import Client
from tests.support.house import SHOP, TestHouse

PASSWORD = "correct horse battery"


@dataclass
class Answer:
    status: int
    body: Any
    cookie: str | None


async def http(shop: TestHouse, method: str, path: str, body: object = None, **headers: str) -> Answer:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{shop.port}{path}", data, method=method)
    request.add_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.add_header(name, value)

    def ask() -> Answer:
        try:
            with urllib.request.urlopen(request) as answer:
                return _read(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as failure:
            with failure:
                return _read(failure.code, failure.read(), failure.headers)

    return await asyncio.to_thread(ask)


def _read(status: int, data: bytes, headers: Any) -> Answer:
    cookie = headers.get("Set-Cookie", "")
    secret = cookie.split(";")[0].partition("=")[2] if cookie else None
    kind = headers.get_content_type()
    return Answer(status, json.loads(data) if data and kind.endswith("json") else data, secret)


def _headers(address: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as failure:
        with failure:
            return failure.code, failure.headers


def cookie(secret: str | None) -> dict[str, str]:
    return {"Cookie": f"kanhuo_session={secret}"}


async def owner(shop: TestHouse, login: str = "ahui") -> Answer:
    secret, _ = await shop.app.accounts.invite(SHOP, Role.OWNER)
    form = {"secret": secret, "name": "Ahui", "login": login, "password": PASSWORD}
    joined = await http(shop, "POST", "/v1/invitations/take", form)
    assert joined.status == 201
    return joined


async def test_an_owner_takes_up_her_invitation_once(shop: TestHouse) -> None:
    secret, _ = await shop.app.accounts.invite(SHOP, Role.OWNER)
    seen = await http(shop, "POST", "/v1/invitations/look", {"secret": secret})
    assert seen.body["merchant"]["name"] == "Orchard"
    form = {"secret": secret, "name": "Ahui", "login": "Ahui ", "password": PASSWORD}
    joined = await http(shop, "POST", "/v1/invitations/take", form)
    assert joined.body["agent"]["role"] == "owner"
    assert (await http(shop, "GET", "/v1/me", **cookie(joined.cookie))).body["merchant"]["id"] == SHOP
    again = await http(shop, "POST", "/v1/invitations/take", form)
    assert (again.status, again.body["code"]) == (410, "invitation_spent")
    assert (await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": PASSWORD})).status == 201


async def test_an_invitation_grows_old(shop: TestHouse) -> None:
    secret, expires_at = await shop.app.accounts.invite(SHOP, Role.AGENT)
    shop.clock.pass_(expires_at - shop.clock.now())
    assert (await http(shop, "POST", "/v1/invitations/look", {"secret": secret})).status == 410


async def test_wrong_passwords_and_unknown_logins_look_alike_and_are_slowed_down(shop: TestHouse) -> None:
    await owner(shop)
    for login in ("ahui", "nobody"):
        answer = await http(shop, "POST", "/v1/sessions", {"login": login, "password": "wrong wrong"})
        assert (answer.status, answer.body["code"]) == (401, "wrong_password")
    for _ in range(7):
        answer = await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": "wrong wrong"})
    assert (answer.status, answer.body["code"]) == (429, "too_many")
    assert (await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": PASSWORD})).status == 429
    shop.clock.pass_(15 * 60_000)
    assert (await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": PASSWORD})).status == 201


async def test_signing_out_everywhere_ends_every_device_and_its_socket(shop: TestHouse) -> None:
    first = await owner(shop)
    second = await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": PASSWORD})
    console = await shop.client(Client(shop.url, cookie=second.cookie))
    assert (await http(shop, "DELETE", "/v1/sessions", **cookie(first.cookie))).status == 204
    assert (await console.hear(lambda m: m["type"] == "bye"))["why"] == "signed_out"
    assert (await console.closed())[0] == 4003
    for secret in (first.cookie, second.cookie):
        assert (await http(shop, "GET", "/v1/me", **cookie(secret))).status == 401


async def test_an_owner_invites_and_removes_and_an_agent_may_not(shop: TestHouse) -> None:
    boss = await owner(shop)
    invited = await http(shop, "POST", "/v1/invitations", {"role": "agent"}, **cookie(boss.cookie))
    secret = invited.body["link"].partition("#invite=")[2]
    form = {"secret": secret, "name": "Li", "login": "li", "password": PASSWORD}
    agent = await http(shop, "POST", "/v1/invitations/take", form)
    assert (await http(shop, "POST", "/v1/invitations", {"role": "agent"}, **cookie(agent.cookie))).status == 403
    people = (await http(shop, "GET", "/v1/agents", **cookie(boss.cookie))).body["agents"]
    assert [person["name"] for person in people] == ["Ahui", "Li"]
    assert (await http(shop, "DELETE", f"/v1/agents/{people[1]['id']}", **cookie(boss.cookie))).status == 204
    assert (await http(shop, "GET", "/v1/me", **cookie(agent.cookie))).status == 401
    assert (await http(shop, "DELETE", f"/v1/agents/{people[0]['id']}", **cookie(boss.cookie))).status == 409
    assert (await http(shop, "DELETE", "/v1/agents/agt_x", **cookie(boss.cookie))).status == 404


async def test_a_page_of_a_foreign_origin_cannot_act_with_the_cookie(shop: TestHouse) -> None:
    boss = await owner(shop)
    forged = await http(shop, "DELETE", "/v1/sessions", **cookie(boss.cookie), Origin="https://evil.example")
    assert (forged.status, forged.body["code"]) == (403, "wrong_origin")
    form = {"login": "ahui", "password": PASSWORD}
    signed_in = await http(shop, "POST", "/v1/sessions", form, Origin="https://evil.example")
    assert (signed_in.status, signed_in.body["code"]) == (403, "wrong_origin"), "nor sign anybody in as somebody else"


async def test_many_wrong_passwords_at_once_are_many_tries(shop: TestHouse) -> None:
    await owner(shop)
    form = {"login": "ahui", "password": "wrong wrong"}
    answers = await asyncio.gather(*(http(shop, "POST", "/v1/sessions", form) for _ in range(24)))
    assert [answer.status for answer in answers].count(401) <= 8


async def test_a_pass_is_not_turned_into_what_does_not_end(shop: TestHouse) -> None:
    bearer = {"Authorization": f"Bearer {shop.pass_('agent', 'wang')}"}
    assert (await http(shop, "GET", "/v1/me", **bearer)).status == 200
    assert (await http(shop, "POST", "/v1/passkeys/options", **bearer)).status == 403


async def test_who_comes_by_the_shops_pass_is_taken_out_there(shop: TestHouse) -> None:
    boss = await owner(shop)
    agent = await shop.agent("wang")
    answer = await http(shop, "DELETE", f"/v1/agents/{agent.welcome['party']['id']}", **cookie(boss.cookie))
    assert (answer.status, answer.body["code"]) == (409, "not_now")


async def test_nothing_is_served_as_a_page_without_a_pages_headers(shop: TestHouse) -> None:
    for path in ("/v1/schema", "/v1/schema/swagger", "/v1/schema/redoc", "/console/index.html", "/call/", "/console/"):
        status, headers = await asyncio.to_thread(_headers, f"http://127.0.0.1:{shop.port}{path}")
        framed = "frame-ancestors" in headers.get("Content-Security-Policy", "")
        assert framed or status == 404 or headers.get_content_type() != "text/html", path


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/sessions", {"login": "x"}, 400),
        ("POST", "/v1/sessions", b"{", 400),
        ("POST", "/v1/sessions", b"[" * 30_000, 400),
        ("POST", "/v1/invitations", {"role": "buyer"}, 401),
        ("POST", "/v1/sessions", {"login": "x", "password": "y", "z": 1}, 400),
        ("POST", "/v1/sessions", b"x" * 100_000, 413),
        ("GET", "/v1/calls", None, 401),
        ("GET", "/v1/nothing", None, 404),
        ("PUT", "/v1/me", None, 405),
        ("GET", "/v1/availability", None, 400),
        ("GET", "/v1/pictures/pic_x", None, 401),
        ("POST", "/v1/calls/x/pictures", b"x", 401),
        ("POST", "/v1/sessions/passkey", {"ceremony": "x", "credential": {}}, 401),
        ("GET", "/assets/../../etc/passwd", None, 404),
    ],
)
async def test_every_refusal_is_a_problem_with_a_code(
    shop: TestHouse, method: str, path: str, body: object, status: int
) -> None:
    answer = await http(shop, method, path, body)
    assert answer.status == status
    assert answer.body["code"]
    assert "Traceback" not in answer.body["detail"]


async def test_pictures_are_for_the_two_sides_of_their_call_alone(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    png = b"\x89PNG\r\n\x1a\n" + b"x" * 900
    up = await http(shop, "POST", f"/v1/calls/{call}/pictures", png, Authorization=f"Bearer {buyer.pass_}")
    await buyer.ask("chat.say", call=call, key="k", picture=up.body["picture"])
    line = await agent.hear(lambda m: m["type"] == "chat.line")
    path = f"/v1/pictures/{line['picture']}"
    assert (await http(shop, "GET", path, Authorization=f"Bearer {agent.pass_}")).body == png
    stranger = shop.pass_("buyer", "chen")
    assert (await http(shop, "GET", path, Authorization=f"Bearer {stranger}")).status == 403
    bad = await http(shop, "POST", f"/v1/calls/{call}/pictures", b"<svg>", Authorization=f"Bearer {buyer.pass_}")
    assert (bad.status, bad.body["code"]) == (415, "not_a_picture")


async def test_the_list_tells_past_and_missed_calls(shop: TestHouse) -> None:
    missed = await shop.buyer("chen")
    await missed.ask("call.ask", key="k", media="video")
    shop.clock.pass_(1_000)
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    await buyer.ask("call.hang_up", call=call)
    await buyer.ask("call.rate", call=call, stars=4)
    await agent.call_in("ended", call=call)
    await agent.ask("call.wrap_up", call=call, outcome="agreed", note="two apples more")
    calls = (await http(shop, "GET", "/v1/calls", Authorization=f"Bearer {agent.pass_}")).body["calls"]
    assert [one["reason"] for one in calls] == ["completed", "no_answer"]
    assert (calls[0]["stars"], calls[0]["outcome"], calls[0]["note"]) == (4, "agreed", "two apples more")
    assert calls[1].get("answered_at") is None


async def test_availability_follows_presence(shop: TestHouse) -> None:
    async def can() -> str:
        answer = await http(shop, "GET", f"/v1/availability?merchants={SHOP},mer_unknown")
        assert list(answer.body["merchants"]) == [SHOP]
        return str(answer.body["merchants"][SHOP]["can"])

    assert await can() == "later"
    agent = await shop.agent()
    assert await can() == "now"
    await shop.talking(await shop.buyer(), agent)
    await shop.beat()
    assert await can() == "busy"
