"""The merchant's side in real Chromium: colleagues, passkeys, several devices."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.conftest import GREEN, YELLOW, Stage
from tests.browser.test_call import call_frame, finish, plain_link, sees, talk
from tests.support.chromium import browser, desktop, phone, until
from tests.support.process import server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]
PASSWORD = "three blue oranges"


async def authenticator(page: Page) -> None:
    """Give a page a fingerprint reader that always agrees."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def invited(stage: Stage, owner: Page, login: str) -> Page:
    """Let a colleague in by the owner's link, up to the offer of a passkey."""
    await owner.click("#invite")
    link = await owner.locator("kh-settings code").inner_text()
    colleague = await stage.page(await desktop(stage.agents))
    await authenticator(colleague)
    await colleague.goto(link)
    await colleague.fill("input[name=name]", "小林")
    await colleague.fill("input[name=login]", login)
    await colleague.fill("input[name=password]", PASSWORD)
    await colleague.click("kh-sign-in .act")
    await colleague.get_by_text("下次不用输密码").wait_for()
    return colleague


async def go_on_duty(agent: Page) -> None:
    await agent.click("#duty")
    await agent.locator(".duty.on").wait_for()


async def test_a_colleague_joins_by_link_and_is_rung_when_the_owner_declines(stage: Stage) -> None:
    owner = await stage.console("phones")
    colleague = await invited(stage, owner, "lin")
    await colleague.get_by_role("button", name="以后再说").click()
    await go_on_duty(colleague)
    await owner.get_by_text("2 人在接待").wait_for()

    buyer = await stage.product("phone")
    located, frame = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await owner.locator("kh-ring").wait_for()
    await owner.get_by_text("暂不方便").click()
    await owner.get_by_text("不归我管").click()
    await colleague.locator("kh-ring .act").click()
    await owner.locator("kh-ring").wait_for(state="detached")
    await until(buyer, lambda: sees(frame, GREEN))
    await finish(located, colleague)

    await owner.get_by_role("button", name="移除").click()
    await owner.get_by_role("button", name="确定移除小林？").click()
    await colleague.locator("kh-sign-in").wait_for()


async def test_a_passkey_signs_in_without_a_password(stage: Stage) -> None:
    owner = await stage.console("second", duty=False)
    colleague = await invited(stage, owner, "he")
    await colleague.get_by_role("button", name="添加通行密钥").click()
    await colleague.get_by_role("button", name="退出登录").click()
    await colleague.get_by_role("button", name="用通行密钥登录").click()
    await colleague.locator("kh-home").get_by_text("小林").wait_for()
    await owner.reload()
    await owner.get_by_role("button", name="移除").click()
    await owner.get_by_role("button", name="确定移除小林？").click()
    await colleague.locator("kh-sign-in").wait_for()
    await colleague.get_by_role("button", name="用通行密钥登录").click()
    await colleague.get_by_text("通行密钥没有成功").wait_for()


async def test_the_other_device_falls_silent_and_says_where_it_was_answered(stage: Stage) -> None:
    desk, tablet = await stage.console(), await stage.console(duty=False)
    await go_on_duty(tablet)
    buyer = await stage.product()
    located, frame = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await desk.locator("kh-ring").wait_for()
    await tablet.locator("kh-ring .act").click()
    await desk.get_by_text("已在另一台设备接听").wait_for(timeout=1_000)
    assert "来电" not in await desk.title()
    await until(buyer, lambda: sees(frame, GREEN))
    await finish(located, tablet)


async def test_signing_out_everywhere_closes_the_other_device_too(stage: Stage) -> None:
    desk, tablet = await stage.console("second"), await stage.console("second", duty=False)
    await tablet.get_by_role("button", name="在所有设备上退出").click()
    await tablet.locator("kh-sign-in").wait_for()
    await desk.locator("kh-sign-in").wait_for()


