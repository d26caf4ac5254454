"""The plots of ``docs/scale.md``: light, few lines, every axis with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanhuo.simulation.capacity import Demand, alone
from kanhuo.simulation.costs import MEASURED, MENDED
from kanhuo.simulation.queueing import erlang_c
from kanhuo.simulation.report import Runs, plans

INK, SOFT, LINE = "#14201B", "#55635C", "#DDE4E0"
COLOURS: Final = ("#0B7A5B", "#9A5B00", "#3B5B92", "#B3261E", "#7A6B9A", "#6F8A3C", "#4F8A8B", "#A05A7A", "#8A8F8C")
STYLE: Final[Mapping[str, object]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.labelcolor": SOFT,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titlepad": 10,
    "font.family": "sans-serif",
    "font.size": 10.5,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "kanhuo",  # the same drawing has the same bytes
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}


def draw(folder: Path, demand: Demand, found: Runs | None, *, png: bool = False) -> None:
    """Draw everything into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(dict(STYLE)):  # type: ignore[arg-type]
        drawn = {"limits": limits(demand), "causes": causes(demand)}
        if found is not None:
            drawn |= {
                "peak": peak(found),
                "ring": ring(found),
                "day": day(found),
                "sizes": sizes(found),
                "storm": storm(found),
            }
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            if png:
                figure.savefig(folder / f"{name}.png", dpi=110)


def limits(demand: Demand) -> Figure:
    """How many engines of each kind one single cell would need, over the number of agents."""
    figure, left, right = _pair(9.6, 4.2, share=True)
    scales = np.logspace(3, 6, 25) / 1e6
    for axes, costs, title in (
        (left, MEASURED, "One cell, as the code is"),
        (right, MENDED, "… with the two changes"),
    ):
        needed = [alone(_scaled(demand, scale), costs) for scale in scales]
        for name in needed[0]:
            axes.plot(scales * demand.agents, [one[name] for one in needed], label=name)
        axes.axhline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set(xscale="log", yscale="log", title=title, xlabel="agents on duty")
    left.set_ylabel("engines needed (1 = one, at its share)")
    left.legend(loc="upper left")
    return figure


def _scaled(demand: Demand, by: float) -> Demand:
    return replace(demand, agents=round(demand.agents * by), calls=demand.calls * by)


def causes(demand: Demand) -> Figure:
    """What nodes, PostgreSQL and Redis spend themselves on at the largest scale: as it is, and mended."""
    figure = Figure(figsize=(9.6, 6.4), layout="constrained")
    three: np.ndarray = figure.subplots(3, 1)
    both = {"mended": plans(demand, MENDED)[-1], "as it is": plans(demand, MEASURED)[-1]}
    parts = (
        ("Nodes: cores, all cells", "cores"),
        ("PostgreSQL: transactions a second, all cells", "transactions"),
        ("Redis: commands a second, all cells", "commands"),
    )
    for axes, (title, what) in zip(three, parts, strict=True):
        left = np.zeros(len(both))
        spent = {
            cause: np.array([one.cells * getattr(one.cell, what)[cause] for one in both.values()])
            for cause in getattr(both["mended"].cell, what)
        }
        whole = np.sum(list(spent.values()), axis=0)
        large = {cause: values for cause, values in spent.items() if values.max() > whole.max() / 50}
        large["other"] = whole - np.sum(list(large.values()), axis=0)
        for colour, (cause, values) in zip(COLOURS, large.items(), strict=False):
            axes.barh(list(both), values, left=left, label=cause, height=0.62, color=colour)
            left += values
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
    return figure


def peak(found: Runs) -> Figure:
    """The busiest hour: a burst, a lost node."""
    asked, seen = found.peak_asked, found.peak
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    at, spent = np.array(seen.rings).T
    _quantiles(top, at, spent * 1_000, asked.seconds / 90)
    top.set(title="Ask → ring where an agent is free, ms", yscale="log")
    when, nodes, database = np.array(seen.load).T
    middle.plot(when, 100 * nodes, label="nodes' cores")
    middle.plot(when, 100 * database, label="database busy")
    middle.set(title="Busy, %", ylim=(0, 100))
    when, waiting = np.array(seen.queueing).T
    bottom.plot(when, 100 * waiting, color=COLOURS[1])
    bottom.set(title="Merchants with somebody waiting, %", xlabel="seconds", ylim=(0, None))
    for axes in (top, middle, bottom):
        if asked.burst:
            axes.axvspan(asked.burst[0], asked.burst[0] + asked.burst[1], color="#FFF3DC", zorder=0)
        axes.axvline(asked.lost_at, color=COLOURS[3], linewidth=1.2, linestyle=(0, (4, 3)))
    if asked.burst:
        bottom.annotate(
            f"{asked.burst[2]:g}× the calls", (asked.burst[0], 0), (4, 6), textcoords="offset points", color=SOFT
        )
    bottom.annotate("a node is killed", (asked.lost_at, 0), (4, 6), textcoords="offset points", color=SOFT)
    for axes in (top, middle):
        axes.legend(loc="upper left", ncols=3)
    return figure


def _quantiles(axes: Axes, at: np.ndarray, values: np.ndarray, width: float) -> None:
    edges = np.arange(at.min(), at.max() + width, width)
    which = np.digitize(at, edges)
    bins = [n for n in range(1, len(edges)) if np.count_nonzero(which == n) >= 20]
    for q, label in ((99, "p99"), (95, "p95"), (50, "p50")):
        axes.plot([edges[n] for n in bins], [np.percentile(values[which == n], q) for n in bins], label=label)


