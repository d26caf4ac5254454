"""The sample marketplace's own back end: pages with the button in them, as a customer's engineer would write them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from kanhuo.demo.art import picture
from kanhuo.demo.passes import buyer_pass
from kanhuo.demo.stock import GOODS, Good, Text, good, keeper

VISITOR: Final = "shop_visitor"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_CART: Final = ("apples", "jacket")
_ORDER: Final = ("20261120-0415", "camera")
_CASE: Final = ("CS-1042", "phone")


class Visit:
    """One request of a visitor: language, who she is, and pages for her."""

    def __init__(self, request: Request[Any, Any, Any], key: str) -> None:
        self._key = key
        self._chinese = not request.headers.get("Accept-Language", "zh").lower().startswith("en")
        known = request.cookies.get(VISITOR)
        self._visitor = known or f"visitor-{secrets.token_hex(8)}"

    def say(self, text: Text) -> str:
        """Return a text in the visitor's language, safe in HTML."""
        return escape(text[0] if self._chinese else text[1])

    def call(self, one: Good, kind: str, ref: str, lines: Sequence[tuple[Text, Text]] = ()) -> str:
        """Return kanhuo's button for a good: this is all there is to embedding it."""
        plain = 0 if self._chinese else 1
        context = {
            "kind": kind,
            "ref": ref,
            "title": one.title[plain],
            "picture": f"/shop/pictures/{one.id}.svg",
            "price": one.price,
            "lines": [{"label": label[plain], "value": value[plain]} for label, value in (*one.facts, *lines)],
        }
        token = buyer_pass(self._key, self._visitor, one.merchant, context)
        return f'<kanhuo-call merchant="{one.merchant}" pass="{token}"></kanhuo-call>'

    def page(self, title: Text, body: str) -> Response[str]:
        """Return a page of the shop."""
        links = (("/shop/", ("商品", "Goods")), ("/shop/cart", ("购物车", "Cart")),
                 (f"/shop/orders/{_ORDER[0]}", ("订单", "Order")), (f"/shop/cases/{_CASE[0]}", ("售后", "After-sale")))  # fmt: skip
        nav = "".join(f'<a href="{address}">{self.say(name)}</a>' for address, name in links)
        language = "zh-CN" if self._chinese else "en"
        html = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{self.say(title)} · {self.say(('好集市', 'Good Market'))}</title>"
            '<link rel="icon" href="/console/icon.svg"><link rel="stylesheet" href="/shop/style.css">'
            '<script type="module" src="/kanhuo.js"></script></head><body>'
            f'<header><a href="/shop/"><strong>{self.say(("好集市", "Good Market"))}</strong></a><nav>{nav}</nav></header>'
            f"<main>{body}</main></body></html>"
        )
        cookie = Cookie(key=VISITOR, value=self._visitor, max_age=86_400, httponly=True, samesite="lax", path="/shop")
        return Response(html, media_type="text/html", headers=HEADERS, cookies=[cookie])


def routes(key: str) -> list[HTTPRouteHandler]:
    """Return the shop's routes; ``key`` is the secret that kanhuo checks passes with."""

    @get("/", include_in_schema=False)
    async def root() -> Redirect:
        return Redirect("/shop/")

    @get(["/shop", "/shop/"], include_in_schema=False)
    async def home(request: Request[Any, Any, Any]) -> Response[str]:
        visit = Visit(request, key)
        cards = "".join(
            f'<li><a href="/shop/goods/{one.id}"><img src="/shop/pictures/{one.id}.svg" alt="" width="240" height="240">'
            f'<b>{visit.say(one.title)}</b><span class="price">{one.price}</span>'
            f'<br><span class="soft">{visit.say(keeper(one.merchant).name)}</span></a></li>'
            for one in GOODS
        )
        lead = visit.say(("拿不准？每件商品都能视频看货。", "Not sure? Every item can be seen live."))
        title = ("今天的好东西", "Today's good things")
        return visit.page(title, f'<h1>{visit.say(title)}</h1><p class="lead">{lead}</p><ul class="goods">{cards}</ul>')

    @get("/shop/goods/{id:str}", include_in_schema=False)
    async def product(request: Request[Any, Any, Any], id: FromPath[str]) -> Response[str]:
        one = good(id)
        if one is None:
            return Response("", status_code=404)
        visit = Visit(request, key)
        facts = "".join(f"<dt>{visit.say(label)}</dt><dd>{visit.say(value)}</dd>" for label, value in one.facts)
        body = (
            f'<article class="product"><img src="/shop/pictures/{one.id}.svg" alt="" width="460" height="460"><div>'
            f'<h1>{visit.say(one.title)}</h1><p class="soft">{visit.say(keeper(one.merchant).name)}</p>'
            f'<p class="price">{one.price}</p>'
            + (f'<dl class="facts">{facts}</dl>' if facts else "")
            + f'<div class="doubt"><b>{visit.say(one.doubt)}</b>{visit.call(one, "product", one.id)}</div></div></article>'
        )
        return visit.page(one.title, body)

    @get("/shop/cart", include_in_schema=False)
    async def cart(request: Request[Any, Any, Any]) -> Response[str]:
        visit = Visit(request, key)
        title = ("购物车", "Cart")
        rows = "".join(_row(visit, one, visit.call(one, "cart", f"cart-{one.id}")) for one in map(good, _CART) if one)
        return visit.page(title, f"<h1>{visit.say(title)}</h1>{rows}")

    @get("/shop/orders/{number:str}", include_in_schema=False)
    async def order(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[str]:
        visit, one = Visit(request, key), good(_ORDER[1])
        assert one is not None
        title = (f"订单 {number}", f"Order {number}")
        placed = ((("下单", "Ordered"), ("11 月 20 日", "20 November")), (("状态", "Status"), ("已发货", "Shipped")))
        steps = "".join(f"<li>{visit.say(a)}: {visit.say(b)}</li>" for a, b in placed)
        body = _row(visit, one, visit.call(one, "order", number, placed))
        return visit.page(title, f'<h1>{visit.say(title)}</h1>{body}<ul class="steps">{steps}</ul>')

    @get("/shop/cases/{number:str}", include_in_schema=False)
    async def case(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[str]:
        visit, one = Visit(request, key), good(_CASE[1])
        assert one is not None
        title = (f"售后 {number}", f"After-sale case {number}")
        what = ((("问题", "Problem"), ("屏幕右上角有划痕", "A scratch on the top right of the screen")),)
        lead = visit.say(("让商家看看划痕，当面商量怎么办。", "Show the scratch and settle it on the spot."))
        body = _row(visit, one, visit.call(one, "case", number, what))
        return visit.page(title, f'<h1>{visit.say(title)}</h1><p class="lead">{lead}</p>{body}')

    @get("/shop/pictures/{name:str}", include_in_schema=False)
    async def drawing(name: FromPath[str]) -> Response[str]:
        one = good(name.removesuffix(".svg"))
        if one is None:
            return Response("", status_code=404)
        return Response(picture(one.id), media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=3600"})

    @get("/shop/style.css", include_in_schema=False)
    async def style() -> Response[bytes]:
        return Response(files("kanhuo.demo").joinpath("style.css").read_bytes(), media_type="text/css")

    return [root, home, product, cart, order, case, drawing, style]


def _row(visit: Visit, one: Good, button: str) -> str:
    return (
        f'<div class="row"><img src="/shop/pictures/{one.id}.svg" alt="" width="84" height="84"><div><b>{visit.say(one.title)}</b>'
        f'<p class="price">{one.price}</p></div></div><div class="doubt"><b>{visit.say(one.doubt)}</b>{button}</div>'
    )
