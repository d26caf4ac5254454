"""What a bench is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    short: bool = False
    """A few seconds, to see that it runs; its figures are rough."""
    database: str = ""
    """URL that the server gets as ``KANHUO_DATABASE``; empty: a SQLite file in a folder of its own."""
    bus: str = ""
    """URL that the server gets as ``KANHUO_BUS``; empty: one node without a bus."""
    seed: int | None = None
    """The one schedule that ``chaos`` plays, again and again."""

    @property
    def environment(self) -> dict[str, str]:
        given = {"KANHUO_DATABASE": self.database, "KANHUO_BUS": self.bus}
        return {name: value for name, value in given.items() if value}
