"""The figures of every kind of result, each with its caption: the same in notebooks, pages, log folders and docs.

``FIGURES`` is the registry. A new figure is a function in a file of its own and one line there; other packages add
theirs as entry points of the group ``surefoot.figures``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import altair as alt

from surefoot.checking.result import CheckResult
from surefoot.core.errors import OutputError
from surefoot.core.plugins import Registry
from surefoot.explanation.claim_result import ClaimResult
from surefoot.explanation.result import ExplainResult
from surefoot.log_diagnosis.diagnose import DiagnoseResult
from surefoot.logs.training_log import TrainingLog
from surefoot.loss_slices.result import LossSlice
from surefoot.plots.chart import Figure, column, write_chart
from surefoot.plots.check_losses import check_losses, checked_training
from surefoot.plots.claim_figures import claim_caption, claim_figure
from surefoot.plots.full_trainings import has_finite_losses, has_learning_curves, learning_curves, recipe_comparison
from surefoot.plots.heat_map import has_trials, heat_map
from surefoot.plots.loss_by_length_and_good_range import frontier_figure, good_range_figure, has_good_range
from surefoot.plots.loss_surfaces import descent_figure, loss_plane, loss_slice_figure
from surefoot.plots.schedule import recipe_schedule, schedule_figure
from surefoot.plots.stability_map import stability_map
from surefoot.plots.theme import LIGHT_THEME
from surefoot.plots.training_log import diagnosis_figure, log_figure, watch_figure
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text
from surefoot.search.result import SearchResult
from surefoot.surfaces.descent import Descent
from surefoot.watch.watch import Watch
from surefoot.wording import captions as wording
from surefoot.wording.explain_and_slice import slice_caption
from surefoot.wording.verdicts import why_no_stability_map

# Everything that has a figure.
Drawable: TypeAlias = (
    SearchResult
    | CheckResult
    | DiagnoseResult
    | ExplainResult
    | ClaimResult
    | LossSlice
    | Descent
    | TrainingLog
    | Watch
    | Recipe
    | Schedule
)
# Length of the training, in steps, that a recipe or a schedule is drawn over unless another one is asked for.
DEFAULT_SCHEDULE_STEPS = 1000
# Points between two figures in a column.
COLUMN_SPACING = 40


@dataclass(frozen=True, slots=True)
class CaptionedFigure:
    """A figure of a result with its caption.

    Attributes:
        name: Name of the figure in the registry.
        subject: What it shows: the result, or one of an explanation's claims.
        chart: The chart.
        caption: How to read it.
    """

    name: str
    subject: Drawable
    chart: Figure
    caption: str


@dataclass(frozen=True, slots=True)
class FigureKind:
    """How one figure of a type of result is drawn, and how to read it.

    Attributes:
        result_type: Type of the results that have the figure.
        draw: Returns the chart of a result.
        caption: How to read the chart, or a function that returns that for a result.
        is_available: Returns whether a result holds what the figure needs.
        takes_steps: Whether ``draw`` takes the keyword ``steps``, the length of the training that the figure spans.
    """

    result_type: type[Any]
    draw: Callable[..., Figure]
    caption: str | Callable[[Any], str]
    is_available: Callable[[Any], bool] = lambda _: True
    takes_steps: bool = False


def _recommended_schedule(result: SearchResult) -> Figure:
    if result.recipe is None:
        raise ValueError("the search recommends no recipe.")
    return recipe_schedule(result.recipe, steps=result.steps)


def _recipe_schedule(recipe: Recipe, *, steps: int) -> Figure:
    return recipe_schedule(recipe, steps=steps, title=str(recipe))


# In the order in which a result's figures are shown, the most informative first.
FIGURES: dict[str, FigureKind] = {
    "heat_map": FigureKind(SearchResult, heat_map, wording.HEAT_MAP_CAPTION, has_trials),
    "frontier": FigureKind(
        SearchResult, frontier_figure, wording.FRONTIER_CAPTION, lambda result: bool(result.frontier)
    ),
    "good_range": FigureKind(SearchResult, good_range_figure, wording.good_range_caption, has_good_range),
    "comparison": FigureKind(SearchResult, recipe_comparison, wording.COMPARISON_CAPTION, has_finite_losses),
    "learning_curves": FigureKind(SearchResult, learning_curves, wording.LEARNING_CURVES_CAPTION, has_learning_curves),
    "recommended_schedule": FigureKind(
        SearchResult,
        _recommended_schedule,
        wording.recommended_schedule_caption,
        lambda result: result.recipe is not None,
    ),
    "check_losses": FigureKind(CheckResult, check_losses, wording.CHECK_LOSSES_CAPTION),
    "stability_map": FigureKind(
        CheckResult, stability_map, wording.STABILITY_MAP_CAPTION, lambda result: why_no_stability_map(result) is None
    ),
    "checked_training": FigureKind(CheckResult, checked_training, wording.CHECKED_TRAINING_CAPTION),
    "claim": FigureKind(ClaimResult, claim_figure, claim_caption),
    "loss_plane": FigureKind(
        ExplainResult,
        lambda result: loss_plane(result.loss_slice),
        lambda result: slice_caption(result.loss_slice),
        lambda result: result.loss_slice is not None,
    ),
    "loss_slice": FigureKind(LossSlice, loss_slice_figure, slice_caption),
    "descent": FigureKind(Descent, descent_figure, wording.DESCENT_CAPTION),
    "diagnosis": FigureKind(DiagnoseResult, diagnosis_figure, wording.LOG_CAPTION),
    "log": FigureKind(TrainingLog, log_figure, wording.LOG_CAPTION),
    "watch": FigureKind(Watch, watch_figure, wording.WATCH_CAPTION),
    "recipe": FigureKind(Recipe, _recipe_schedule, wording.SCHEDULE_CAPTION, takes_steps=True),
    "schedule": FigureKind(Schedule, schedule_figure, wording.SCHEDULE_CAPTION, takes_steps=True),
}


def figure_kinds() -> Mapping[str, FigureKind]:
    """Return the registry: the figures of this package, then those of plugins."""
    return Registry(FIGURES, "surefoot.figures", is_entry=lambda entry: isinstance(entry, FigureKind))


def figures_of(result: Drawable, *, steps: int = DEFAULT_SCHEDULE_STEPS) -> list[CaptionedFigure]:
    """Return all figures of a result that it holds the data for, each with its caption.

    Args:
        result: What :func:`show` takes. An explanation has the figures of its claims first.
        steps: Length of the training in steps that a recipe or a schedule is drawn over.
    """
    return [*_figures_of(result, steps=steps)]


def _figures_of(result: Drawable, *, steps: int) -> Iterator[CaptionedFigure]:
    if isinstance(result, ExplainResult):
        for claim in result.claims:
            yield from _figures_of(claim, steps=steps)
    for name, kind in figure_kinds().items():
        if isinstance(result, kind.result_type) and kind.is_available(result):
            chart = kind.draw(result, steps=steps) if kind.takes_steps else kind.draw(result)
            caption = kind.caption if isinstance(kind.caption, str) else kind.caption(result)
            yield CaptionedFigure(name, result, chart, caption)


def show(result: Drawable, *, steps: int = DEFAULT_SCHEDULE_STEPS) -> Figure:
    """Return the chart of a result: as the last line of a notebook's cell it is shown.

    Args:
        result: What ``surefoot.tune``, ``find``, ``check``, ``diagnose``, ``explain``, ``slice_loss`` or ``descend``
            returned, a claim, a training log, a ``Watch``, a recipe or a schedule.
        steps: Length of the training in steps that a recipe or a schedule is drawn over.

    Returns:
        The figure of the result; of several, a column.

    Raises:
        TypeError: If there is no figure of such a thing.
        OutputError: If the result holds no data to draw.
    """
    if not isinstance(result, tuple({kind.result_type for kind in figure_kinds().values()})):
        known = ", ".join(sorted({kind.result_type.__name__ for kind in figure_kinds().values()}))
        raise TypeError(f"there are figures of {known}; given {type(result).__name__}.")
    figures = figures_of(result, steps=steps)
    if not figures:
        raise OutputError(f"this {type(result).__name__} holds no data to draw.")
    return figures[0].chart if len(figures) == 1 else stacked([figure.chart for figure in figures])


def save(result: Drawable | Figure, path: Path | str, *, steps: int = DEFAULT_SCHEDULE_STEPS) -> None:
    """Write the chart of a result, or a chart, to a file; the suffix chooses PNG, SVG, or HTML that needs no network.

    Args:
        result: What :func:`show` takes, or a chart.
        path: Path of the file; it is written whole or not at all.
        steps: Length of the training in steps that a recipe or a schedule is drawn over.

    Raises:
        OutputError: If the suffix is another one, or the file cannot be written.
        TypeError: If there is no figure of such a thing.
    """
    chart = result if isinstance(result, (alt.LayerChart, alt.VConcatChart)) else show(result, steps=steps)
    write_chart(chart, path)


def show_schedules(schedules: Sequence[Schedule], *, steps: int = DEFAULT_SCHEDULE_STEPS) -> Figure:
    """Return the chart of one schedule, or of several in one plot.

    Args:
        schedules: The schedules.
        steps: Length of the training in steps that they are drawn over.
    """
    if len(schedules) == 1:
        return schedule_figure(schedules[0], steps=steps)
    return schedule_figure({schedule_text(each): each for each in schedules}, steps=steps)


def stacked(figures: Sequence[Figure]) -> alt.VConcatChart:
    """Return figures in a column, each with its own colours and legends.

    Args:
        figures: The figures, the uppermost first.
    """
    parts: list[Any] = []
    for figure in figures:
        part = figure.copy()
        part.config = alt.Undefined
        if isinstance(part, alt.LayerChart):
            _fix_image_sizes(part)
        parts.append(part)
    chart = column(*parts, spacing=COLUMN_SPACING).resolve_scale(
        color="independent", size="independent", shape="independent", strokeDash="independent"
    )
    configured: alt.VConcatChart = chart.configure(**LIGHT_THEME)
    return configured


def _fix_image_sizes(chart: alt.LayerChart) -> None:
    """Give images that are as large as their chart its size in points: in a column Vega does not know it."""
    for layer in chart.layer:
        if getattr(layer.mark, "type", None) == "image" and isinstance(layer.mark.width, alt.ExprRef):
            layer.mark.width, layer.mark.height = chart.width, chart.height
