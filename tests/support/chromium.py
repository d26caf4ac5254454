"""Real Chromium with generated camera and microphone, and eyes and ears for tests."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.async_api import Browser, BrowserContext, Page, Playwright

CHROMIUM: Final = "/usr/bin/chromium"
PHONE: Final = (Path(__file__).parent / "phone.js").read_text()
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream=fps=30",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


@asynccontextmanager
async def browser(
    playwright: Playwright, folder: Path, colour: tuple[int, int, int], tone: int
) -> AsyncIterator[Browser]:
    """Start a Chromium of its own whose camera shows a colour and whose microphone hears a tone."""
    video, sound = _picture(folder / f"{tone}.y4m", colour), _sound(folder / f"{tone}.wav", tone)
    started = await playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, f"--use-file-for-fake-video-capture={video}", f"--use-file-for-fake-audio-capture={sound}"],
    )
    try:
        yield started
    finally:
        await started.close()


async def phone(
    chromium: Browser,
    *,
    permissions: tuple[str, ...] = ("microphone", "camera"),
    shim: bool = True,
    language: str = "zh-CN",
) -> BrowserContext:
    """Open a phone-sized context."""
    context = await chromium.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=2, locale=language, has_touch=True, is_mobile=True
    )
    await context.grant_permissions(list(permissions))
    if shim:
        await context.add_init_script(PHONE)
    return context


async def desktop(chromium: Browser, *, language: str = "zh-CN", ignore_https_errors: bool = False) -> BrowserContext:
    """Open a desktop-sized context."""
    context = await chromium.new_context(
        viewport={"width": 1280, "height": 800}, locale=language, ignore_https_errors=ignore_https_errors
    )
    await context.grant_permissions(["microphone", "camera"])
    return context


_DEEP: Final = """
(selector) => {
  const find = (root) => {
    for (const found of root.querySelectorAll(selector)) return found;
    for (const element of root.querySelectorAll("*")) {
      const found = element.shadowRoot && find(element.shadowRoot);
      if (found) return found;
    }
    return null;
  };
  return find(document);
}
"""


async def colour_of(page: Any, selector: str = ".remote video") -> tuple[int, int, int]:
    """Return the mean colour of a video's middle as it is shown now; black where nothing is."""
    script = f"""() => {{
      const video = ({_DEEP})("{selector.rsplit(maxsplit=1)[-1]}");
      const all = (root, out = []) => {{
        out.push(...root.querySelectorAll("video"));
        root.querySelectorAll("*").forEach((e) => e.shadowRoot && all(e.shadowRoot, out));
        return out;
      }};
      const shown = all(document).find((v) => v.getRootNode().host?.classList.contains("remote")) ?? video;
      if (!shown || shown.hidden || shown.videoWidth === 0) return [0, 0, 0];
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [32, 24];
      const pen = canvas.getContext("2d");
      pen.drawImage(shown, 0, 0, 32, 24);
      const pixels = pen.getImageData(12, 9, 8, 6).data;
      const sum = [0, 0, 0];
      for (let i = 0; i < pixels.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += pixels[i + c];
      return sum.map((v) => Math.round(v / (pixels.length / 4)));
    }}"""
    red, green, blue = await page.evaluate(script)
    return red, green, blue


async def tone_of(page: Any) -> float:
    """Return the loudest frequency (Hz) in the sound that the remote video plays, listened to for half a second."""
    script = """async () => {
      const all = (root, out = []) => {
        out.push(...root.querySelectorAll("video"));
        root.querySelectorAll("*").forEach((e) => e.shadowRoot && all(e.shadowRoot, out));
        return out;
      };
      const video = all(document).find((v) => v.getRootNode().host?.classList.contains("remote"));
      const context = new AudioContext();
      await context.resume();
      const analyser = new AnalyserNode(context, { fftSize: 8192 });
      context.createMediaStreamSource(video.srcObject).connect(analyser);
      await new Promise((done) => setTimeout(done, 500));
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const best = bins.reduce((top, value, index) => (index > 8 && value > bins[top] ? index : top), 9);
      await context.close();
      return (best * context.sampleRate) / analyser.fftSize;
    }"""
    return float(await page.evaluate(script))


def near(seen: tuple[int, int, int], wanted: tuple[int, int, int], by: int = 60) -> bool:
    """Whether two colours are close enough for a lossy codec."""
    return all(abs(a - b) <= by for a, b in zip(seen, wanted, strict=True))


async def until(page: Page, what: Any, *, within: float = 15) -> None:
    """Wait until an asynchronous question is answered with yes, asking once a frame."""
    async with asyncio.timeout(within):
        while not await what():
            await page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")


def _picture(path: Path, colour: tuple[int, int, int]) -> Path:
    """Write a second of a plain colour with a moving stripe as Y4M."""
    red, green, blue = colour
    y = 0.257 * red + 0.504 * green + 0.098 * blue + 16
    u = -0.148 * red - 0.291 * green + 0.439 * blue + 128
    v = 0.439 * red - 0.368 * green - 0.071 * blue + 128
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420\n")
        for n in range(30):
            luma = np.full((480, 640), int(y), np.uint8)
            luma[440:, (n * 20) % 600 : (n * 20) % 600 + 40] = 235
            file.write(b"FRAME\n" + luma.tobytes())
            file.write(np.full((240, 320), int(u), np.uint8).tobytes())
            file.write(np.full((240, 320), int(v), np.uint8).tobytes())
    return path


def _sound(path: Path, tone: int) -> Path:
    at = np.arange(48_000) / 48_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((np.sin(2 * np.pi * tone * at) * 20_000).astype(np.int16).tobytes())
    return path
