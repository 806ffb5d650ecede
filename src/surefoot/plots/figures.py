"""Charts that a notebook shows without a network: Altair's own way there fetches its script from a server.

A chart -> a file.

The figures of a search, each with how to read it: the same in a notebook and in the report.

A result -> the chart that a notebook shows.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import altair as alt

from surefoot.checking.result import CheckResult
from surefoot.core.errors import OutputError, nearest
from surefoot.core.files import atomic_path
from surefoot.explanation.claim import Claim
from surefoot.explanation.result import ExplainResult
from surefoot.log_diagnosis.diagnose import DiagnoseResult
from surefoot.logs.curve import Curve
from surefoot.loss_slices.result import LossSlice
from surefoot.plots.check_losses import check_losses
from surefoot.plots.claim_figures import claim_figure
from surefoot.plots.descended import descended
from surefoot.plots.frontier import frontier
from surefoot.plots.good_range import comparison, good_range
from surefoot.plots.heat_map import heat_map
from surefoot.plots.learning_curves import learning_curves, own_training
from surefoot.plots.loss_slice import loss_plane, loss_slice
from surefoot.plots.schedule import recipe_schedule, schedule
from surefoot.plots.stability_map import stability_map, why_no_map
from surefoot.plots.theme import HEIGHT, LIGHT, WIDTH, Figure, column
from surefoot.plots.training_log import diagnosed, logged, watched
from surefoot.plots.trial_points import trial_points
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text
from surefoot.search.result import SearchResult
from surefoot.surfaces.descent import Descent
from surefoot.watch.watch import Watch

SUFFIXES = (".png", ".svg", ".html")
# A picture is to be sharp on screens with two pixels a point.
PIXELS_PER_POINT = 2


def png(chart: Figure) -> bytes:
    """Return a chart as a PNG of two pixels a point."""
    buffer = io.BytesIO()
    chart.save(buffer, format="png", scale_factor=PIXELS_PER_POINT)
    return buffer.getvalue()


def check_picture(path: Path | str) -> None:
    """Make sure that a picture can be written there, before any work for it is done.

    Raises:
        OutputError: If the suffix is none of a picture's, or the folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        alike = nearest(path.suffix.lower(), SUFFIXES)
        hint = alike or f"as in {path.with_suffix('.png').name if path.name else 'chart.png'}"
        raise OutputError(f"a picture ends in {', '.join(SUFFIXES)}; given {str(path)!r}.", hint=hint)
    require_folder(path)


def require_folder(path: Path) -> None:
    """Make sure that a file's folder is there.

    Raises:
        OutputError: If it is not.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: its folder does not exist.", hint=f"make {str(path.parent)!r}.")


def write_chart(chart: Figure, path: Path | str) -> None:
    """Write a chart as PNG, SVG or HTML that needs no network, by the path's suffix; whole or not at all.

    Raises:
        OutputError: If the suffix is another one, or the file cannot be written.
    """
    check_picture(path)
    path = Path(path)
    suffix = path.suffix.lower()
    options: dict[str, Any] = {"scale_factor": PIXELS_PER_POINT} if suffix == ".png" else {}
    options |= {"inline": True} if suffix == ".html" else {}
    with atomic_path(path) as temporary:
        chart.save(temporary, format=cast('Literal["png", "svg", "html"]', suffix[1:]), **options)


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


TYPICAL_STEPS = 1000
# Whatever there is a figure of.
Shown: TypeAlias = (
    "SearchResult | CheckResult | DiagnoseResult | ExplainResult | Claim | LossSlice | Descent | Curve | Watch "
    "| Recipe | Schedule"
)


def show(result: Shown, *, steps: int = TYPICAL_STEPS) -> Figure:
    """Return the chart of a result: in a notebook, the last line of a cell shows it.

    Args:
        result: What ``surefoot.tune``, ``find``, ``check``, ``diagnose``, ``explain``, ``slice_loss`` or ``descend``
            returned, a claim, a log's curve, a ``Watch``, a recipe or a schedule.
        steps: Length of the training that a recipe or a schedule is drawn over.

    Raises:
        TypeError: If it is nothing of that kind.
    """
    for kind, drawn in _FIGURES.items():
        if isinstance(result, kind):
            return drawn(result)
    if isinstance(result, Recipe):
        return recipe_schedule(result, steps=steps, title=str(result))
    if isinstance(result, Schedule):
        return schedule(result, steps=steps)
    known = ", ".join(sorted(kind.__name__ for kind in (*_FIGURES, Recipe, Schedule)))
    raise TypeError(f"there are figures of {known}; given {type(result).__name__}.")


def save(result: Shown | Figure, path: Path | str, *, steps: int = TYPICAL_STEPS) -> None:
    """Write the chart of a result, or a chart, as PNG, SVG or HTML that needs no network, by the path's suffix.

    Args:
        result: What :func:`show` takes, or a chart.
        path: Of the file; it is written whole or not at all.
        steps: Length of the training that a recipe or a schedule is drawn over.

    Raises:
        OutputError: If the suffix is another one, or the file cannot be written.
        TypeError: If there is no figure of it.
    """
    chart = result if isinstance(result, (alt.LayerChart, alt.VConcatChart)) else show(result, steps=steps)
    write_chart(chart, path)


def show_schedules(schedules: Sequence[Schedule], *, steps: int = TYPICAL_STEPS) -> Figure:
    """Return the chart of one schedule, or of several in one picture, over a training of so many steps."""
    if len(schedules) == 1:
        return schedule(schedules[0], steps=steps)
    return schedule({schedule_text(each): each for each in schedules}, steps=steps)


def check_figures(result: CheckResult) -> list[alt.LayerChart]:
    """Return the figures of a check, the most telling first; without its curvature those that can be drawn."""
    stability = [stability_map(result)] if why_no_map(result) is None else []
    return [check_losses(result), *stability, own_training(result)]


def explain_figures(result: ExplainResult) -> list[alt.LayerChart]:
    """Return each claim's figure, and the slice of the loss where there is one."""
    sliced = [] if result.loss_slice is None else [loss_plane(result.loss_slice, size=(WIDTH, HEIGHT))]
    return [*(claim_figure(claim) for claim in result.claims), *sliced]


# Those whose figure needs nothing but themselves.
_FIGURES: dict[type[Any], Callable[[Any], Figure]] = {
    SearchResult: lambda result: stacked([figure.chart for figure in search_figures(result)]),
    CheckResult: lambda result: stacked(check_figures(result)),
    DiagnoseResult: diagnosed,
    ExplainResult: lambda result: stacked(explain_figures(result)),
    Claim: claim_figure,
    LossSlice: loss_slice,
    Descent: descended,
    Curve: logged,
    Watch: watched,
}


def stacked(figures: Sequence[alt.LayerChart]) -> alt.VConcatChart:
    """Return figures one below the other, each with its own colours and legends."""
    bare: list[Any] = []
    for figure in figures:
        copy = figure.copy()
        copy.config = alt.Undefined
        bare.append(copy)
    chart = column(*bare, spacing=40).resolve_scale(
        color="independent", size="independent", shape="independent", strokeDash="independent"
    )
    configured: alt.VConcatChart = chart.configure(**LIGHT)
    return configured
