"""The console is closed, and the telephone rings: a real service worker shows what a real server pushed.

Chromium here reaches no push service, so it cannot subscribe at one. Its subscription is the tests' own, with keys of its own:
the server seals and sends as to any other; what arrives is opened with the browser's key and handed to the service worker by
DevTools, as Chromium hands on what its push service brings. A notification cannot be tapped without a desktop: the tap is the
event that it would be.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Worker

from kanhuo.accounts.model import Merchant, Role
from kanhuo.accounts.passes import mint
from kanhuo.app import build
from kanhuo.config import Settings
from kanhuo.kernel.clock import SystemClock
from tests.browser.conftest import GREEN, Stage
from tests.browser.test_call import sees
from tests.support.chromium import desktop, phone, until
from tests.support.house import CONTEXT, KEY, SHOP
from tests.support.process import Node
from tests.support.push import Browser, Pushed, PushService, push_service
from tests.support.receivers import SECRET, Receivers, receivers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

SUBSCRIBED = """
(kept) => {
  const key = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0)).buffer;
  let own = localStorage.getItem("subscribed");
  const subscription = () => ({
    options: { applicationServerKey: key(own) },
    toJSON: () => kept,
    unsubscribe: async () => (localStorage.removeItem("subscribed"), (own = null), true),
  });
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
    own = applicationServerKey;
    localStorage.setItem("subscribed", own);
    return subscription();
  };
  PushManager.prototype.getSubscription = async () => (own === null ? null : subscription());
}
"""


@dataclass
class Desk:
    """A shop's server, and its agent's browser."""

    origin: str
    context: BrowserContext
    telephone: Browser

    async def console(self, path: str = "/console/") -> Page:
        page = await self.context.new_page()
        await page.goto(self.origin + path)
        return page

    async def worker(self) -> Worker:
        """Return the service worker once it is at work."""
        workers = self.context.service_workers
        return workers[0] if workers else await self.context.wait_for_event("serviceworker")

    async def push(self, pushed: Pushed) -> None:
        """Bring a message to the browser."""
        worker = await self.worker()
        await worker.evaluate(
            """async (text) => {
              const event = new PushEvent("push", { data: text });
              const waits = [];
              event.waitUntil = (work) => waits.push(work);
              self.dispatchEvent(event);
              await Promise.all(waits);
            }""",
            json.dumps(pushed.body),
        )

    async def shown(self) -> list[dict[str, Any]]:
        """Return the notifications that are shown."""
        worker = await self.worker()
        found: list[dict[str, Any]] = await worker.evaluate(
            """async () => (await self.registration.getNotifications()).map(
              ({ title, body, tag, silent, actions }) => ({ title, body, tag, silent, actions: actions.map((one) => one.action) }))"""
        )
        return found

    async def tap(self, action: str) -> list[str]:
        """Tap an action of the one notification; return the pages that it opened."""
        worker = await self.worker()
        opened: list[str] = await worker.evaluate(
            """async (action) => {
              const opened = [];
              self.clients.openWindow = async (path) => void opened.push(path);
              const [notification] = await self.registration.getNotifications();
              const event = new NotificationEvent("notificationclick", { notification, action });
              const waits = [];
              event.waitUntil = (work) => waits.push(work);
              self.dispatchEvent(event);
              await Promise.all(waits);
              return opened;
            }""",
            action,
        )
        return opened


@pytest_asyncio.fixture(loop_scope="package")
async def service() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def chats() -> AsyncIterator[Receivers]:
    async with receivers() as running:
        running.now = lambda: SystemClock().now() // 1_000
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def desk(stage: Stage, tmp_path: Path, service: PushService, chats: Receivers) -> AsyncIterator[Desk]:
    node = Node(tmp_path, "one", pass_key=KEY, trusted_receivers=f"{service.host},{chats.host}")
    await furnish(tmp_path / "one")
    await node.start()
    origin = f"http://localhost:{node.port}"
    context = await desktop(stage.agents)
    await context.grant_permissions(["microphone", "camera", "notifications"], origin=origin)
    telephone = service.browser()
    await context.add_init_script(f"({SUBSCRIBED})({json.dumps(telephone.subscription)})")
    try:
        yield Desk(origin, context, telephone)
    finally:
        await context.close()
        node.kill()


async def furnish(folder: Path) -> None:
    app = build(Settings(data=folder, pass_key=KEY, pepper="the same on every node"))
    await app.db.open()
    try:
        await app.accounts.put_merchant(Merchant(id=SHOP, name="Orchard"))
        secret, _ = await app.accounts.invite(SHOP, Role.OWNER)
        await app.accounts.join(secret, "Wang", "wang", "kanhuo-demo-2026")
    finally:
        await app.db.close()


async def signed_in(desk: Desk) -> Page:
    page = await desk.console()
    await page.fill("input[name=login]", "wang")
    await page.fill("input[name=password]", "kanhuo-demo-2026")
    await page.click("kh-sign-in .act")
    return page


async def on_duty(desk: Desk) -> Page:
    """Sign in, let this device ring with the console closed, and go on duty."""
    page = await signed_in(desk)
    await page.click("#duty")
    await page.locator("#reach-offer").wait_for()
    await page.click("#reach-offer-on")
    await page.locator("#reach[data-state=on]").wait_for()
    return page


async def asking(stage: Stage, desk: Desk) -> Page:
    buyer = await (await phone(stage.buyers)).new_page()
    claims = {"role": "buyer", "sub": "li", "merchant": SHOP, "context": CONTEXT}
    token = mint(KEY, claims, audience="kanhuo", now=SystemClock().now())
    await buyer.goto(f"{desk.origin}/call/#pass={token}")
    await buyer.locator("kh-precall .act").click()
    return buyer


async def test_the_page_is_closed_the_telephone_rings_a_tap_and_they_talk(stage: Stage, desk: Desk) -> None:
    page = await on_duty(desk)
    await page.click("#reach-try")
    await desk.push(await desk.telephone.hear("try"))
    assert [note["title"] for note in await desk.shown()] == ["这台设备会响铃"]
    await page.close()
    buyer = await asking(stage, desk)
    ring = await desk.telephone.hear("ring")
    await desk.push(ring)
    (note,) = [note for note in await desk.shown() if note["tag"] == ring.body["call"]]
    assert note["title"] == "顾客想视频看货"
    assert "Fuji apples" in note["body"]
    assert note["actions"] == ["accept", "later"]
    await buyer.get_by_text("正在").first.wait_for()
    worker = await desk.worker()
    await worker.evaluate(
        "async () => (await self.registration.getNotifications({ tag: 'try' })).forEach((one) => one.close())"
    )
    (path,) = await desk.tap("accept")
    agent = await desk.console(path)
    await until(buyer, lambda: sees(buyer, GREEN))
    over = await desk.telephone.hear("over")
    assert not over.body["missed"]
    await desk.push(over)
    assert await desk.shown() == []
    await buyer.locator(".hang").click()
    await agent.locator("kh-wrap-up").wait_for()
    await buyer.context.close()


async def test_not_now_passes_the_call_on_and_what_nobody_answers_stays_as_missed(stage: Stage, desk: Desk) -> None:
    page = await on_duty(desk)
    await page.close()
    buyer = await asking(stage, desk)
    await desk.push(await desk.telephone.hear("ring"))
    assert await desk.tap("later") == []
    await buyer.get_by_text("商家现在不方便接听").wait_for()
    over = await desk.telephone.hear("over")
    assert not over.body["missed"], "she has seen it"
    await buyer.context.close()
    buyer = await asking(stage, desk)
    ring = await desk.telephone.hear("ring")
    await desk.push(ring)
    await buyer.locator("kh-waiting button").last.click()
    await desk.push(await desk.telephone.hear("over"))
    (note,) = [note for note in await desk.shown() if note["tag"] == ring.body["call"]]
    assert (note["title"], note["silent"], note["actions"]) == ("未接来电", True, [])
    await buyer.context.close()


async def test_a_robot_says_so_in_a_chat_and_its_link_opens_the_call(
    stage: Stage, desk: Desk, chats: Receivers
) -> None:
    page = await signed_in(desk)
    await page.click("#robot-add")
    await page.fill("kh-robots input[name=url]", "https://example.com/robot")
    await page.click("kh-robots .act")
    await page.get_by_text("这不是企业微信").wait_for()
    await page.fill("kh-robots input[name=url]", chats.feishu.url)
    await page.fill("kh-robots input[name=secret]", SECRET)
    await page.click("kh-robots .act")
    await page.get_by_text("请看群里有没有消息").wait_for()
    assert (await chats.feishu.hear()).title == "看货 · 来电会这样提醒您"
    await page.select_option("kh-robots select[name=robot]", "0")
    await page.click("#duty")
    await page.locator(".duty.on").wait_for()
    await page.close()
    buyer = await asking(stage, desk)
    said = await chats.feishu.hear()
    elsewhere = await desktop(stage.agents)  # a telephone on which nobody is signed in
    await elsewhere.grant_permissions(["microphone", "camera"], origin=desk.origin)
    agent = await elsewhere.new_page()
    await agent.goto(said.link)
    assert "link=" not in agent.url, "nobody finds it in the history"
    await agent.click("kh-ring .act")
    await until(buyer, lambda: sees(buyer, GREEN))
    await buyer.locator(".hang").click()
    await agent.locator("kh-wrap-up").wait_for()
    again = await (await desktop(stage.agents)).new_page()
    await again.goto(said.link)
    await again.get_by_text("这个链接已经用过或过期了").wait_for()
    for context in (buyer.context, elsewhere, again.context):
        await context.close()


async def test_a_page_that_the_browser_freezes_is_not_relied_on(stage: Stage, desk: Desk) -> None:
    """Chromium freezes no page that can be seen, and without a desktop every page can: a page is told, and then stands still."""
    page = await on_duty(desk)
    devtools = await desk.context.new_cdp_session(page)
    await devtools.send("Debugger.enable")
    freeze = {"expression": "document.dispatchEvent(new Event('freeze')); debugger"}
    frozen = asyncio.create_task(devtools.send("Runtime.evaluate", freeze))
    elsewhere = await desk.context.new_page()

    async def nobody_is_at_her_page() -> bool:
        figures: str = await elsewhere.evaluate("async () => (await fetch('/metrics')).text()")
        return "kanhuo_agents_on_duty 0.0" in figures.splitlines()

    await elsewhere.goto(f"{desk.origin}/call/")
    await until(elsewhere, nobody_is_at_her_page)
    buyer = await asking(stage, desk)
    ring = await desk.telephone.hear("ring")
    await desk.push(ring)
    await devtools.send("Debugger.resume")
    await frozen
    await page.locator("kh-ring").wait_for()
    await buyer.locator("kh-waiting button").last.click()
    await page.locator("kh-ring").wait_for(state="detached")
    await buyer.context.close()


async def test_who_opens_the_console_again_is_on_duty_there(stage: Stage, desk: Desk) -> None:
    page = await on_duty(desk)
    await page.close()
    again = await desk.console()
    await again.locator(".duty.on").wait_for()
    await again.locator("#reach[data-state=on]").wait_for()
    buyer = await asking(stage, desk)
    await again.locator("kh-ring").wait_for()
    await buyer.locator("kh-waiting button").last.click()
    await again.locator("kh-ring").wait_for(state="detached")
    await buyer.context.close()
    await again.click("#duty")
    await again.locator("#duty.act").wait_for()
    await again.click("#reach-off")
    await again.locator("#reach[data-state=off]").wait_for()
    assert desk.telephone.heard == []
