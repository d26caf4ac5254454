"""Figures with their aims."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Aim:
    sign: Literal["≥", "≤"]
    at: float

    def holds(self, value: float) -> bool:
        return value >= self.at if self.sign == "≥" else value <= self.at


@dataclass
class Figures:
    values: dict[str, float] = field(default_factory=dict)
    aims: dict[str, Aim] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        aims = {
            name: {"value": self.values[name], "aim": f"{aim.sign} {aim.at:g}", "holds": aim.holds(self.values[name])}
            for name, aim in self.aims.items()
        }
        return {"figures": self.values, "aims": aims}


def quantile(values: list[float], q: float) -> float:
    """Return the q-quantile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0