async def test_an_in_app_browser_without_capture_is_led_to_a_real_one(stage: Stage) -> None:
    await stage.console()
    context = await phone(stage.buyers)
    await context.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    buyer = await stage.page(context)
    await buyer.goto(f"{stage.server.origin}/shop/goods/jacket")
    located, _ = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await located.get_by_text("请换个浏览器打开").wait_for()
    assert await located.locator("#address").input_value() == buyer.url
    await located.get_by_role("button", name="复制链接").wait_for()


async def test_a_link_in_an_in_app_browser_opens_the_same_call_elsewhere(stage: Stage) -> None:
    await stage.console()
    context = await phone(stage.buyers)
    await context.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    inside = await stage.page(context)
    await inside.goto(plain_link(stage))
    await inside.locator("kh-precall .act").click()
    address = await inside.locator("#address").input_value()
    assert address == inside.url, "“open in browser” and the copied link lead to the same place"
    elsewhere = await stage.page(await phone(stage.buyers))
    await elsewhere.goto(address)
    await elsewhere.locator("kh-precall").get_by_text("秋款外套").wait_for()


async def test_what_is_typed_while_it_begins_to_ring_accepts_nothing_and_is_kept(stage: Stage) -> None:
    agent, first = await stage.console(), await stage.product()
    located, _ = await talk(first, agent)
    await located.locator(".hang").click()
    note = agent.locator("kh-wrap-up textarea")
    await note.fill("明天寄出两件")
    await note.press("Enter")
    second = await stage.product()
    located, _ = await call_frame(second)
    await located.locator("kh-precall .act").click()
    # half a minute after the end the agent is rung again, whatever she is writing
    await agent.locator("kh-ring").wait_for(timeout=40_000)
    await agent.keyboard.press("Enter")
    await agent.keyboard.press("Space")
    await agent.locator("kh-ring .act:not([disabled])").wait_for()
    await located.locator("kh-waiting button").click()
    await agent.locator("kh-ring").wait_for(state="detached")
    await agent.get_by_text("明天寄出两件").first.wait_for(state="attached")


async def test_duty_outlasts_a_reload_and_the_ring_asks_for_its_tap(stage: Stage) -> None:
    agent = await stage.console()
    await agent.reload()
    await agent.locator(".duty.on").wait_for()
    await agent.get_by_role("button", name="打开铃声").click()
    await agent.get_by_role("button", name="打开铃声").wait_for(state="detached")
    await agent.get_by_role("button", name="退出登录").click()
    await agent.fill("input[name=login]", "clothes")
    await agent.fill("input[name=password]", "kanhuo-demo-2026")
    await agent.click("kh-sign-in .act")
    await agent.locator(".duty:not(.on)").wait_for()


async def test_who_reads_above_is_not_pulled_down(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await talk(buyer, agent)
    for n in range(20):
        await agent.locator("kh-chat input[type=text]").fill(f"第 {n} 行")
        await agent.locator("kh-chat .send").click()
    await agent.get_by_text("第 19 行").wait_for()
    log = agent.locator("kh-chat .log")
    await log.evaluate("(log) => { log.scrollTop = 0; }")
    await located.locator("[data-act=chat]").click()
    await located.locator("kh-chat input[type=text]").fill("好的")
    await located.locator("kh-chat .send").click()
    await agent.get_by_text("好的").wait_for(state="attached")
    assert await log.evaluate("(log) => log.scrollTop") == 0
    await located.locator("kh-chat header button").click()
    await finish(located, agent)


async def test_over_tls_on_the_local_network_both_see_each_other(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("lan")
    async with (
        server(folder, lan=True) as running,
        async_playwright() as playwright,
        browser(playwright, folder, YELLOW, 440) as buyers,
        browser(playwright, folder, GREEN, 1000) as agents,
    ):
        stage = Stage(running, buyers, agents)
        agent = await stage.console(context=await _trusting(agents))
        buyer = await stage.page(await _trusting(buyers))
        await buyer.goto(f"{running.origin}/shop/goods/jacket")
        assert running.origin.startswith("https://10.77.0.1:")
        located, _ = await talk(buyer, agent)
        await finish(located, agent)
        await stage.part()


async def _trusting(chromium: Browser) -> BrowserContext:
    return await desktop(chromium, ignore_https_errors=True)
