"""The command ``kanhuo``."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from kanhuo import workers as several
from kanhuo.accounts import store as account_store
from kanhuo.accounts.http import invitation_link
from kanhuo.accounts.model import Merchant, Role
from kanhuo.accounts.passes import mint
from kanhuo.accounts.policy import openings
from kanhuo.app import App, build, pass_key, prepare, public_origin, server
from kanhuo.config import Settings, from_environment
from kanhuo.doctor import Mark, Wants, examine
from kanhuo.drawing import drawings
from kanhuo.kernel.clock import MINUTE, SystemClock
from kanhuo.kernel.errors import Refused
from kanhuo.kernel.ids import MERCHANT, new_id
from kanhuo.protocol import schema as protocol_schema
from kanhuo.shell import journal as journal_store
from kanhuo.shell.engines import database as database_of
from kanhuo.shell.migrate import migrate as bring_up_to_date
from kanhuo.simulation.cli import simulate


class Commands(click.Group):
    """Commands that say in one line what was refused."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except Refused as refusal:
            raise click.ClickException(refusal.why) from refusal


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kanhuo")
@click.pass_context
def main(context: click.Context) -> None:
    """Kanhuo 看货: video calls from a shop's buyer to its merchant. Settings come from KANHUO_… in the environment."""
    try:
        context.obj = from_environment()
    except ValueError as failure:
        raise click.ClickException(f"a setting cannot be read: {failure}") from failure


@main.command()
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--host", help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that share the port.")
@click.option("--leash", type=int, hidden=True)  # what a worker is held by: see workers.py
@click.pass_obj
def serve(settings: Settings, port: int | None, host: str | None, workers: int, leash: int | None) -> None:
    """Serve calls: API, socket, the buyer's page and the console, on one port."""
    settings = replace(settings, port=port or settings.port, host=host or settings.host)
    if workers > 1:
        why_not = several.refusal(settings)
        if why_not is not None:
            click.echo(f"Error: {why_not}.", err=True)
            sys.exit(2)
        sys.exit(several.serve(settings, workers))
    try:
        running = server(build(settings))
    except ValueError as failure:
        raise click.ClickException(str(failure)) from failure
    running.leash = leash
    running.run(None if leash is None else several.bound(settings.host, settings.port))


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to the present schema."""
    prepare(settings)
    bring_up_to_date(settings.database_url)
    click.echo("the database is up to date")


@main.group()
def merchant() -> None:
    """Merchants."""


@merchant.command("add")
@click.option("--name", required=True, help="The merchant's name, as buyers see it.")
@click.option("--id", "id_", help="Its id, such as mer_apples; else a random one.")
@click.pass_obj
def merchant_add(settings: Settings, name: str, id_: str | None) -> None:
    """Add a merchant and print the link that invites its owner."""
    added = Merchant(id=id_ or new_id(MERCHANT), name=name)

    async def add(app: App) -> str:
        if await app.db.read(account_store.merchant, added.id) is not None:
            raise click.ClickException(f"there is a merchant {added.id} already; change it with kanhuo merchant set")
        await app.accounts.put_merchant(added)
        secret, _ = await app.accounts.invite(added.id, Role.OWNER)
        return secret

    secret = _with_app(settings, add)
    click.echo(f"merchant  {added.id}\nowner     {invitation_link(public_origin(settings), secret)}")


@merchant.command("set")
@click.argument("id_", metavar="ID")
@click.option("--name", help="The merchant's name, as buyers see it.")
@click.option("--zone", help="Time zone of the hours, such as Asia/Shanghai.")
@click.option("--hours", multiple=True, help="Promised hours, such as “mon-fri 9:00-18:30”; given again for more.")
@click.option("--no-hours", is_flag=True, help="Promise no hours any more.")
@click.pass_obj
def merchant_set(
    settings: Settings, /, id_: str, name: str | None, zone: str | None, hours: tuple[str, ...], *, no_hours: bool
) -> None:
    """Change a merchant's name, time zone or promised hours. A running server reads them when it starts."""
    try:
        promised = None if not (hours or no_hours) else tuple(opening for text in hours for opening in openings(text))
        if zone is not None:
            ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError) as failure:
        raise click.BadParameter(str(failure)) from failure

    async def change(app: App) -> Merchant:
        before = await app.accounts.merchant(id_)
        kept = before.hours if promised is None else promised
        after = replace(before, name=name or before.name, zone=zone or before.zone, hours=kept)
        await app.accounts.put_merchant(after)
        return after

    changed = _with_app(settings, change)
    click.echo(f"merchant  {changed.id}  {changed.name}  {changed.zone}  {len(changed.hours)} openings a week")


