"""Figures with their aims."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
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


class Rounds:
    """What each contender measured in each round; told as the median, beside the least and the most."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[float]] = {}

    def add(self, contender: str, what: str, value: float) -> None:
        self._of.setdefault((contender, what), []).append(value)

    def ratio(self, one: str, other: str, what: str) -> float | None:
        """Return the median, over the rounds, of one contender's figure over the other's of the same round."""
        pairs = zip(self._of[one, what], self._of.get((other, what), ()), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs if theirs > 0]
        return median(ratios) if ratios else None

    def told(self, others: dict[str, float]) -> dict[str, float]:
        """Return every figure: kanhuo's own without a name before it."""
        values = dict(others)
        for (contender, what), seen in self._of.items():
            name = what if contender == "kanhuo" else f"{contender}_{what}"
            values[name] = median(seen)
            if len(seen) > 1:
                values[f"{name}_min"], values[f"{name}_max"] = min(seen), max(seen)
        return values
