"""What the figures are made of: regrets of all contestants at all costs, and what is quoted of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.regret.judge import Judge

TYPICAL, BAD = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Curve:
    """A contestant's regrets.

    Attributes:
        name: The contestant's name.
        regrets: By cost in trainings, one for every task and draw; infinite where it had nothing to recommend or a
            fresh seed diverged.
    """

    name: str
    regrets: Mapping[float, tuple[float, ...]]

    @property
    def costs(self) -> list[float]:
        return sorted(self.regrets)

    def quantiles(self, share: float) -> list[float]:
        """Return a quantile of the regrets at every cost."""
        return [quantile(self.regrets[cost], share) for cost in self.costs]

    def within(self, cost: float, limit: float) -> float:
        """Return the share of recommendations at a cost that lose at most so much; ``nan`` where there are none."""
        found = self.regrets.get(cost, ())
        return sum(regret <= math.log1p(limit) for regret in found) / len(found) if found else math.nan


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of values that may be infinite, interpolated where both its neighbours are finite.

    Example:
        >>> quantile([1.0, 2.0, 3.0, float("inf")], 0.5), quantile([1.0, float("inf")], 0.9)
        (2.5, inf)
    """
    ordered = sorted(values)
    if not ordered:
        return math.nan
    position = share * (len(ordered) - 1)
    low, part = ordered[math.floor(position)], position - math.floor(position)
    high = ordered[math.ceil(position)]
    return low if part == 0 or low == high else low + part * (high - low)


def cost_to_reach(costs: Sequence[float], regrets: Sequence[float], target: float) -> float:
    """Return the cost at which a curve of regrets first comes down to a target.

    Between two costs it is interpolated in the logarithm of the cost, where both regrets are finite. It is the first
    cost where the curve begins below, and infinite where it never comes down.

    Example:
        >>> round(cost_to_reach([1.0, 4.0], [0.3, 0.1], 0.2), 6)
        2.0
    """
    before: tuple[float, float] | None = None
    for cost, regret in zip(costs, regrets, strict=True):
        if regret <= target:
            if before is None or not math.isfinite(before[1]):
                return cost
            part = (before[1] - target) / (before[1] - regret)
            return float(np.exp(np.log(before[0]) + part * np.log(cost / before[0])))
        before = cost, regret
    return math.inf


def curves(runs: Iterable[dict[str, Any]], judges: Mapping[str, Judge]) -> dict[str, Curve]:
    """Return every contestant's regrets over the tasks that have a judge; what was not judged yet is left out."""
    found: dict[str, dict[float, list[float]]] = {}
    for run in runs:
        if run["task"] not in judges:
            continue
        for cost, recipe, steps in run["recommendations"]:
            regret = judges[run["task"]].regret(recipe, steps)
            if regret is not None:
                found.setdefault(run["contestant"], {}).setdefault(cost, []).append(regret)
    return {
        name: Curve(name, {cost: tuple(regrets) for cost, regrets in by_cost.items()})
        for name, by_cost in found.items()
    }