@main.command("pass")
@click.option("--role", type=click.Choice(["buyer", "agent"]), default="buyer", show_default=True)
@click.option("--merchant", required=True, help="The merchant's id.")
@click.option("--sub", default="visitor", show_default=True, help="Your own id of the person.")
@click.option("--name", default="Agent", show_default=True, help="For an agent: her name.")
@click.option("--kind", default="product", show_default=True, help="product, cart, order, case, chat or link")
@click.option("--ref", default="sample", show_default=True, help="Your own id of the product, order or case.")
@click.option("--title", default="A sample product", show_default=True)
@click.option("--minutes", default=15, show_default=True, help="How long it is valid; 60 at most.")
@click.pass_obj
def pass_(settings: Settings, /, role: str, merchant: str, sub: str, minutes: int, **card: str) -> None:
    """Mint a pass, for trying things out; in earnest, your shop's back end signs them."""
    prepare(settings)
    claims: dict[str, Any] = {"role": role, "sub": sub, "merchant": merchant}
    if role == "agent":
        claims["name"] = card["name"]
    else:
        claims["context"] = {"kind": card["kind"], "ref": card["ref"], "title": card["title"]}
    now, life = SystemClock().now(), minutes * MINUTE
    click.echo(mint(pass_key(settings), claims, audience=settings.pass_audience, now=now, life=life))


@main.group()
def journal() -> None:
    """The journal."""


@journal.command("verify")
@click.argument("database", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def journal_verify(settings: Settings, database: Path | None) -> None:
    """Check every hash chain; name the first broken line. Exit code 1 where there is one."""
    verdict = _read(f"sqlite:///{database}" if database else settings.database_url, journal_store.verify)
    click.echo(f"{verdict.lines} lines in {verdict.chains} chains")
    if verdict.broken is not None:
        click.echo(f"broken: {verdict.broken}", err=True)
        sys.exit(1)
    click.echo("unbroken")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.option("--sockets", type=int, default=1_000, show_default=True, help="How many pages you expect at a time.")
@click.pass_obj
def doctor(settings: Settings, *, as_json: bool, sockets: int) -> None:
    """Look for what is wrong, and say what to do. Exit code 1 where something is broken."""
    found = asyncio.run(examine(settings, wants=Wants(sockets=sockets)))
    ill = any(finding.mark is Mark.BROKEN for finding in found)
    if as_json:
        names = {mark: mark.name.lower() for mark in Mark}
        listed = [{**msgspec.to_builtins(finding), "mark": names[finding.mark]} for finding in found]
        click.echo(json.dumps({"well": not ill, "findings": listed}, ensure_ascii=False, indent=2))
    else:
        for finding in found:
            click.echo(str(finding))
    sys.exit(1 if ill else 0)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the socket's messages."""
    click.echo(json.dumps(protocol_schema(), indent=2, ensure_ascii=False))


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def states(folder: Path) -> None:
    """Draw the state machines into a folder, from their tables."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawing in drawings().items():
        (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")


@main.command()
@click.option("--port", type=int, envvar="PORT", default=8000, show_default=True)
@click.option("--lan", is_flag=True, envvar="LAN", help="Serve over TLS to the local network, with a QR code.")
@click.option("--no-robot", is_flag=True, help="Without the robot agent.")
def demo(*, port: int, lan: bool, no_robot: bool) -> None:
    """Show everything on one port: the sample shop, the consoles, a robot that answers."""
    from kanhuo.demo.run import demo as run_demo  # noqa: PLC0415 - the demo needs more packages than the server

    run_demo(port=port, lan=lan, robot=not no_robot)


main.add_command(simulate)


def _with_app(settings: Settings, work: Any) -> Any:
    app = build(settings)

    async def run() -> Any:
        await app.db.open()
        try:
            return await work(app)
        finally:
            await app.db.close()

    return asyncio.run(run())


def _read(url: str, work: Any) -> Any:
    async def run() -> Any:
        db = database_of(url)
        await db.open()
        try:
            return await db.snapshot(work)
        finally:
            await db.close()

    return asyncio.run(run())


if __name__ == "__main__":
    main()
