"""The map of stability: where a recipe lies on the quadratic model of the loss where its training ended.

The colour is how fast the model's error shrinks. Lines mark where it starts to oscillate and where it grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from surefoot.checking.curvature_summary import OptimizerOnQuadratic, optimizer_on_quadratic
from surefoot.checking.neighbourhood import CANDIDATE_MOMENTA, LrAndMomentum
from surefoot.checking.result import CheckResult
from surefoot.core.formatting import format_number
from surefoot.plots.axes_and_point_labels import (
    AxesPosition,
    SettingAxes,
    best_label_position,
    count_covered,
    label_positions,
    labelled_ring,
    log_ticks,
    outlined_text,
)
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.check_losses import TriedSetting, marked_settings, tried_settings
from surefoot.plots.theme import ADVISED, CHECK_ROLES, YOURS
from surefoot.theory.convergence import ConvergenceRegion, convergence_rate, convergence_region, steps_to_tolerance
from surefoot.wording.captions import stability_map_title
from surefoot.wording.verdicts import why_no_stability_map

# The colour is the number of steps in which the error shrinks to this share.
ERROR_SHARE = 0.1
# Cells of the shading, across and up, and its opacity.
GRID_CELLS, SHADING_OPACITY = (60, 34), 0.55
# Points of a line, and bisections that find each of them: 40 halve the interval to 1e-12 of itself.
CURVE_POINTS, BISECTIONS = 80, 40
# The map goes on beyond the limit of stability by this power of the ratio between the limit and the smallest learning
# rate, and at least by the factor.
BEYOND_LIMIT_EXPONENT, MIN_BEYOND_LIMIT = 0.3, 8.0
LIMIT_LABEL = "limit of stability"
REGION_LABELS = {
    ConvergenceRegion.MONOTONE: "monotone",
    ConvergenceRegion.OSCILLATING: "oscillates",
    ConvergenceRegion.DIVERGENT: "diverges",
}
# Half the width and half the height of a region's label, as shares of the axes.
REGION_LABEL_HALF_SIZE = (0.1, 0.05)
# From the middle of a ring to the middle of the arrowhead that points at it, in points.
ARROW_GAP = 17
# Positions along the arrow that labels should not hide.
ARROW_POSITIONS = 20


@dataclass(frozen=True, slots=True)
class LocalQuadratic:
    """The loss along its sharpest direction, as the recipe's optimizer sees it where its training ended.

    Attributes:
        optimizer: The recurrence of the recipe's optimizer on a quadratic, and its limit of stability.
        sharpness: Top eigenvalue of the Hessian; of the preconditioned one for Adam.
    """

    optimizer: OptimizerOnQuadratic
    sharpness: float

    @classmethod
    def of(cls, result: CheckResult) -> LocalQuadratic:
        """Return the model of a check.

        Raises:
            ValueError: If the check has none, see :func:`why_no_stability_map`.
        """
        optimizer, curvature = optimizer_on_quadratic(result.checked_recipe), result.curvature
        if optimizer is None or curvature is None or curvature.sharpness.value is None:
            raise ValueError(why_no_stability_map(result))
        return cls(optimizer, curvature.sharpness.value)

    def limit(self, gap: float) -> float:
        """Return the largest stable learning rate at a value of 1 - momentum."""
        return float(self.optimizer.limit(self.sharpness, 1.0 - gap))

    def steps_to_tenth(self, lr: NDArray[np.float64], gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number of steps in which the error shrinks to a tenth.

        Args:
            lr: Learning rates.
            gap: Values of 1 - momentum, of a shape that broadcasts with ``lr``.
        """
        return steps_to_tolerance(ERROR_SHARE, convergence_rate(self.optimizer.method(lr, 1.0 - gap), self.sharpness))

    def regions(self, lr: NDArray[np.float64], gap: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return what the error does, as values of :class:`ConvergenceRegion`; arguments as above."""
        return convergence_region(self.optimizer.method(lr, 1.0 - gap), self.sharpness)

    def largest_monotone_lr(self, gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest learning rate with which the error shrinks without oscillating, by bisection.

        Args:
            gap: Values of 1 - momentum, ``[G]``.
        """
        high = np.array([self.limit(each) for each in gap])
        low = high * 1e-9
        for _ in range(BISECTIONS):
            middle = np.sqrt(low * high)
            monotone = self.regions(middle, gap) == ConvergenceRegion.MONOTONE
            low, high = np.where(monotone, middle, low), np.where(monotone, high, middle)
        return low


def stability_map(result: CheckResult) -> alt.LayerChart:
    """Return the quadratic model over learning rate and momentum, with the recipe, the advice and all settings tried.

    The colour is the number of steps in which the error along the sharpest direction shrinks to a tenth, exactly as the
    recurrence of the optimizer has it. The solid line is the limit of stability; the dashed line separates where the
    error shrinks steadily from where it oscillates.

    Args:
        result: What ``check`` returned.

    Raises:
        ValueError: If there is no map, see :func:`why_no_stability_map`.
    """
    model = LocalQuadratic.of(result)
    tried, marked = tried_settings(result), marked_settings(result)
    axes = _axes_around([*(each.hyperparameters for each in tried), *marked.values()], model)
    occupied = [_position(each.hyperparameters, axes) for each in tried]
    occupied += _along_arrow([_position(each, axes) for each in marked.values()])
    occupied += [axes.position(row["lr"], row["gap"]) for row in _limit_points(model, axes)]
    rings = [*_rings(marked, axes, occupied)]
    shaft, head = _arrow(marked, axes) if ADVISED in marked else ([], [])
    layers = [
        *_shading(model, axes, max_steps=max(10, result.steps)),
        _unstable_area(model, axes),
        *_boundary_lines(model, axes),
        *_limit_label(model, axes, occupied),
        *shaft,
        _dots([each for each in tried if not each.diverged], axes),
        _crosses([each for each in tried if each.diverged], axes),
        *head,
        *rings,
        *_region_labels(model, axes, occupied),
    ]
    recipe = marked[YOURS]
    title = stability_map_title(recipe.lr, model.limit(1.0 - recipe.momentum))
    subtitle = [
        f"{result.task}: the quadratic model ({model.optimizer.name}) with full batches, sharpness "
        f"{format_number(model.sharpness)} where the training ended.",
        "Mini-batches lower the limit, and other settings end where the curvature differs.",
    ]
    figure: alt.LayerChart = titled(layered(*layers), title, subtitle=subtitle)
    return figure


def _axes_around(settings: Sequence[LrAndMomentum], model: LocalQuadratic) -> SettingAxes:
    """Return axes that hold some settings, the limit of stability at them, and all usual momenta."""
    limits = [model.limit(1.0 - each.momentum) for each in settings]
    beyond = max(MIN_BEYOND_LIMIT, (max(limits) / min(each.lr for each in settings)) ** BEYOND_LIMIT_EXPONENT)
    at_limits = [(limit * factor, 0.0) for limit in limits for factor in (1.0, beyond)]
    at_momenta = [(limits[0], momentum) for momentum in CANDIDATE_MOMENTA]
    return SettingAxes.around([*((each.lr, each.momentum) for each in settings), *at_limits, *at_momenta])


def _position(setting: LrAndMomentum, axes: SettingAxes) -> AxesPosition:
    return axes.position(setting.lr, 1.0 - setting.momentum)


def _along_arrow(positions: Sequence[AxesPosition]) -> list[AxesPosition]:
    """Return positions all along the way between the first and the last."""
    (x, y), (to_x, to_y) = positions[0], positions[-1]
    return [(x + (to_x - x) * part, y + (to_y - y) * part) for part in np.linspace(0.0, 1.0, ARROW_POSITIONS).tolist()]


def _shading(model: LocalQuadratic, axes: SettingAxes, *, max_steps: int) -> Iterator[alt.Chart]:
    """Yield cells in the colour of the steps to a tenth where the model is stable, and paper that fades them.

    Every cell reaches under its neighbours, so that no gaps show between them. More than ``max_steps`` steps have the
    colour of ``max_steps``.
    """
    columns, rows = GRID_CELLS
    x, y = np.geomspace(*axes.lr, columns + 1), np.geomspace(axes.gap[0], 1.0, rows + 1)
    limits = np.array([model.limit(each) for each in y])
    gap = np.sqrt(y[1:] * y[:-1])
    ends = np.minimum(x[1:, None], np.array([model.limit(each) for each in gap]) * (1.0 - 1e-6))
    lr = np.minimum(np.sqrt(x[:-1, None] * ends), ends)
    steps = model.steps_to_tenth(lr, np.broadcast_to(gap, lr.shape))
    cells: list[Row] = [
        {
            "lr": float(x[i]),
            "right": float(x[min(i + 2, columns)]),
            "gap": float(y[j]),
            "top": float(y[min(j + 2, rows)]),
            "steps": min(max(float(steps[i, j]), 1.0), float(max_steps)),
        }
        for i, j in np.ndindex(columns, rows)
        if x[i] < max(limits[j], limits[j + 1])
    ]
    corners = {"x2": "right:Q", "y2": "top:Q"}
    shaded = alt.Chart(inline_data(cells)).mark_rect(opacity=1.0)
    yield shaded.encode(axes.x(), axes.y(), color=_steps_colour(max_steps), **corners)
    whole: Row = {"lr": axes.lr[0], "right": axes.lr[1], "gap": axes.gap[0], "top": 1.0}
    fade = alt.Chart(inline_data([whole])).mark_rect(style="paper", opacity=1.0 - SHADING_OPACITY)
    yield fade.encode(axes.x(), axes.y(), **corners)


def _steps_colour(max_steps: int) -> alt.Color:
    scale = alt.Scale(type="log", domain=[1.0, max_steps], clamp=True, nice=False, range="heatmap")
    legend = alt.Legend(
        orient="bottom",
        title="steps to a tenth of the error",
        format="~g",
        values=log_ticks(1.0, max_steps, max_ticks=6),
        direction="horizontal",
        gradientOpacity=SHADING_OPACITY,
    )
    return alt.Color("steps:Q", scale=scale, legend=legend)


def _unstable_area(model: LocalQuadratic, axes: SettingAxes) -> alt.Chart:
    """Return the area beyond the limit of stability."""
    limit = _limit_points(model, axes)
    # It reaches a little below momentum 0, where cells would show else.
    rows: list[Row] = [{**row, "right": axes.lr[1]} for row in (*limit, {**limit[-1], "gap": 1.006})]
    area = alt.Chart(inline_data(rows)).mark_area(orient="horizontal", style="outside", opacity=1.0, clip=True)
    chart: alt.Chart = area.encode(axes.x(), axes.y(), x2="right:Q")
    return chart


def _limit_points(model: LocalQuadratic, axes: SettingAxes) -> list[dict[str, float]]:
    """Return points of the limit of stability; those to the right of the map lie at its edge."""
    gaps = np.geomspace(axes.gap[0], 1.0, CURVE_POINTS).tolist()
    return [{"lr": min(model.limit(gap), axes.lr[1]), "gap": gap} for gap in gaps]


def _boundary_lines(model: LocalQuadratic, axes: SettingAxes) -> Iterator[alt.Chart]:
    """Yield where the error starts to oscillate, dashed, and the limit of stability."""
    gaps = np.geomspace(axes.gap[0], 1.0, CURVE_POINTS)
    monotone: list[Row] = [
        {"lr": lr, "gap": gap}
        for lr, gap in zip(model.largest_monotone_lr(gaps).tolist(), gaps.tolist(), strict=True)
        if lr >= axes.lr[0]
    ]
    order = alt.Order("gap:Q")
    dashed = alt.Chart(inline_data(monotone)).mark_line(style="drawn", strokeDash=[4, 4], strokeWidth=1.2, clip=True)
    yield dashed.encode(axes.x(), axes.y(), order=order)
    line = alt.Chart(inline_data(_limit_points(model, axes))).mark_line(style="drawn", strokeWidth=2.5, clip=True)
    yield line.encode(axes.x(), axes.y(), order=order)


def _limit_label(model: LocalQuadratic, axes: SettingAxes, occupied: list[AxesPosition]) -> Iterator[alt.Chart]:
    """Yield the label of the limit where it hides the least, and add what it covers to the occupied positions."""
    sideways = label_positions(LIMIT_LABEL)[:2]
    candidates = [(row, label) for row in _limit_points(model, axes)[::4] for label in sideways]
    row, label = min(
        candidates,
        key=lambda each: count_covered(each[1], axes.position(each[0]["lr"], each[0]["gap"]), occupied),
    )
    occupied += label.covered_positions(axes.position(row["lr"], row["gap"]))
    base = alt.Chart(inline_data([{**row, "name": LIMIT_LABEL}])).encode(axes.x(), axes.y())
    yield from outlined_text(base, label, field="name")


def _region_labels(model: LocalQuadratic, axes: SettingAxes, occupied: Sequence[AxesPosition]) -> Iterator[alt.Chart]:
    """Yield the label of every region that has room for it, in the middle of the room.

    Distances are in units of the label's half size: a label fits where nothing else is within 1.
    """
    columns, rows = (each // 2 for each in GRID_CELLS)
    x, y = np.geomspace(*axes.lr, columns), np.geomspace(axes.gap[0], 1.0, rows)
    lr, gap = (each.ravel() for each in np.meshgrid(x, y, indexing="ij"))
    regions = model.regions(lr, gap)
    size = np.array(REGION_LABEL_HALF_SIZE)
    positions = np.array([axes.position(*each) for each in zip(lr, gap, strict=True)]) / size
    obstacles = np.array(occupied).reshape(-1, 2) / size
    to_edge = np.minimum(positions, 1.0 / size - positions).min(1)
    for region, label in REGION_LABELS.items():
        inside = regions == region
        others = np.concatenate([positions[~inside], obstacles])
        room = np.abs(positions[inside][:, None] - others[None]).max(-1).min(1, initial=np.inf)
        room = np.minimum(room, to_edge[inside])
        if not room.size or room.max() < 1.0:
            continue
        best = int(np.flatnonzero(inside)[room.argmax()])
        row: Row = {"lr": float(lr[best]), "gap": float(gap[best]), "name": label}
        text = alt.Chart(inline_data([row])).mark_text(style="note", fontStyle="italic")
        yield text.encode(axes.x(), axes.y(), text="name:N")


def _dots(tried: Sequence[TriedSetting], axes: SettingAxes) -> alt.Chart:
    base = alt.Chart(inline_data(_setting_row(each) for each in tried))
    dots = base.mark_point(filled=True, size=34, opacity=1.0, style=["drawn", "backdrop"], strokeWidth=1)
    chart: alt.Chart = dots.encode(axes.x(), axes.y(), tooltip=_TOOLTIP)
    return chart


def _crosses(tried: Sequence[TriedSetting], axes: SettingAxes) -> alt.Chart:
    base = alt.Chart(inline_data(_setting_row(each) for each in tried))
    crosses = base.mark_text(text="✕", style="note", fontSize=11, fontWeight=600)
    chart: alt.Chart = crosses.encode(axes.x(), axes.y(), tooltip=_TOOLTIP)
    return chart


_TOOLTIP = [
    alt.Tooltip("rate:N", title="learning rate"),
    alt.Tooltip("momentum:N"),
    alt.Tooltip("losses:N", title="validation loss"),
]


def _setting_row(tried: TriedSetting) -> Row:
    lr, momentum = tried.hyperparameters.lr, tried.hyperparameters.momentum
    return {
        "lr": lr,
        "gap": 1.0 - momentum,
        "rate": format_number(lr),
        "momentum": format_number(momentum),
        "losses": tried.losses_text,
    }


def _arrow(marked: Mapping[str, LrAndMomentum], axes: SettingAxes) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """Return shaft and head of an arrow from the recipe to the advice, right for any width of the figure."""
    start, end = marked[YOURS], marked[ADVISED]
    row: Row = {"lr": start.lr, "gap": 1.0 - start.momentum, "to": end.lr, "to_gap": 1.0 - end.momentum}
    base = alt.Chart(inline_data([row])).encode(axes.x(), axes.y(), x2="to:Q", y2="to_gap:Q")
    shaft = [base.mark_rule(style="paper", strokeWidth=5), base.mark_rule(style="drawn", strokeWidth=2)]
    (x, y), (to_x, to_y) = (_position(each, axes) for each in (start, end))
    angle = f"atan2({to_y - y:.6g} * height, {to_x - x:.6g} * width)"
    tip = alt.Chart(inline_data([{"lr": end.lr, "gap": 1.0 - end.momentum}])).encode(axes.x(), axes.y())
    head = tip.mark_point(
        shape="triangle-right",
        filled=True,
        size=120,
        opacity=1.0,
        style="drawn",
        angle=alt.ExprRef(f"{angle} * 180 / PI"),
        xOffset=alt.ExprRef(f"-{ARROW_GAP} * cos({angle})"),
        yOffset=alt.ExprRef(f"-{ARROW_GAP} * sin({angle})"),
    )
    return shaft, [head]


def _rings(marked: Mapping[str, LrAndMomentum], axes: SettingAxes, occupied: list[AxesPosition]) -> Iterator[alt.Chart]:
    """Yield labelled rings around the marked settings, and add what the labels cover to the occupied positions."""
    for role, setting in marked.items():
        point = _position(setting, axes)
        label = best_label_position(role, point, occupied)
        occupied += label.covered_positions(point)
        row: Row = {"lr": setting.lr, "gap": 1.0 - setting.momentum, "role": role}
        yield from labelled_ring(alt.Chart(inline_data([row])).encode(axes.x(), axes.y()), label, roles=CHECK_ROLES)
