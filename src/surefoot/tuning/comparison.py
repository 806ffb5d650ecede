"""Which recipe is best, and which cannot be told apart from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surefoot.recipe import Recipe
from surefoot.studies import Measurement
from surefoot.tuning.result import Contestant
from surefoot.tuning.statistics import CONFIDENCE, paired_noise, score
from surefoot.values import Interval


def contestant(recipe: Recipe, runs: Sequence[Measurement]) -> Contestant:
    """Return a recipe with its scores over the seeds."""
    tested = [run.test_loss for run in runs]
    metrics = [run.metric for run in runs if run.metric is not None]
    return Contestant(
        recipe=recipe,
        valid=score([run.valid_loss for run in runs]),
        test=None if all(loss is None for loss in tested) else score([math.inf if x is None else x for x in tested]),
        metric=float(np.mean(metrics)) if len(metrics) == len(runs) else None,
        runs=tuple(runs),
    )


def compare(confirmed: Sequence[Contestant]) -> list[Contestant]:
    """Return the recipes that never diverged, lowest mean loss first, with those tied with the first marked."""
    finite = [found for found in confirmed if math.isfinite(found.valid.mean)]
    ranked = sorted(finite, key=lambda found: found.valid.mean)
    if not ranked:
        return []
    runs = [[run.valid_loss for run in found.runs] for found in ranked]
    losses = _comparable(runs, positive=min(map(min, runs)) > 0)
    allowed = _allowed_difference(losses) / math.sqrt(losses.shape[1])
    above = losses.mean(1) - losses[0].mean()
    return [replace(found, tied=bool(excess <= allowed)) for found, excess in zip(ranked, above, strict=True)]


def settings_tied(
    ranked: Sequence[Contestant], search: Sequence[Measurement]
) -> tuple[Interval | None, Interval | None]:
    """Return the ranges of learning rate and momentum that cannot be told apart from the best at 90 %.

    They span the confirmed recipes tied with the best, and the recipes that the search trained in full and that
    lie within the noise of one seed from the best of those.

    Args:
        ranked: The confirmed recipes, best first.
        search: What the search measured.
    """
    if not ranked:
        return None, None
    tied = {found.recipe for found in ranked if found.tied}
    full = [row for row in search if row.steps == row.total and math.isfinite(row.valid_loss)]
    if full:
        confirmed, single = (
            [[run.valid_loss for run in found.runs] for found in ranked],
            [row.valid_loss for row in full],
        )
        positive = min(map(min, [*confirmed, single])) > 0
        noise = _allowed_difference(_comparable(confirmed, positive=positive))
        losses = _comparable([single], positive=positive)[0]
        tied |= {row.recipe for row, loss in zip(full, losses, strict=True) if loss - losses.min() <= noise}
    # A peak of a cosine and a constant are two different things: only like is put into one interval.
    best = type(ranked[0].recipe.lr)
    tied = {recipe for recipe in tied if isinstance(recipe.lr, best)}
    lr = [recipe.lr.value(0, 1) for recipe in tied]
    momentum = [recipe.momentum.value(0, 1) for recipe in tied]
    return Interval(min(lr), max(lr)), Interval(min(momentum), max(momentum))


def _comparable(losses: list[list[float]], *, positive: bool) -> NDArray[np.float64]:
    """Return losses on the scale on which their noise is even: logarithms, where all are positive."""
    values = np.array(losses, dtype=np.float64)
    return np.log(values) if positive else values


def _allowed_difference(losses: NDArray[np.float64]) -> float:
    """Return the largest difference of two settings on one seed that noise explains at 90 %, one-sided 95 %."""
    settings, seeds = losses.shape
    freedom = (settings - 1) * (seeds - 1)
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * paired_noise(losses)) if freedom else 0.0
