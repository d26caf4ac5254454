"""Two real browsers that film different pictures, and a demo server, once for all browser tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from tests.support.chromium import browser, desktop, phone
from tests.support.process import Server, server

GREEN, YELLOW = (0, 160, 0), (200, 200, 0)


@dataclass
class Stage:
    """Where browser stories play."""

    server: Server
    buyers: Browser
    agents: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    async def console(
        self, login: str = "clothes", *, duty: bool = True, context: BrowserContext | None = None
    ) -> Page:
        """Open the console, sign in and go on duty."""
        page = await self.page(context or await desktop(self.agents))
        await page.goto(f"{self.server.origin}/console/")
        await page.fill("input[name=login]", login)
        await page.fill("input[name=password]", "kanhuo-demo-2026")
        await page.click("kh-sign-in .act")
        if duty:
            await page.click("#duty")
            await page.locator(".duty.on").wait_for()
            await page.get_by_text("人在接待").or_(page.get_by_text("on duty")).first.wait_for()
        return page

    async def product(
        self, good: str = "jacket", *, permissions: tuple[str, ...] = ("microphone", "camera"), shim: bool = True
    ) -> Page:
        """Open a product page of the sample shop on a phone."""
        page = await self.page(await phone(self.buyers, permissions=permissions, shim=shim))
        await page.goto(f"{self.server.origin}/shop/goods/{good}")
        return page

    async def page(self, context: BrowserContext) -> Page:
        """Open a page that may speak to its own origin alone."""
        if context not in self.contexts:
            self.contexts.append(context)
            context.on("request", self._note_foreign)
        return await context.new_page()

    def _note_foreign(self, request: Request) -> None:
        if not request.url.startswith((self.server.origin, "blob:", "data:")):
            self.foreign.append(request.url)

    async def part(self) -> None:
        for context in self.contexts:
            await context.close()
        self.contexts.clear()
        assert self.foreign == [], "pages ask their own origin alone"


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def theatre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("theatre")
    async with (
        server(folder) as running,
        async_playwright() as playwright,
        browser(playwright, folder, YELLOW, 440) as buyers,
        browser(playwright, folder, GREEN, 1000) as agents,
    ):
        yield Stage(running, buyers, agents)


@pytest_asyncio.fixture(loop_scope="package")
async def stage(theatre: Stage) -> AsyncIterator[Stage]:
    """The theatre for one story; every page is closed afterwards."""
    yield theatre
    await theatre.part()
