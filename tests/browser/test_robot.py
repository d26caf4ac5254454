"""A foreign peer: the robot agent (aiortc) answers Chromium, and one person alone gets a live answer in one tap."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.support.chromium import browser, colour_of, phone, until
from tests.support.process import server

pytestmark = pytest.mark.browser


async def test_the_robot_answers_shows_its_apples_and_writes(tmp_path: Path) -> None:
    async with (
        server(tmp_path, robot=True) as running,
        async_playwright() as playwright,
        browser(playwright, tmp_path, (200, 0, 0), 440) as chromium,
    ):
        context = await phone(chromium)
        page = await context.new_page()
        await page.goto(f"{running.origin}/shop/goods/apples")
        ready = "async () => (await (await fetch('/v1/availability?merchants=mer_fruit')).json()).merchants.mer_fruit.can === 'now'"
        await until(page, lambda: page.evaluate(ready), within=30)
        await page.reload()
        await page.locator("kanhuo-call i[data-can=now]").wait_for()
        await page.click("kanhuo-call button")
        located = page.frame_locator("iframe.kanhuo-layer")
        await located.locator("kh-precall .act").click()
        await located.locator("kh-stage").wait_for()
        frame = next(frame for frame in page.frames if "/call/" in frame.url)

        async def apples() -> bool:
            red, green, blue = await colour_of(frame)
            return red > 100 and red > blue + 20 and green > 20

        await until(page, apples)
        await located.locator("[data-act=camera]").click()
        await located.locator("#confirm .act").click()
        await located.locator("[data-act=camera][data-on]").wait_for()
        await until(page, apples)
        await located.locator("[data-act=chat]").click()
        await located.get_by_text("自动演示").wait_for()
        await located.locator("kh-chat header button").click()
        await located.locator(".hang").click()
        await located.locator("kh-after").wait_for()
        await located.locator("kh-after .plain").click()
        await page.locator("iframe.kanhuo-layer").wait_for(state="detached")
        await page.reload()
        await page.locator("kanhuo-call i[data-can=now]").wait_for(timeout=20_000)
        await page.click("kanhuo-call button")
        await located.locator("kh-precall .plain").click()
        await located.locator("kh-stage").wait_for()
