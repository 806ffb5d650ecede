"""What the search is held to: its rows in the table of targets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import DASH, target
from benchmarks.regret.contestants import SUREFOOT, TPE
from benchmarks.regret.curves import TYPICAL, Curve, cost_to_reach, curves
from benchmarks.regret.judge import Judge

# A training of at least so many steps is long: its answer may cost one training, and that of a shorter one three.
LONG = 2000
LONG_COST, SHORT_COST = 1.0, 3.0
# Trainings of at most so many steps are named by the second target.
SHORT = 500
GOOD = math.log1p(0.05)


def cost_of(steps: int) -> float:
    """Return what the answer for a training of a length may cost, in full trainings.

    Example:
        >>> cost_of(300), cost_of(4000)
        (3.0, 1.0)
    """
    return LONG_COST if steps >= LONG else SHORT_COST


def targets(
    runs: Sequence[dict[str, Any]], judges: Mapping[str, Judge], lengths: Mapping[str, int], overfitting: Sequence[str]
) -> Iterator[list[str]]:
    """Yield the rows.

    Args:
        runs: Runs of all contestants.
        judges: The judge of every task.
        lengths: Steps of a full training of every task.
        overfitting: Tasks whose best training is shorter than the full one.
    """
    by_task = {name: curves(runs, {name: judge}) for name, judge in judges.items()}
    ours = {name: found[SUREFOOT.name] for name, found in by_task.items() if SUREFOOT.name in found}
    rival = {name: found[TPE.name] for name, found in by_task.items() if TPE.name in found}
    at = {name: [*curve.regrets.get(cost_of(lengths[name]), ())] for name, curve in ours.items()}
    long = [regret for name in at if lengths[name] >= LONG for regret in at[name]]
    short = [regret for name in at if lengths[name] <= SHORT for regret in at[name]]
    every = [regret for regrets in at.values() for regret in regrets]
    yield _median_row(f"search, trainings of {LONG} steps and more: within 5 % in the median after 1 training", long)
    yield _median_row(f"search, trainings of 200 to {SHORT} steps: within 5 % in the median after 3 trainings", short)
    for limit, least in ((0.05, 0.75), (0.10, 0.90)):
        share = _within(every, limit)
        yield target(
            f"search: within {limit:.0%} at that cost in at least {least:.0%} of all answers",
            DASH if share is None else f"{share:.0%} of {len(every)}",
            met=None if share is None else share >= least,
        )
    yield _ratio_row(ours, rival, lengths)
    shorter = [regret for name in overfitting for regret in at.get(name, ())]
    yield _median_row("search, where the network overfits: within 5 % of the best length's best", shorter)
    diverged, trained = _diverged(runs, judges)
    yield target(
        "search: trainings with a recommended setting on fresh seeds that diverge: none",
        f"{diverged} of {trained}" if trained else DASH,
        met=None if not trained else diverged == 0,
    )


def _median_row(text: str, regrets: Sequence[float]) -> list[str]:
    if not regrets:
        return target(text, DASH, met=None)
    median = statistics.median(regrets)
    return target(text, f"{math.expm1(median):.0%}, {len(regrets)} answers", met=median <= GOOD)


def _within(regrets: Sequence[float], limit: float) -> float | None:
    return sum(regret <= math.log1p(limit) for regret in regrets) / len(regrets) if regrets else None


def _ratio_row(ours: Mapping[str, Curve], rival: Mapping[str, Curve], lengths: Mapping[str, int]) -> list[str]:
    """Return what the rival pays for surefoot's median regret, over what surefoot pays, task by task."""
    text = f"search: cost of {TPE.title} to the same median regret over ours: 6x in the median of tasks, 2x on each"
    ratios = sorted(cost_ratio(ours[name], rival[name], cost_of(lengths[name])) for name in ours if name in rival)
    if not ratios:
        return target(text, DASH, met=None)
    median = statistics.median(ratios)
    found = f"{_ratio(median)} in the median, {_ratio(ratios[0])} on the worst of {len(ratios)}"
    return target(text, found, met=median >= 6 and ratios[0] >= 2)


def _ratio(value: float) -> str:
    return "never reached" if math.isinf(value) else f"{value:.1f}x"


def cost_ratio(ours: Curve, rival: Curve, cost: float) -> float:
    """Return what a rival pays for the median regret that is ours at a cost, over that cost; infinite if it never does.

    Example:
        >>> ours, rival = Curve("a", {1.0: (0.1,)}), Curve("b", {1.0: (0.4,), 4.0: (0.1,)})
        >>> cost_ratio(ours, rival, 1.0)
        4.0
    """
    median = dict(zip(ours.costs, ours.quantiles(TYPICAL), strict=True)).get(cost, math.inf)
    if not math.isfinite(median):
        return 0.0
    return cost_to_reach(rival.costs, rival.quantiles(TYPICAL), median) / cost


def _diverged(runs: Sequence[dict[str, Any]], judges: Mapping[str, Judge]) -> tuple[int, int]:
    """Return how many trainings of surefoot's recommendations diverged, of how many."""
    settings = {
        (run["task"], recipe, steps)
        for run in runs
        if run["contestant"] == SUREFOOT.name and run["task"] in judges
        for _, recipe, steps in run["recommendations"]
        if recipe is not None
    }
    losses = [loss for task, recipe, steps in settings for loss in judges[task].known.get((recipe, steps), ())]
    return sum(not math.isfinite(loss) for loss in losses), len(losses)
