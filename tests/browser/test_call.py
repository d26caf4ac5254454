"""The main job, in real Chromium: a buyer on a phone, an agent at a desk, each filming something else."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Frame, FrameLocator, Page

from kanhuo.accounts.passes import mint
from kanhuo.kernel.clock import SystemClock
from kanhuo.shell import journal
from kanhuo.shell.sqlite import SqliteDatabase
from tests.browser.conftest import GREEN, Stage
from tests.support.chromium import colour_of, near, phone, tone_of, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]
RED, BLUE = (255, 0, 0), (0, 0, 255)


async def call_frame(page: Page) -> tuple[FrameLocator, Frame]:
    """Tap the button; return the call page within the shop's."""
    await page.click("kanhuo-call button")
    located = page.frame_locator("iframe.kanhuo-layer")
    await located.locator("kh-precall, kh-waiting, kh-notice, kh-stage").first.wait_for()
    return located, next(frame for frame in page.frames if "/call/" in frame.url)


async def talk(buyer: Page, agent: Page) -> tuple[FrameLocator, Frame]:
    """Bring both to a talk with the agent's picture on the buyer's phone."""
    located, frame = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await agent.locator("kh-ring .act").click()
    await until(buyer, lambda: sees(frame, GREEN))
    return located, frame


async def finish(located: FrameLocator, agent: Page) -> None:
    """Hang up and skip the note, so that the agent is free for the next story."""
    await located.locator(".hang").click()
    await agent.locator("kh-wrap-up .stack button").nth(1).click()
    await agent.locator("kh-home").wait_for()


def plain_link(stage: Stage) -> str:
    """Return a link as a merchant would send it in a chat."""
    claims = {"role": "buyer", "sub": "linked", "merchant": "mer_clothes",
              "context": {"kind": "link", "ref": "moments", "title": "秋款外套"}}  # fmt: skip
    token = mint(stage.server.key, claims, audience="kanhuo", now=SystemClock().now())
    return f"{stage.server.origin}/call/#pass={token}"


async def sees(page: Page | Frame, colour: tuple[int, int, int]) -> bool:
    return near(await colour_of(page), colour)


async def verify(stage: Stage) -> journal.Verdict:
    db = SqliteDatabase(stage.server.database)
    await db.open()
    try:
        return await db.read(journal.verify)
    finally:
        await db.close()


