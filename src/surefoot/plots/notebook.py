"""A result -> the chart that a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from surefoot.diagnosis.checked import CheckResult
from surefoot.explanation.result import ExplainResult
from surefoot.plots.claim_figure import claim_figure
from surefoot.plots.comparison import comparison
from surefoot.plots.course import course
from surefoot.plots.forks import forks
from surefoot.plots.heat_map import heat_map
from surefoot.plots.learning_curves import learning_curves
from surefoot.plots.range_test import range_test, usable_range
from surefoot.plots.schedule import recipe_schedule, schedule
from surefoot.plots.stability_map import stability_map, why_no_map
from surefoot.plots.theme import LIGHT, Figure
from surefoot.schedules import Schedule, schedule_text
from surefoot.tuning.found import FindResult
from surefoot.tuning.result import TuneResult

TYPICAL_STEPS = 1000


def show(
    result: TuneResult | FindResult | CheckResult | ExplainResult | Schedule, *, steps: int = TYPICAL_STEPS
) -> Figure:
    """Return the chart of a result: in a notebook, the last line of a cell shows it.

    Args:
        result: What ``surefoot.tune``, ``surefoot.find``, ``surefoot.check`` or ``surefoot.explain`` returned, or a
            schedule.
        steps: Length of the training that a schedule is drawn over.

    Raises:
        TypeError: If it is nothing of that kind.
    """
    if isinstance(result, TuneResult):
        return stacked(tune_figures(result))
    if isinstance(result, FindResult):
        return usable_range(result)
    if isinstance(result, CheckResult):
        return stacked(check_figures(result))
    if isinstance(result, ExplainResult):
        return stacked([claim_figure(claim) for claim in result.claims])
    if isinstance(result, Schedule):
        return schedule(result, steps=steps)
    given = type(result).__name__
    raise TypeError(f"show draws the result of tune, find, check or explain, or a Schedule; given {given}.")


def show_schedules(schedules: Sequence[Schedule], *, steps: int = TYPICAL_STEPS) -> Figure:
    """Return the chart of one schedule, or of several in one picture, over a training of so many steps."""
    if len(schedules) == 1:
        return schedule(schedules[0], steps=steps)
    return schedule({schedule_text(each): each for each in schedules}, steps=steps)


def tune_figures(result: TuneResult) -> list[alt.LayerChart]:
    """Return the figures of a tune, the most telling first; without a recommendation those that can be drawn."""
    figures = [heat_map(result)]
    ramps = [range_test(result.ramps)] if result.ramps else []
    if result.best is None:
        return figures + ramps
    figures += [comparison(result), learning_curves(result), *ramps]
    return [*figures, recipe_schedule(result.best.recipe, steps=result.steps)]


def check_figures(result: CheckResult) -> list[alt.LayerChart]:
    """Return the figures of a check, the most telling first; without its curvature those that can be drawn."""
    stability = [stability_map(result)] if why_no_map(result) is None else []
    return [forks(result), *stability, course(result)]


def stacked(figures: Sequence[alt.LayerChart]) -> alt.VConcatChart:
    """Return figures one below the other, each with its own colours and legends."""
    bare: list[Any] = []
    for figure in figures:
        copy = figure.copy()
        copy.config = alt.Undefined
        bare.append(copy)
    chart = alt.vconcat(*bare, spacing=40).resolve_scale(
        color="independent", size="independent", shape="independent", strokeDash="independent"
    )
    configured: alt.VConcatChart = chart.configure(**LIGHT)
    return configured