def ring(found: Runs) -> Figure:
    """How the time to the ring is spread: on an ordinary minute, in the burst, after a loss, while draining."""
    asked = found.peak_asked
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    axes: Axes = figure.subplots()
    at, spent = np.array(found.peak.rings).T
    begin, long, _ = asked.burst or (0.0, 0.0, 1.0)
    drained = np.array(found.drain.rings).T
    halfway = found.peak_asked.seconds * 0.5
    parts = {
        "before": spent[at < begin],
        "twice the calls": spent[(at >= begin) & (at < begin + long)],
        "15 s after a node was killed": spent[(at >= asked.lost_at) & (at < asked.lost_at + 15)],
        "while a node drains": drained[1][(drained[0] >= halfway) & (drained[0] < halfway + 15)],
    }
    for name, some in parts.items():
        axes.plot(np.sort(some) * 1_000, np.linspace(100, 0, len(some), endpoint=False), label=name)
    axes.axvline(20, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate("aim: p99 ≤ 20 ms", (20, 60), (6, 0), textcoords="offset points", color=SOFT)
    axes.set(
        title="Ask → ring takes longer than …",
        xlabel="ms",
        ylabel="% of calls",
        xscale="log",
        yscale="log",
        ylim=(0.3, 105),
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend(loc="lower left")
    return figure


def day(found: Runs) -> Figure:
    """A day: calls, merchants with a queue, buyers rung within 20 s."""
    seen, hour = found.day, found.day_asked.seconds / 24
    figure = Figure(figsize=(9.6, 5.0), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    at, wait = np.array(seen.waits).T
    edges = np.arange(0, 24.01, 0.5)
    which = np.digitize(at / hour, edges)
    counts = np.array([np.count_nonzero(which == n) for n in range(1, len(edges))])
    top.bar(edges[:-1], counts / (hour / 2), width=0.46, align="edge", color=COLOURS[0])
    top.set(title=f"New calls a second ({found.day_asked.demand.agents} agents on duty all day)")
    some = [n for n in range(1, len(edges)) if counts[n - 1] >= 20]
    soon = [100 * np.mean(wait[which == n] <= 20) for n in some]
    bottom.plot([edges[n - 1] + 0.25 for n in some], soon, label="buyers rung within 20 s", color=COLOURS[0])
    when, waiting = np.array(seen.queueing).T
    bins = np.digitize(when / hour, edges)
    queued = [100 * np.mean(waiting[bins == n]) if np.any(bins == n) else 0.0 for n in range(1, len(edges))]
    bottom.plot(edges[:-1] + 0.25, queued, label="merchants with somebody waiting", color=COLOURS[1])
    bottom.axhline(80, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    bottom.set(title="%", xlabel="hour of the day", xlim=(0, 24), ylim=(0, 104), xticks=range(0, 25, 3))
    bottom.legend(loc="center left")
    return figure


def sizes(found: Runs) -> Figure:
    """Who has to wait: the simulation by size of merchant, beside Erlang's formula without leaving."""
    load = found.peak_asked.demand.load
    by_size = found.drain.by_size
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    axes: Axes = figure.subplots()
    sizes = np.unique(np.round(np.logspace(0, np.log10(max(by_size)), 60)).astype(int))
    axes.plot(
        sizes, [100 * erlang_c(int(k), load * int(k)) for k in sizes], label="Erlang C: nobody leaves", color=SOFT
    )
    edges = [1, 2, 3, 4, 5, 7, 10, 15, 25, 50, 100, 1_000]
    for low, high in pairwise(edges):
        some = [(k, *both) for k, both in by_size.items() if low <= k < high]
        calls, queued = sum(c for _, c, _ in some), sum(q for *_, q in some)
        if calls >= 30:
            middle = sum(k * c for k, c, _ in some) / calls
            share = queued / calls
            error = 196 * np.sqrt(max(share * (1 - share), 1 / calls) / calls)
            label = "simulated, 95 % interval" if low == 1 else None
            axes.errorbar(middle, 100 * share, error, fmt="o", color=COLOURS[0], label=label, capsize=3)
    axes.set(title=f"Buyers who have to wait, by agents of the merchant ({load:.2f} erlang for each agent)")
    axes.set(xscale="log", xlabel="agents of the merchant", ylabel="% of calls", ylim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend()
    return figure


def storm(found: Runs) -> Figure:
    """How pages come back after their node was killed, with and without spreading."""
    figure, left, right = _pair(9.6, 4.2)
    for n, (name, one) in enumerate(found.storms.items()):
        style = "-" if n < 2 else "--"
        back = [at for at in one.away if at < one.until]
        left.plot(back, np.linspace(0, 100 * len(back) / len(one.away), len(back)), label=name, linestyle=style)
        when, queue = np.array(one.queues).T
        right.plot(when, queue, linestyle=style)
    for at, what in ((4, "missing"), (10, "rings end"), (30, "talks end")):
        left.axvline(at, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        left.annotate(what, (at, 2), (3, 0), textcoords="offset points", color=SOFT, fontsize=9, rotation=90)
    left.set(title="Pages that are back, %", xlabel="seconds since the node was killed", ylim=(0, 103), xlim=(0, None))
    right.set(title="Hellos that wait for the four nodes left", xlabel="seconds", ylim=(0, None), xlim=(0, None))
    right.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _pair(width: float, height: float, *, share: bool = False) -> tuple[Figure, Axes, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=share)
    return figure, left, right
