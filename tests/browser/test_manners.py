"""How the pages behave beside the call itself: focus, drafts, a tile that stays in sight, a button that says who is there."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator

from tests.browser.conftest import Stage
from tests.browser.test_call import call_frame, finish, talk
from tests.support.chromium import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]


async def focused(element: Locator) -> bool:
    return bool(await element.evaluate("(it) => it.getRootNode().activeElement === it"))


async def in_view(room: Locator, tile: Locator) -> bool:
    outer, inner = await room.bounding_box(), await tile.bounding_box()
    assert outer is not None
    assert inner is not None
    return (
        outer["x"] <= inner["x"]
        and outer["y"] <= inner["y"]
        and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    )


async def test_the_button_says_in_words_whether_somebody_is_there(stage: Stage) -> None:
    buyer = await stage.product()
    button = buyer.locator("kanhuo-call").get_by_role("button", name="视频看货 现在无人接听")
    await button.wait_for()
    before = await button.bounding_box()
    await stage.console()
    await buyer.reload()
    button = buyer.locator("kanhuo-call").get_by_role("button", name="视频看货 现在可接听")
    await button.wait_for()
    assert await button.bounding_box() == before, "the words change and nothing moves"


async def test_the_chat_takes_the_focus_gives_it_back_and_loses_nothing(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await talk(buyer, agent)
    act, heading = located.locator("[data-act=chat]"), located.locator("kh-chat h2")
    field = located.locator("kh-chat input[type=text]")
    await act.and_(located.locator("[aria-expanded=false]")).click()
    await until(buyer, lambda: focused(heading))
    await field.fill("还有大")
    await field.press("Escape")
    await act.and_(located.locator("[aria-expanded=false]")).wait_for()
    assert await focused(act)

    await agent.locator("kh-chat input[type=text]").fill("颜色是深棕")
    await agent.locator("kh-chat .send").click()
    await located.get_by_role("status").filter(has_text="新消息：颜色是深棕").wait_for(state="attached")
    await act.click()
    assert await field.input_value() == "还有大"

    await field.evaluate("(it) => { it.value = '长'.repeat(2001); }")  # more than the server takes
    await field.press("Enter")
    await located.get_by_role("alert").filter(has_text="没有发出去").wait_for()
    assert await field.input_value() == "长" * 2_001, "what was not sent can be sent again"
    await field.press("Escape")
    await finish(located, agent)


async def test_each_side_is_told_that_the_other_is_muted(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await talk(buyer, agent)
    await located.locator("[data-act=camera]").click()
    await located.locator("#confirm .act").click()
    await located.locator("[data-act=mute]").click()
    await agent.get_by_role("status").filter(has_text="顾客没有开麦克风").wait_for()
    await agent.locator("[data-act=mute]").click()
    await located.get_by_role("status").filter(has_text="商家没有开麦克风").wait_for()
    await finish(located, agent)


async def test_ones_own_picture_stays_in_sight_wherever_it_is_dragged(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await talk(buyer, agent)
    await located.locator("[data-act=camera]").click()
    await located.locator("#confirm .act").click()
    tile, whole = located.locator(".own"), located.locator("kh-stage")
    at = await tile.bounding_box()
    assert at is not None
    await buyer.mouse.move(at["x"] + 20, at["y"] + 20)
    await buyer.mouse.down()
    await buyer.mouse.move(-400, 5, steps=4)
    await buyer.mouse.up()
    moved = await tile.bounding_box()
    assert moved is not None
    assert moved["x"] < 20
    assert moved["y"] < at["y"]
    assert await in_view(whole, tile)
    await buyer.set_viewport_size({"width": 740, "height": 360})
    assert await in_view(whole, tile)
    await buyer.set_viewport_size({"width": 360, "height": 740})
    await finish(located, agent)


async def test_a_call_that_ended_on_the_way_to_the_next_page_leaves_nothing_behind(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await talk(buyer, agent)
    page = buyer.url
    await located.locator("[data-act=minimise]").click()
    await buyer.locator("iframe[data-small]").wait_for()
    await buyer.goto("about:blank")
    await agent.locator(".hang").click()
    await agent.locator("kh-wrap-up .stack button").nth(1).click()
    await buyer.goto(page)
    await until(buyer, lambda: buyer.evaluate("() => sessionStorage.getItem('kanhuo') === null"))
    await buyer.locator("iframe.kanhuo-layer").wait_for(state="detached")
    located, _ = await call_frame(buyer)
    await located.locator("kh-precall").wait_for()
