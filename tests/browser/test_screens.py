"""Every screen, at a phone's and at a desk's size, looked at by axe; pictures are left in ``KANHUO_SCREENS`` if it is set."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Frame, Page

from tests.browser.conftest import GREEN, Stage
from tests.browser.test_call import RED, call_frame, sees
from tests.support.chromium import desktop, phone, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]
AXE = (Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js").read_text()
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
RULES = """async () => {
  const { violations } = await axe.run(document, { iframes: false, resultTypes: ["violations"] });
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.flatMap(({ id, nodes }) => nodes.map(({ html, target, failureSummary }) => `${id} ${target} ${html} ${failureSummary}`));
}"""


@dataclass
class Gallery:
    """Looks at screens and remembers what is wrong with them."""

    style: str
    faults: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    async def look(self, name: str, page: Page, frame: Frame | None = None) -> None:
        where = frame or page.main_frame
        self.seen.add(name)
        before = page.viewport_size
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            await where.evaluate(AXE)
            self.faults += [f"{name} ({size}, {self.style}): {fault}" for fault in await where.evaluate(RULES)]
            for part in {where, page.main_frame}:
                over = await part.evaluate("() => document.documentElement.scrollWidth") - width
                if over > 0:
                    self.faults.append(f"{name} ({size}, {self.style}): {over} px too wide")
            if folder := os.environ.get("KANHUO_SCREENS"):
                await page.screenshot(path=Path(folder) / f"{name}-{size}-{self.style}.png")
        if before is not None:
            await page.set_viewport_size(before)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("scheme", "language"), [("light", "zh-CN"), ("dark", "en-GB")])
async def test_no_screen_has_a_serious_fault(stage: Stage, scheme: Literal["light", "dark"], language: str) -> None:
    gallery = Gallery(f"{scheme}-{language[:2]}")
    at_desk = await desktop(stage.agents, language=language)
    on_phone = await phone(stage.buyers, language=language)
    stage.contexts += [at_desk, on_phone]
    agent, buyer = await at_desk.new_page(), await on_phone.new_page()
    for page in (agent, buyer):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    await buyer.goto(f"{stage.server.origin}/shop/")
    await gallery.look("shop", buyer)
    await buyer.goto(f"{stage.server.origin}/shop/goods/jacket")
    await gallery.look("product", buyer)
    _, frame = await call_frame(buyer)
    await gallery.look("before", buyer, frame)
    await frame.locator("kh-precall .act").click()
    await frame.locator("kh-notice .act").wait_for()
    await gallery.look("nobody", buyer, frame)

    await agent.goto(f"{stage.server.origin}/console/")
    await agent.locator("kh-sign-in .act").wait_for()
    await gallery.look("sign-in", agent)
    await agent.fill("input[name=login]", "clothes")
    await agent.fill("input[name=password]", "kanhuo-demo-2026")
    await agent.click("kh-sign-in .act")
    await agent.locator("#duty").wait_for()
    await gallery.look("off-duty", agent)
    await agent.click("#duty")
    await agent.locator(".duty.on").wait_for()
    await agent.get_by_text("人在接待").or_(agent.get_by_text("on duty")).first.wait_for()
    await gallery.look("on-duty", agent)

    await frame.locator("kh-notice .act").click()
    await frame.locator("kh-precall .act").click()
    await frame.locator("kh-waiting").wait_for()
    await gallery.look("ringing", buyer, frame)
    await agent.locator("kh-ring .act").wait_for()
    await gallery.look("ring", agent)
    await agent.locator("kh-ring .act").click()
    await until(buyer, lambda: sees(frame, GREEN))
    await gallery.look("talk", buyer, frame)
    await frame.locator("[data-act=camera]").click()
    await frame.locator("#confirm .act").wait_for()
    await gallery.look("camera-question", buyer, frame)
    await frame.locator("#confirm .act").click()
    await until(agent, lambda: sees(agent, RED))
    await frame.locator("[data-act=chat]").click()
    await frame.locator("kh-chat input[type=text]").fill("有大一码的吗？")
    await frame.locator("kh-chat .send").click()
    await agent.get_by_text("有大一码的吗？").wait_for()
    await gallery.look("chat", buyer, frame)
    await gallery.look("conversation", agent)
    await frame.locator("kh-chat header button").click()

    await frame.locator(".hang").click()
    await frame.locator("kh-after .faces label").nth(3).click()
    await gallery.look("verdict", buyer, frame)
    await gallery.look("note", agent)
    await agent.locator("kh-wrap-up .stack button").nth(1).click()
    await agent.locator("kh-home").wait_for()
    await gallery.look("calls", agent)

    denied = await (await phone(stage.buyers, permissions=(), language=language)).new_page()
    stage.contexts.append(denied.context)
    await denied.emulate_media(color_scheme=scheme)
    await denied.goto(f"{stage.server.origin}/shop/goods/jacket")
    _, refused = await call_frame(denied)
    await refused.locator("kh-precall .act").click()
    await refused.locator("kh-notice .act").wait_for()
    await gallery.look("no-microphone", denied, refused)
    await denied.goto(f"{stage.server.origin}/call/#pass=not-a-pass")
    await denied.locator("kh-notice").wait_for()
    await gallery.look("refused", denied)

    assert gallery.faults == []
    assert len(gallery.seen) == 18
