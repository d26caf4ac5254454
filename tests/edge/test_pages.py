"""What leaves as a page has a page's headers, whatever its way out."""

from __future__ import annotations

import asyncio
import http.client
import logging
from pathlib import Path

import pytest
from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.testing import RequestFactory, TestClient

from kanhuo.demo.shop import routes
from kanhuo.edge.pages import HANDLERS, Pages, keep_to_itself
from kanhuo.edge.refusals import failed
from tests.support.house import TestHouse

PATHS = (
    "/call", "/call/", "/call/index.html", "/console", "/console/", "/console/index.html", "/console/other.htm",
    "/assets/page.html", "/assets/page.htm", "/assets/page.xhtml", "/kanhuo.js", "/plain", "/v1/schema", "/nothing",
)  # fmt: skip


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    pages = ("call/index.html", "console/index.html", "console/other.htm", "kanhuo.js",
             "assets/page.html", "assets/page.htm", "assets/page.xhtml", "assets/style.css")  # fmt: skip
    for name in pages:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("<script>alert(1)</script>")
    return tmp_path


@get("/plain")
async def plain() -> Response[str]:
    return Response("<p>from anywhere</p>", media_type="text/html")


@pytest.mark.parametrize("path", PATHS)
def test_no_path_serves_html_without_a_policy(bundle: Path, path: str) -> None:
    app = Litestar(
        [*HANDLERS, plain],
        dependencies={"pages": Provide(lambda: Pages(bundle), sync_to_thread=False)},
        before_send=[keep_to_itself],
        openapi_config=None,
        logging_config=None,
    )
    with TestClient(app) as client:
        answer = client.get(path)
    if "html" in answer.headers.get("Content-Type", ""):
        assert "frame-ancestors" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/v1/schema", "/v1/schema/", "/v1/schema/swagger", "/v1/schema/redoc", "/v1/schema/rapidoc", "/v1/schema/scalar",
     "/v1/schema/elements", "/v1/schema/openapi.json", "/console/", "/console/index.html", "/call/", "/nothing"],
)  # fmt: skip
async def test_the_server_itself_serves_none_either(shop: TestHouse, path: str) -> None:
    def ask() -> tuple[http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", shop.port)
        connection.request("GET", path)
        answer = connection.getresponse()
        read = answer.headers, answer.read()
        connection.close()
        return read

    headers, body = await asyncio.to_thread(ask)
    assert b"cdn." not in body
    if "html" in headers.get("Content-Type", ""):
        assert "frame-ancestors" in headers["Content-Security-Policy"]


def test_the_sample_shops_pages_have_theirs() -> None:
    with TestClient(Litestar(routes("a secret of the sample shop, long enough"), logging_config=None)) as client:
        for path in ("/shop/", "/shop/cart", "/shop/goods/apples", "/shop/orders/1", "/shop/cases/1"):
            assert "frame-ancestors" in client.get(path).headers["Content-Security-Policy"]


def test_a_failure_is_logged_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    request = RequestFactory(Litestar(logging_config=None)).get(
        "/v1/pictures/a-secret", query_params={"code": "a-secret"}
    )
    with caplog.at_level(logging.ERROR):
        answer = failed(request, RuntimeError("a fault"))
    assert answer.status_code == 500
    assert "a fault" in caplog.text
    assert "a-secret" not in caplog.text
