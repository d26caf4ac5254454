"""The command ``kanhuo simulate``. What draws and simulates is loaded only when it is asked for."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from kanhuo.simulation.capacity import Demand, Plan
from kanhuo.simulation.costs import MEASURED, MENDED

_INTEGERS = frozenset({"agents", "largest"})


@click.group()
def simulate() -> None:
    """How large an installation has to be, and how it behaves."""


def _assumptions(command: Any) -> Any:
    """Give a command an option for each assumption of the model."""
    for field in reversed(fields(Demand)):
        number = click.IntRange(1) if field.name in _INTEGERS else click.FloatRange(0)
        name = f"--{field.name.replace('_', '-')}"
        command = click.option(
            name, type=number, default=field.default, show_default=True, help=f"See Demand.{field.name}."
        )(command)
    return command


@simulate.command()
@_assumptions
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same figures.")
@click.option("--plan-only", is_flag=True, help="The capacity model alone; the simulations take some two minutes.")
@click.option(
    "--hurry",
    type=click.FloatRange(1),
    default=1.0,
    show_default=True,
    help="Simulate fewer people for a shorter time.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Draw into this folder.")
@click.option("--png", is_flag=True, help="Draw PNG beside SVG.")
def scale(
    *, seed: int, plan_only: bool, hurry: float, as_json: bool, plots: Path | None, png: bool, **assumed: Any
) -> None:
    """Nodes, partitions, shards and bytes for a marketplace, and a simulation of one of its cells.

    The four columns are a thousandth, a hundredth, a tenth and the whole of what is asked for.
    """
    demand = Demand(**assumed)
    try:
        from kanhuo.simulation import report  # noqa: PLC0415 - the server needs neither simpy nor numpy
    except ImportError as failure:
        raise click.ClickException(f"{failure.name} is missing: pip install 'kanhuo[simulate]'") from failure

    found = None if plan_only else report.runs(demand, seed, hurry)
    if as_json:
        click.echo(json.dumps(report.machine(demand, found), indent=2))
    else:
        for title, costs in (("as the code is", MEASURED), ("with the two changes of docs/scale.md", MENDED)):
            click.echo(f"{title}\n{_table(report.plans(demand, costs))}\n")
        for name, told in found.told().items() if found else ():
            click.echo(name)
            click.echo("".join(f"  {what:28} {value:12.4g}\n" for what, value in told.items()))
    if plots is not None:
        from kanhuo.simulation.plots import draw  # noqa: PLC0415 - matplotlib takes a second to load

        draw(plots, demand, found, png=png)


def _table(plans: list[Plan]) -> str:
    rows: list[tuple[str, list[str]]] = [
        ("agents on duty", [f"{one.demand.agents:,}" for one in plans]),
        ("new calls a second", [f"{one.demand.calls:g}" for one in plans]),
        ("talks at a time", [f"{one.demand.talks:,.0f}" for one in plans]),
        ("connected pages", [f"{one.demand.sockets:,.0f}" for one in plans]),
        ("cells (PostgreSQL + Redis)", [f"{one.cells:,}" for one in plans]),
        ("nodes in a cell", [f"{one.cell.nodes}" for one in plans]),
        ("nodes", [f"{one.nodes:,}" for one in plans]),
        ("  a node's core is busy", [f"{one.shares['node cpu']:.0%}" for one in plans]),
        ("  pages of a node", [f"{one.cell.sockets / one.cell.nodes:,.0f}" for one in plans]),
        ("  memory of a node, MiB", [f"{one.figures['memory_per_node'] / 2**20:.0f}" for one in plans]),
        ("PostgreSQL transactions/s in a cell", [f"{sum(one.cell.transactions.values()):,.0f}" for one in plans]),
        ("  write-ahead log, MB/s in a cell", [_mega(one, "wal_per_s_per_cell") for one in plans]),
        ("  stored, GB a day in all", [f"{one.figures['stored_per_day'] / 1e9:,.1f}" for one in plans]),
        ("  kept, TB in a cell", [f"{one.figures['stored_kept_per_cell'] / 1e12:.2f}" for one in plans]),
        ("Redis commands/s in a cell", [f"{sum(one.cell.commands.values()):,.0f}" for one in plans]),
        (
            "  in / out, MB/s in a cell",
            [f"{_mega(one, 'redis_in_per_s_per_cell')} / {_mega(one, 'redis_out_per_s_per_cell')}" for one in plans],
        ),
        (
            "pages → nodes / back, MB/s in all",
            [f"{_mega(one, 'wire_in_per_s')} / {_mega(one, 'wire_out_per_s')}" for one in plans],
        ),
        ("TURN, Gbit/s in all", [f"{one.figures['relayed_media_bits_per_s'] / 1e9:.2f}" for one in plans]),
    ]
    return "\n".join(f"{name:36}" + "".join(f"{value:>16}" for value in values) for name, values in rows)


def _mega(one: Plan, name: str) -> str:
    return f"{one.figures[name] / 1e6:,.1f}"
