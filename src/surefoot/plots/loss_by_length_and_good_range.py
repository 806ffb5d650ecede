"""The frontier, the best loss to expect of each training length; and the good learning rates at each momentum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import altair as alt

from surefoot.core.formatting import format_interval, format_measurement, format_number
from surefoot.plots.axes_and_point_labels import finite_values, log_axis, loss_scale
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.theme import RECOMMENDED, RUNNER_UP, role_colour
from surefoot.plots.trial_point_data import TrialPoint, trial_points
from surefoot.search.result import FrontierPoint, MomentumRow, SearchResult
from surefoot.wording.captions import frontier_figure_title, good_range_title

# Factor by which the axis goes on beyond the shortest and the longest training.
LENGTH_MARGIN = 1.25
# Trials are drawn up to this factor above the highest point of the frontier; where losses may be negative, up to this
# share of the range of the losses.
CEILING_FACTOR, CEILING_SHARE = 3.0, 0.5
# Trials are drawn down to this factor below the lowest point: a single small training may end with a loss of almost 0.
FLOOR_FACTOR = 10.0
# Two points nearer than this share of the axis are not both labelled with their learning rate.
MIN_LABEL_DISTANCE = 0.07


def frontier_figure(result: SearchResult) -> alt.LayerChart:
    """Return the expected loss over the training length, with its 90 % interval and the trials behind it.

    A filled point is a length that was tried, an empty one is extrapolated. The number at a point is the learning rate
    of its recipe.

    Args:
        result: What find or tune returned, with a frontier.
    """
    points = [point for point in result.frontier if math.isfinite(point.loss)]
    x, y, trials = _axes_and_trials(result, points)
    base = alt.Chart(inline_data([_point_row(point) for point in points])).encode(x, y, tooltip=_FRONTIER_TOOLTIP)
    trial_rows: list[Row] = [
        {"steps": trial.steps, "loss": value, "recipe": str(trial.recipe)} for trial, value in trials
    ]
    trial_dots = alt.Chart(inline_data(trial_rows)).mark_point(
        filled=True, size=22, opacity=0.3, style="drawn", clip=True
    )
    tried, extrapolated = (base.transform_filter(f"datum.trials {test} 0") for test in (">", "=="))
    layers = [
        base.mark_area(opacity=0.18, clip=True).encode(
            y=alt.Y("low:Q", scale=y["scale"]), y2="high:Q", color=role_colour()
        ),
        trial_dots.encode(x, y, tooltip=["recipe:N", "loss:Q", "steps:Q"]),
        *_recommended_length(result, x),
        *_expected_loss_lines(points, x, y),
        tried.mark_point(filled=True, size=90, opacity=1.0).encode(color=role_colour()),
        extrapolated.mark_point(style="paper", filled=True, size=90, opacity=1.0),
        extrapolated.mark_point(filled=False, size=80, strokeWidth=2, opacity=1.0).encode(color=role_colour()),
        *_rate_labels(points, x, y),
    ]
    empty = " Empty: extrapolated." if any(not point.trials for point in points) else ""
    subtitle = f"{result.task}: the best expected of each length, band: 90 % interval, grey dots: trials.{empty}"
    figure: alt.LayerChart = titled(layered(*layers), frontier_figure_title(result), subtitle=subtitle)
    return figure


def _axes_and_trials(
    result: SearchResult, points: Sequence[FrontierPoint]
) -> tuple[alt.X, alt.Y, list[tuple[TrialPoint, float]]]:
    """Return both axes, and the trials that are drawn with their loss, or their metric where that is the goal."""
    is_metric = result.criterion.goal == "metric"
    trials = _scored_trials(result)
    in_view, ceiling = (trials, None) if is_metric else _trials_in_view(points, trials)
    bounds = finite_values(bound for point in points for bound in (point.low, point.high))
    values = [*bounds, *(point.loss for point in points), *(value for _, value in in_view)]
    if is_metric:
        scale, axis = alt.Scale(zero=False, nice=True, domain=[min(values), max(values)]), alt.Axis(tickCount=6)
    else:
        scale, axis = loss_scale(values, ceiling=ceiling)
    y = alt.Y("loss:Q", title="validation metric" if is_metric else "validation loss", scale=scale, axis=axis)
    lengths = [point.steps for point in points]
    domain = [lengths[0] / LENGTH_MARGIN, lengths[-1] * LENGTH_MARGIN]
    x = alt.X(
        "steps:Q",
        title="steps of the training (log scale)",
        scale=alt.Scale(type="log", domain=domain, nice=False),
        axis=alt.Axis(values=_labelled_lengths(lengths), format=",d", labelOverlap=True),
    )
    return x, y, in_view


def _scored_trials(result: SearchResult) -> list[tuple[TrialPoint, float]]:
    """Return the trials with what the search optimised: their loss, or their metric."""
    trials = trial_points(result.measurements, score_at=result.criterion.score_at)
    is_metric = result.criterion.goal == "metric"
    scored = [(trial, trial.metric if is_metric else trial.loss) for trial in trials]
    return [(trial, value) for trial, value in scored if value is not None and math.isfinite(value)]


def _trials_in_view(
    points: Sequence[FrontierPoint], trials: Sequence[tuple[TrialPoint, float]]
) -> tuple[list[tuple[TrialPoint, float]], float | None]:
    """Return the trials near the frontier, and where the loss axis ends if some lie above it."""
    bounds = finite_values(bound for point in points for bound in (point.loss, point.high))
    lowest, highest = min(point.loss for point in points), max(bounds)
    span = highest - lowest or abs(highest) or 1.0
    ceiling = highest * CEILING_FACTOR if lowest > 0 else highest + CEILING_SHARE * span
    floor = min(lowest, *finite_values(point.low for point in points)) / FLOOR_FACTOR if lowest > 0 else -math.inf
    in_view = [(trial, loss) for trial, loss in trials if floor < loss <= ceiling]
    return in_view, ceiling if any(loss > ceiling for _, loss in trials) else None


def _labelled_lengths(lengths: Sequence[int]) -> list[int]:
    """Return the training lengths that are labelled: of two close ones the longer."""
    span = math.log(lengths[-1] / lengths[0]) or 1.0
    labelled = [lengths[-1]]
    for length in reversed(lengths[:-1]):
        if math.log(labelled[0] / length) / span >= MIN_LABEL_DISTANCE:
            labelled.insert(0, length)
    return labelled


def _expected_loss_lines(points: Sequence[FrontierPoint], x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """Yield the line through the points; dashed where it leads to an extrapolated one."""
    for dashed in (False, True):
        pairs = [pair for pair in pairwise(points) if (pair[1].trials == 0 or pair[0].trials == 0) == dashed]
        rows: list[Row] = [{**_point_row(point), "pair": number} for number, pair in enumerate(pairs) for point in pair]
        line = alt.Chart(inline_data(rows)).mark_line(strokeDash=[5, 4] if dashed else [1, 0])
        yield line.encode(x, y, detail="pair:N", color=role_colour())


def _rate_labels(points: Sequence[FrontierPoint], x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """Yield the learning rate above each point that has room for it."""
    labelled = {*_labelled_lengths([point.steps for point in points])}
    rows: list[Row] = [
        {**_point_row(point), "text": f"lr {format_number(point.recipe.lr.highest)}"}
        for point in points
        if point.steps in labelled
    ]
    base = alt.Chart(inline_data(rows)).encode(x, y, text="text:N")
    for style in ("halo", "note"):
        yield base.mark_text(style=style, dy=-15)


def _recommended_length(result: SearchResult, x: alt.X) -> Iterator[alt.Chart]:
    """Yield a vertical line at the recommended length, labelled at the top."""
    if result.recipe is None or result.steps not in [point.steps for point in result.frontier]:
        return
    in_left_half = result.steps <= math.sqrt(result.frontier[0].steps * result.frontier[-1].steps)
    row: Row = {"steps": result.steps, "text": f"{RECOMMENDED}: {result.steps:,} steps"}
    base = alt.Chart(inline_data([row])).encode(x)
    yield base.mark_rule(strokeDash=[2, 3], strokeWidth=1.5)
    align: Literal["left", "right"] = "left" if in_left_half else "right"
    dx = 6 if in_left_half else -6
    yield base.mark_text(align=align, dx=dx, dy=8, style="note", fontWeight=600).encode(y=alt.value(0), text="text:N")


def _point_row(point: FrontierPoint) -> Row:
    known = math.isfinite(point.low) and math.isfinite(point.high)
    return {
        "role": RECOMMENDED,
        "steps": point.steps,
        "loss": point.loss,
        "low": point.low if known else point.loss,
        "high": point.high if known else point.loss,
        "trials": point.trials,
        "recipe": str(point.recipe),
        "expected": format_measurement(point.loss),
        "interval": f"{format_measurement(point.low)} to {format_measurement(point.high)}" if known else "not known",
    }


_FRONTIER_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("steps:Q", format=",d"),
    alt.Tooltip("expected:N", title="expected"),
    alt.Tooltip("interval:N", title="90 % interval"),
    alt.Tooltip("trials:Q"),
]


# Height of the row of a momentum, in points.
ROW_HEIGHT = 40
# An SVG path, in a square from -1 to 1.
CROSS_SHAPE = "M-1,-1L1,1M-1,1L1,-1"
# Factor by which the axis goes on beyond the learning rates drawn.
RATE_MARGIN = 1.4
# Room for the expected losses on the right, as a share of the axis.
LOSS_COLUMN_SHARE = 0.16


def good_range_figure(result: SearchResult) -> alt.LayerChart:
    """Return the good learning rates of each momentum as bars, the best as dots, the largest usable as crosses.

    Args:
        result: What find or tune returned, with learning rates by momentum, or a good range.
    """
    momenta = result.momentum_rows()
    rates = [rate for row in momenta for rate in (row.lr, row.limit, *_good_bounds(row)) if rate]
    low, high = min(rates) / RATE_MARGIN, max(rates) * RATE_MARGIN
    high *= (high / low) ** LOSS_COLUMN_SHARE
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("lr:Q", scale=scale, axis=log_axis(low, high), title="learning rate (peak)")
    rows = [_momentum_row(row, result) for row in momenta]
    y = alt.Y("momentum:N", sort=[str(row["momentum"]) for row in rows], title="momentum", axis=alt.Axis(ticks=False))
    base = alt.Chart(inline_data(rows)).encode(y, color=role_colour(), tooltip=_GOOD_RANGE_TOOLTIP)
    limits = base.transform_filter("datum.limit != null").encode(alt.X("limit:Q", scale=scale))
    layers = [
        base.transform_filter("datum.low != null")
        .mark_bar(height=13, opacity=0.4, cornerRadius=3)
        .encode(alt.X("low:Q", scale=scale), x2="high:Q"),
        limits.mark_rule(strokeWidth=1.2, strokeDash=[2, 3]).encode(x2="lr:Q"),
        limits.mark_point(shape=CROSS_SHAPE, filled=False, size=45, strokeWidth=2.2, opacity=1.0),
        base.mark_point(filled=True, size=100, opacity=1.0).encode(x),
        base.mark_text(align="right", dx=-6, style="note").encode(x=alt.value("width"), text="expected:N"),
    ]
    subtitle = f"{result.task}: bars: good; dots: best; crosses: the largest usable; right: expected loss."
    figure: alt.LayerChart = titled(
        layered(*layers, height=ROW_HEIGHT * len(rows)), good_range_title(result), subtitle=subtitle
    )
    return figure


def has_good_range(result: SearchResult) -> bool:
    """Return whether a search knows learning rates by momentum, or a good range, which the figure needs."""
    return bool(result.by_momentum) or (result.good_range is not None and result.recipe is not None)


def _good_bounds(row: MomentumRow) -> tuple[float, ...]:
    return () if row.good is None else (row.good.low, row.good.high)


def _momentum_row(row: MomentumRow, result: SearchResult) -> Row:
    return {
        "momentum": format_number(row.momentum),
        "role": RECOMMENDED if result.is_recommended(row) else RUNNER_UP,
        "lr": row.lr,
        "low": None if row.good is None else row.good.low,
        "high": None if row.good is None else row.good.high,
        "limit": row.limit,
        "expected": format_measurement(row.loss) if math.isfinite(row.loss) else "",
        "best": format_number(row.lr),
        "good": "none" if row.good is None else format_interval(row.good),
        "largest": "not reached" if row.limit is None else format_number(row.limit),
    }


_GOOD_RANGE_TOOLTIP = [
    alt.Tooltip("momentum:N"),
    alt.Tooltip("best:N", title="best learning rate"),
    alt.Tooltip("good:N", title="good learning rates"),
    alt.Tooltip("largest:N", title="largest usable"),
    alt.Tooltip("expected:N", title="expected validation loss"),
]
