"""The figures of a search, each with how to read it: the same in a notebook and in the report."""

from __future__ import annotations

import math
from dataclasses import dataclass

import altair as alt

from surefoot.plots.comparison import comparison
from surefoot.plots.frontier import frontier
from surefoot.plots.good_range import good_range
from surefoot.plots.heat_map import heat_map
from surefoot.plots.learning_curves import learning_curves
from surefoot.plots.schedule import recipe_schedule
from surefoot.plots.trial_points import trial_points
from surefoot.search.result import SearchResult


@dataclass(frozen=True, slots=True)
class Captioned:
    """A figure with how to read it."""

    chart: alt.LayerChart
    caption: str


def search_figures(result: SearchResult) -> list[Captioned]:
    """Return the figures of a find or a tune, the most telling first; those that cannot be drawn are left out."""
    figures: list[Captioned] = []
    if trial_points(result.measurements):
        figures.append(
            Captioned(
                heat_map(result),
                "Every dot is a trial, a cross one that diverged. The colour is its validation loss relative to the "
                "best trial of the same length, the size how long it was trained; the shading interpolates.",
            )
        )
    if result.frontier:
        figures.append(
            Captioned(
                frontier(result),
                "What to expect of each length of training with the best recipe for it, and the 90 % interval. The "
                "numbers at the points are the learning rates that give it.",
            )
        )
    if result.by_momentum or (result.good_range is not None and result.recipe is not None):
        figures.append(Captioned(good_range(result), _good_range_caption(result)))
    if any(math.isfinite(found.valid.mean) for found in result.contestants):
        figures.append(
            Captioned(
                comparison(result),
                "Dots are mean validation losses, lines their 90 % intervals, ticks the single seeds: where lines "
                "overlap widely, the difference may be chance.",
            )
        )
    if any(run.outcome.train.steps for found in result.contestants for run in found.runs):
        figures.append(
            Captioned(
                learning_curves(result),
                "The lower and the sooner, the better. On every seed all recipes had the same initial weights and "
                "the same mini-batches.",
            )
        )
    if result.recipe is not None:
        chart = recipe_schedule(result.recipe, steps=result.steps)
        figures.append(Captioned(chart, f"What the recommended recipe, {result.recipe}, uses at every step."))
    return figures


def _good_range_caption(result: SearchResult) -> str:
    good = result.good_range
    lose = "little" if good is None else f"at most {100 * good.tolerance:g} %"
    return (
        f"Learning rates in a bar are expected to lose {lose} over the best at that momentum; without a bar, the "
        "trials do not show which do. Rates above the cross are not known to be usable; without a cross, none "
        "that was tried was too large."
    )
