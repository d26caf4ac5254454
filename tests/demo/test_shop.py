"""The sample marketplace, as a visitor's browser and as kanhuo see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from kanhuo.accounts.passes import verifier
from kanhuo.catalogue.policy import card_of
from kanhuo.demo.art import picture
from kanhuo.demo.lan import certificate
from kanhuo.demo.shop import routes
from kanhuo.demo.stock import GOODS, SHOPKEEPERS
from kanhuo.kernel.clock import SystemClock

KEY = "a secret of the sample shop, long enough"
PLACES = {
    "product": [f"/shop/goods/{good.id}" for good in GOODS],
    "cart": ["/shop/cart"],
    "order": ["/shop/orders/20261120-0415"],
    "case": ["/shop/cases/CS-1042"],
}


@pytest.fixture
def visitor() -> Iterator[TestClient[Litestar]]:
    with TestClient(Litestar(routes(KEY))) as client:
        yield client


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in PLACES.items() for path in paths])
@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_every_page_offers_a_call_about_what_it_shows(
    visitor: TestClient[Litestar], kind: str, path: str, language: str
) -> None:
    page = visitor.get(path, headers={"Accept-Language": language})
    assert page.status_code == 200
    assert f'lang="{"zh-CN" if language == "zh-CN" else "en"}"' in page.text
    buttons = re.findall(r'<kanhuo-call merchant="(\w+)" pass="([\w.-]+)"></kanhuo-call>', page.text)
    assert buttons
    for merchant, token in buttons:
        party = verifier(KEY, "kanhuo", b"pepper").party(token, SystemClock().now())
        assert (party.role, party.merchant) == ("buyer", merchant)
        assert party.context is not None
        card = card_of(party.context)
        assert card.kind == kind
        assert card.title in unescape(page.text)
        assert card.picture is not None
        assert visitor.get(card.picture).status_code == 200


def test_a_visitor_stays_the_same_person_and_nobody_else_is_her(visitor: TestClient[Litestar]) -> None:
    def who() -> str:
        token = re.findall(r'pass="([\w.-]+)"', visitor.get("/shop/cart").text)[0]
        return verifier(KEY, "kanhuo", b"pepper").party(token, SystemClock().now()).id

    first = who()
    assert who() == first
    visitor.cookies.clear()
    assert who() != first


def test_what_does_not_exist_is_not_found(visitor: TestClient[Litestar]) -> None:
    for path in ("/shop/goods/nothing", "/shop/pictures/nothing.svg"):
        assert visitor.get(path).status_code == 404


def test_what_comes_in_by_the_address_is_text(visitor: TestClient[Litestar]) -> None:
    page = visitor.get("/shop/orders/<img src=x onerror=alert(1)>")
    assert page.status_code == 200
    assert "<img src=x" not in page.text


def test_every_good_has_a_picture_and_a_shopkeeper() -> None:
    assert {good.merchant for good in GOODS} <= {keeper.id for keeper in SHOPKEEPERS}
    assert len({picture(good.id) for good in GOODS}) == len(GOODS)


def test_the_key_of_the_certificate_is_for_us_alone(tmp_path: Path) -> None:
    crt, key = certificate(tmp_path, "10.77.0.1")
    assert crt.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert key.stat().st_mode & 0o077 == 0
