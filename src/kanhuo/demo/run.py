"""What ``kanhuo demo`` does: everything on one port, and somebody who answers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import segno

from kanhuo.accounts import store
from kanhuo.accounts.model import Merchant, Opening, Role
from kanhuo.app import App, build, pass_key, prepare, server
from kanhuo.config import Settings
from kanhuo.demo.lan import certificate, lan_address
from kanhuo.demo.shop import routes
from kanhuo.demo.stock import PASSWORD, SHOPKEEPERS, Shopkeeper

DATA: Final = Path(".demo")
_HOURS: Final = tuple(Opening(day, 9 * 60, 21 * 60) for day in range(7))


def demo(*, port: int, lan: bool, robot: bool, data: Path = DATA) -> None:
    """Serve the sample shop, the consoles and the API on one port until interrupted."""
    address = lan_address() if lan else "localhost"
    settings = Settings(data=data, port=port, host="0.0.0.0" if lan else "127.0.0.1")  # noqa: S104 - asked for by LAN=1
    if lan:
        crt, key = certificate(data, address)
        settings = Settings(
            data=data, port=port, host=settings.host, public=f"https://{address}:{port}",
            certificate=crt, certificate_key=key,
        )  # fmt: skip
    prepare(settings)
    secret = pass_key(settings)
    app = build(settings, more=routes(secret))
    origin = f"{'https' if lan else 'http'}://{address}:{port}"
    child: list[subprocess.Popen[bytes]] = []

    async def greet() -> None:
        await _furnish(app)
        if robot:
            child.append(_robot(origin, secret))
        _announce(origin, robot=robot, lan=lan)

    running = server(app)
    app.litestar.on_startup.append(greet)
    try:
        running.run()
    finally:
        for process in child:
            process.terminate()
            process.wait(10)


async def _furnish(app: App) -> None:
    await asyncio.gather(*(_move_in(app, keeper) for keeper in SHOPKEEPERS))


async def _move_in(app: App, keeper: Shopkeeper) -> None:
    await app.accounts.put_merchant(Merchant(id=keeper.id, name=keeper.name[0], hours=_HOURS))
    if await app.db.read(store.by_login, keeper.login) is None:
        secret, _ = await app.accounts.invite(keeper.id, Role.OWNER)
        await app.accounts.join(secret, keeper.owner, keeper.login, PASSWORD)


def _robot(origin: str, secret: str) -> subprocess.Popen[bytes]:
    keeper = next(one for one in SHOPKEEPERS if one.robot)
    environment = {**os.environ, "KANHUO_ROBOT_KEY": secret}
    command = [sys.executable, "-m", "kanhuo.demo.robot", origin, keeper.id]
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own module


def _announce(origin: str, *, robot: bool, lan: bool) -> None:
    people = "\n".join(
        f"    {keeper.login:<8} {PASSWORD}   {keeper.name[0]} {keeper.name[1]}"
        + ("   (a robot answers here)" if keeper.robot and robot else "")
        for keeper in SHOPKEEPERS
    )
    print(
        f"""
  看货 kanhuo is ready.

  The shop (be a buyer)        {origin}/shop/
  The console (be a merchant)  {origin}/console/
{people}

  One tap gets a live answer: {origin}/shop/goods/apples
  Stop with Ctrl-C.
""",
        flush=True,
    )
    if lan:
        segno.make(f"{origin}/shop/").terminal(compact=True)
        print("  Scan it with a telephone on this network, and accept the certificate once.\n", flush=True)
