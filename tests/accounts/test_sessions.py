"""What a session is worth, for how long, and where its traces go."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kanhuo.accounts.model import Role
from kanhuo.accounts.policy import INVITATION_LIFE, SESSION_LIFE
from kanhuo.shell.database import Statement
from tests.accounts.test_http import PASSWORD, cookie, http, owner
from tests.support.house import SHOP, TestHouse, house

DAY = 24 * 3_600_000


async def rows(shop: TestHouse, table: str) -> int:
    count = Statement(text(f"SELECT count(*) FROM {table}"))
    (number,) = await shop.app.db.read(lambda tx: tx.first(count)) or (0,)
    return int(number)


async def set_cookie(shop: TestHouse, path: str, method: str = "GET", **headers: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{shop.port}{path}", method=method, headers=headers)

    def ask() -> Any:
        with urllib.request.urlopen(request) as answer:
            return answer.headers["Set-Cookie"]

    return await asyncio.to_thread(ask)


async def test_a_session_in_use_lives_on_in_the_browser_too(shop: TestHouse) -> None:
    boss = await owner(shop)
    for _ in range(4):
        shop.clock.pass_(20 * DAY)
        again = await set_cookie(shop, "/v1/me", **cookie(boss.cookie))
        assert f"kanhuo_session={boss.cookie};" in again
        assert f"Max-Age={SESSION_LIFE // 1_000}" in again
    shop.clock.pass_(SESSION_LIFE)
    assert (await http(shop, "GET", "/v1/me", **cookie(boss.cookie))).status == 401


async def test_a_pass_sees_whom_it_is_for_and_gets_no_cookie(shop: TestHouse) -> None:
    boss = await owner(shop)
    bearer = {"Authorization": f"Bearer {shop.pass_('agent', 'wang')}"}
    assert await set_cookie(shop, "/v1/me", **bearer, **cookie(boss.cookie)) is None
    for path in ("/v1/sessions", "/v1/sessions/current"):
        assert (await http(shop, "DELETE", path, **bearer)).status == 403
    credential: dict[str, Any] = {"credential": {}}
    assert (await http(shop, "POST", "/v1/passkeys", credential, **bearer)).status == 403
    buyer = {"Authorization": f"Bearer {shop.pass_('buyer', 'li')}"}
    assert (await http(shop, "GET", "/v1/me", **buyer)).status == 403


async def test_what_has_expired_is_forgotten(shop: TestHouse) -> None:
    await owner(shop)
    await shop.app.accounts.invite(SHOP, Role.AGENT)
    assert (await rows(shop, "sessions"), await rows(shop, "invitations")) == (1, 2)
    shop.clock.pass_(max(SESSION_LIFE, INVITATION_LIFE))
    await http(shop, "POST", "/v1/sessions", {"login": "ahui", "password": PASSWORD})
    await shop.app.accounts.invite(SHOP, Role.AGENT)
    assert (await rows(shop, "sessions"), await rows(shop, "invitations")) == (1, 1)


@pytest.mark.parametrize(("public", "secure"), [("https://call.example", True), ("", False)])
async def test_a_cookie_is_secure_where_we_are_reached_by_tls(tmp_path: Path, public: str, secure: bool) -> None:
    """Behind a proxy that ends TLS every request itself is plain HTTP."""
    async with house(tmp_path, public=public) as shop:
        boss = await owner(shop)
        entered = await set_cookie(shop, "/v1/me", **cookie(boss.cookie))
        left = await set_cookie(shop, "/v1/sessions/current", "DELETE", **cookie(boss.cookie))
        assert ("Secure" in entered, "Secure" in left) == (secure, secure)
        assert all("HttpOnly" in one and "SameSite=lax" in one for one in (entered, left))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_foreign_form_can_send_signs_nobody_in(shop: TestHouse, kind: str) -> None:
    await owner(shop)
    body = b'{"login": "ahui", "password": "%s"}' % PASSWORD.encode()
    answer = await http(shop, "POST", "/v1/sessions", body, **{"Content-Type": kind})
    assert (answer.status, answer.body["code"], answer.cookie) == (400, "malformed", None)


async def test_no_header_makes_a_foreign_page_ours(shop: TestHouse) -> None:
    boss = await owner(shop)
    foreign = {"Origin": "https://evil.example", **cookie(boss.cookie)}
    for more in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": f"Bearer {shop.pass_('agent', 'wang')}"}):
        answer = await http(shop, "DELETE", "/v1/sessions", **foreign, **more)
        assert (answer.status, answer.body["code"]) == (403, "wrong_origin")
    for origin in ("null", "https://evil.example"):
        answer = await http(shop, "DELETE", "/v1/sessions", **{**foreign, "Origin": origin})
        assert answer.status == 403
    ours = {**foreign, "Origin": f"http://127.0.0.1:{shop.port}"}
    assert (await http(shop, "DELETE", "/v1/sessions", **ours)).status == 204


async def test_whom_the_shop_vouches_for_is_told_apart(shop: TestHouse) -> None:
    boss = await owner(shop)
    await shop.agent("wang")
    people = (await http(shop, "GET", "/v1/agents", **cookie(boss.cookie))).body["agents"]
    assert {person["name"]: person["vouched"] for person in people} == {"Ahui": False, "Wang": True}


async def test_nobody_is_invited_as_a_buyer(shop: TestHouse) -> None:
    boss = await owner(shop)
    answer = await http(shop, "POST", "/v1/invitations", {"role": "buyer"}, **cookie(boss.cookie))
    assert (answer.status, answer.body["code"]) == (400, "malformed")


async def test_an_invitations_secret_stands_in_no_address(shop: TestHouse) -> None:
    secret, _ = await shop.app.accounts.invite(SHOP, Role.OWNER)
    for method in ("GET", "POST"):
        assert (await http(shop, method, f"/v1/invitations/{secret}", {} if method == "POST" else None)).status >= 404


@pytest.mark.parametrize("query", ["before=9223372036854775808", "before=-1", "limit=0", "limit=9223372036854775808"])
async def test_numbers_beyond_all_bounds_are_refused(shop: TestHouse, query: str) -> None:
    boss = await owner(shop)
    answer = await http(shop, "GET", f"/v1/calls?{query}", **cookie(boss.cookie))
    assert (answer.status, answer.body["code"]) == (400, "malformed")


async def test_what_is_kept_is_for_us_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    async with house(folder) as shop:
        await owner(shop)
        kept = [folder, *folder.iterdir()]
        assert {"kanhuo.sqlite", "kanhuo.sqlite-wal", "pepper.key"} <= {path.name for path in kept}
        assert [path.name for path in kept if path.stat().st_mode & 0o077] == []


async def test_an_invitation_ends_with_who_made_it(shop: TestHouse) -> None:
    """Else whoever is taken out lets herself in again by a link that she kept."""
    boss, second = await owner(shop), await owner(shop, "lin")
    made = await http(shop, "POST", "/v1/invitations", {"role": "owner"}, **cookie(second.cookie))
    kept = {"secret": made.body["link"].partition("#invite=")[2]}
    assert (await http(shop, "POST", "/v1/invitations/look", kept)).status == 200
    gone = await http(shop, "DELETE", f"/v1/agents/{second.body['agent']['id']}", **cookie(boss.cookie))
    assert gone.status == 204
    answer = await http(shop, "POST", "/v1/invitations/look", kept)
    assert (answer.status, answer.body["code"]) == (410, "invitation_spent")