async def test_a_buyer_taps_both_see_and_hear_each_other_and_hang_up(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, frame = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await agent.locator("kh-ring").wait_for()
    await located.locator("kh-waiting").wait_for()
    await agent.locator("kh-ring .act").click()
    await until(buyer, lambda: sees(frame, GREEN))
    asked = await frame.evaluate("() => window.__asked")
    assert [sorted(one) for one in asked] == [["audio"]], "no camera is asked for before the buyer opens it"
    assert not await sees(agent, RED)

    await located.locator("[data-act=camera]").click()
    await located.locator("#confirm .act").click()
    await until(agent, lambda: sees(agent, RED))
    asked = await frame.evaluate("() => window.__asked")
    assert asked[-1]["video"]["facingMode"] == {"ideal": "environment"}
    assert abs(await tone_of(frame) - 1000) < 30
    assert abs(await tone_of(agent) - 440) < 30

    await located.locator("[data-act=switch]").click()
    await until(agent, lambda: sees(agent, BLUE))
    assert await frame.evaluate("() => window.__mostOpen") == 1, "two cameras are never open at once"

    await located.locator("[data-act=camera]").click()
    await agent.get_by_text("顾客没有开摄像头").wait_for()

    await located.locator("[data-act=mute]").click()
    await located.locator("[data-act=mute][data-on]").wait_for()
    await agent.get_by_text("顾客没有开麦克风").wait_for()

    await located.locator("[data-act=chat]").click()
    await located.locator("kh-chat input[type=text]").fill("有大一码的吗？")
    await located.locator("kh-chat .send").click()
    await agent.get_by_text("有大一码的吗？").wait_for()
    await located.locator("kh-chat input[type=file]").set_input_files(
        {"name": "label.png", "mimeType": "image/png", "buffer": await buyer.screenshot()}
    )
    await until(
        agent,
        lambda: agent.evaluate(
            """() => { const all = (r) => [...r.querySelectorAll("img"), ...[...r.querySelectorAll("*")]
                 .flatMap((e) => e.shadowRoot ? all(e.shadowRoot) : [])];
                 return all(document).some((i) => i.src.startsWith("blob:") && i.naturalWidth > 100); }"""
        ),
    )
    await located.locator("kh-chat header button").click()

    await located.locator(".hang").click()
    await located.locator("kh-after .faces label").nth(4).click()
    await located.locator("kh-after .chips button").first.click()
    await located.locator("kh-after .act").click()
    await located.locator(".thanks").wait_for()
    await agent.locator("kh-wrap-up .chips button").first.click()
    await agent.locator("kh-wrap-up .act").click()
    await agent.get_by_text("5 分").first.wait_for()
    verdict = await verify(stage)
    assert verdict.broken is None
    assert verdict.lines > 10


async def test_the_rear_camera_is_not_mirrored_at_either_side(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, frame = await talk(buyer, agent)
    await located.locator("[data-act=camera]").click()
    await located.locator("#confirm .act").click()
    await until(agent, lambda: sees(agent, RED))
    corner = """() => { const all = (r) => [...r.querySelectorAll("video"), ...[...r.querySelectorAll("*")]
        .flatMap((e) => e.shadowRoot ? all(e.shadowRoot) : [])];
      return all(document).filter((v) => v.videoWidth > 0).map((v) => {
        const c = document.createElement("canvas"); [c.width, c.height] = [64, 48];
        const p = c.getContext("2d"); p.drawImage(v, 0, 0, 64, 48);
        const at = (x) => p.getImageData(x, 4, 1, 1).data[1] > 128;
        return {left: at(3), right: at(60), mirrored: getComputedStyle(v).transform !== "none"};
      }); }"""
    for page in (frame, agent):
        marked = [one for one in await page.evaluate(corner) if one["left"] != one["right"]]
        assert marked
        assert all(one["left"] and not one["mirrored"] for one in marked)
    await finish(located, agent)


async def test_a_reload_in_the_middle_goes_on_with_the_same_call(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    await talk(buyer, agent)
    await buyer.reload()
    await buyer.frame_locator("iframe.kanhuo-layer").locator("kh-stage").wait_for()
    frame = next(frame for frame in buyer.frames if "/call/" in frame.url)
    await until(buyer, lambda: sees(frame, GREEN))
    await agent.reload()
    await agent.locator("kh-stage").wait_for()
    await until(buyer, lambda: sees(frame, GREEN), within=20)
    located = buyer.frame_locator("iframe.kanhuo-layer")
    await finish(located, agent)
    await located.locator("kh-after").wait_for()


async def test_the_buyer_goes_on_browsing_and_the_call_comes_along(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, frame = await talk(buyer, agent)
    await located.locator("[data-act=minimise]").click()
    await buyer.locator("iframe[data-small]").wait_for()
    await buyer.click("nav a >> nth=1")
    await buyer.locator("iframe[data-small]").wait_for()
    frame = next(frame for frame in buyer.frames if "/call/" in frame.url)
    await until(buyer, lambda: sees(frame, GREEN))
    await buyer.frame_locator("iframe.kanhuo-layer").locator(".restore").click()
    await finish(buyer.frame_locator("iframe.kanhuo-layer"), agent)


async def test_a_call_that_ends_in_the_corner_comes_back_to_ask_how_it_was(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await talk(buyer, agent)
    await located.locator("[data-act=minimise]").click()
    await buyer.locator("iframe[data-small]").wait_for()
    await agent.locator(".hang").click()
    await buyer.locator("iframe.kanhuo-layer:not([data-small])").wait_for()
    await located.locator("kh-after").wait_for()
    assert await buyer.evaluate("() => document.querySelector('main').inert"), (
        "what lies behind the call is out of reach"
    )
    await located.locator("kh-after .plain").click()
    await buyer.locator("iframe.kanhuo-layer").wait_for(state="detached")
    assert not await buyer.evaluate("() => document.querySelector('main').inert")
    assert await buyer.evaluate("() => document.activeElement.localName") == "kanhuo-call"
    await agent.locator("kh-wrap-up .stack button").nth(1).click()


async def test_a_browser_that_wants_a_tap_before_it_plays_gets_one(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    await buyer.context.add_init_script("""
      let tapped = false;
      addEventListener("click", () => (tapped = true), true);
      const real = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = function () {
        if (this.muted || tapped) return real.call(this);
        return Promise.reject(new DOMException("", "NotAllowedError"));
      };
    """)
    await talk(buyer, agent)
    await buyer.reload()
    located = buyer.frame_locator("iframe.kanhuo-layer")
    await located.get_by_role("button", name="点一下听声音").click()
    await located.get_by_role("button", name="点一下听声音").wait_for(state="detached")
    frame = next(frame for frame in buyer.frames if "/call/" in frame.url)
    await until(buyer, lambda: sees(frame, GREEN))
    await finish(located, agent)


async def test_the_camera_is_refused_by_the_browser_and_the_call_goes_on(stage: Stage) -> None:
    agent = await stage.console()
    buyer = await stage.product(permissions=("microphone",), shim=False)
    located, frame = await talk(buyer, agent)
    await located.locator("[data-act=camera]").click()
    await located.locator("#confirm .act").click()
    await located.get_by_text("摄像头没有打开").wait_for()
    assert await sees(frame, GREEN)
    await finish(located, agent)


async def test_without_a_microphone_one_can_listen_and_write(stage: Stage) -> None:
    agent = await stage.console()
    buyer = await stage.product(permissions=(), shim=False)
    located, frame = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await located.get_by_text("商家现在听不到您").wait_for()
    await located.locator("kh-notice .act").click()
    await agent.locator("kh-ring .act").click()
    await until(buyer, lambda: sees(frame, GREEN))
    assert abs(await tone_of(frame) - 1000) < 30
    await agent.get_by_text("顾客没有开麦克风").wait_for()
    await finish(located, agent)


async def test_when_nobody_is_on_duty_the_buyer_is_told_kindly_with_the_hours(stage: Stage) -> None:
    buyer = await stage.product("camera")
    located, _ = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await located.get_by_text("现在没有人能接听").wait_for()
    await located.get_by_text("每天 9:00–21:00").wait_for()


async def test_cancelling_while_it_rings_silences_the_console(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await agent.locator("kh-ring").wait_for()
    assert "来电" in await agent.title()
    await located.locator("kh-waiting button").click()
    await agent.locator("kh-ring").wait_for(state="detached", timeout=1_000)
    await located.get_by_text("已取消").wait_for()


async def test_declined_by_the_only_agent_the_buyer_learns_it(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    located, _ = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await agent.locator("kh-ring").wait_for()
    await agent.get_by_text("暂不方便").click()
    await agent.get_by_text("正忙").click()
    await located.get_by_text("商家现在不方便接听").wait_for()


async def test_a_forged_offer_with_video_is_refused_by_the_server_and_never_arrives(stage: Stage) -> None:
    agent, buyer = await stage.console(), await stage.product()
    context = buyer.context
    await context.add_init_script("""
      const real = RTCPeerConnection.prototype.createOffer;
      RTCPeerConnection.prototype.createOffer = function (...a) {
        for (const t of this.getTransceivers()) if (t.receiver.track.kind === "video") {
          t.direction = "sendrecv";
          const c = document.createElement("canvas"); c.getContext("2d").fillRect(0, 0, 9, 9);
          t.sender.replaceTrack(c.captureStream(5).getVideoTracks()[0]);
        }
        return real.apply(this, a);
      };
      window.__heard = [];
      const Socket = WebSocket;
      window.WebSocket = class extends Socket {
        constructor(...a) { super(...a); this.addEventListener("message", (e) => window.__heard.push(e.data)); }
      };
    """)
    await buyer.reload()
    located, frame = await call_frame(buyer)
    await located.locator("kh-precall .act").click()
    await agent.locator("kh-ring .act").click()

    async def refused() -> bool:
        heard = await frame.evaluate("() => window.__heard")
        return any(json.loads(text).get("code") == "camera_not_consented" for text in heard)

    await until(buyer, refused)
    assert not await agent.evaluate(
        """() => { const all = (r) => [...r.querySelectorAll("video"), ...[...r.querySelectorAll("*")]
             .flatMap((e) => e.shadowRoot ? all(e.shadowRoot) : [])];
             return all(document).some((v) => v.closest && v.getRootNode().host.classList.contains("remote") && v.videoWidth); }"""
    )
    await agent.locator(".hang").click()
    await agent.locator("kh-wrap-up .stack button").nth(1).click()


async def test_a_plain_link_opens_the_call_and_keeps_its_pass_out_of_the_address(stage: Stage) -> None:
    agent = await stage.console()
    link = plain_link(stage)
    buyer = await stage.page(await phone(stage.buyers))
    await buyer.goto(link)
    await buyer.locator("kh-precall .act").click()
    assert "pass" not in buyer.url
    await agent.locator("kh-ring").get_by_text("来自链接").wait_for()
    await agent.locator("kh-ring .act").click()
    await until(buyer, lambda: sees(buyer, GREEN))
    await buyer.reload()
    await until(buyer, lambda: sees(buyer, GREEN))
    await buyer.locator(".hang").click()
    await agent.locator("kh-wrap-up .stack button").nth(1).click()
