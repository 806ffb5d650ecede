"""The quadratic model of a loss as the ground of a picture: how fast its error shrinks, and from where on it grows.

The map of stability: where a recipe stands on the quadratic model of the loss around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from surefoot.checking.curvature_summary import Quadratic, quadratic_of
from surefoot.checking.neighbourhood import MOMENTA, Setting
from surefoot.checking.result import CheckResult
from surefoot.core.formatting import numeral
from surefoot.plots.axes import Place, Side, freest, hidden, log_ticks, ring, sides, written
from surefoot.plots.check_losses import CHECK_ROLES, SettingTrials, check_trials, marked_settings
from surefoot.plots.theme import ADVISED, YOURS, Row, finished, inline, layered
from surefoot.plots.trial_points import Frame
from surefoot.theory.convergence import Region, rate, region, steps_to

# The error is to shrink to this share.
SHARE = 0.1
LIMIT = "limit of stability"
# Cells of the shading, across and up.
CELLS = (60, 34)
OPACITY = 0.55
# Points of a line, and halvings until its place is known.
POINTS, HALVINGS = 80, 40
# Half the width and height of a region's name, as shares of the axes.
NAME_WIDTH, NAME_HEIGHT = 0.1, 0.05
NAMES = {Region.MONOTONE: "monotone", Region.OSCILLATING: "oscillates", Region.DIVERGENT: "diverges"}


@dataclass(frozen=True, slots=True)
class Bowl:
    """The quadratic model of one recipe where its training ended."""

    quadratic: Quadratic
    curvature: float

    @classmethod
    def of(cls, result: CheckResult) -> Bowl:
        """Return that of a check's recipe; its curvature is to be known."""
        quadratic = quadratic_of(result.recipe)
        assert quadratic is not None  # noqa: S101  (why_no_map is to be asked first)
        assert result.curvature is not None  # noqa: S101
        assert result.curvature.sharpness.value is not None  # noqa: S101
        return cls(quadratic, result.curvature.sharpness.value)

    def limit(self, gap: float) -> float:
        """Return the largest stable learning rate at 1 - momentum."""
        return float(self.quadratic.limit(self.curvature, 1.0 - gap))

    def steps(self, lr: NDArray[np.float64], gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the steps in which the error shrinks to a tenth."""
        return steps_to(SHARE, rate(self.quadratic.method(lr, 1.0 - gap), self.curvature))

    def regions(self, lr: NDArray[np.float64], gap: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return what the error does, as numbers of :class:`Region`."""
        return region(self.quadratic.method(lr, 1.0 - gap), self.curvature)

    def end_of_monotone(self, gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest learning rate at each 1 - momentum with which the error shrinks steadily."""
        high = np.array([self.limit(each) for each in gap])
        low = high * 1e-9
        for _ in range(HALVINGS):
            middle = np.sqrt(low * high)
            steady = self.regions(middle, gap) == Region.MONOTONE
            low, high = np.where(steady, middle, low), np.where(steady, high, middle)
        return low


def shading(bowl: Bowl, frame: Frame, *, longest: int) -> Iterator[alt.Chart]:
    """Yield the steps to a tenth where the model is stable, and a veil over them; over ``longest`` all are as bad.

    Every cell reaches under the next ones, so that nothing shines through between them.
    """
    columns, rows = CELLS
    x, y = np.geomspace(*frame.lr, columns + 1), np.geomspace(frame.gap[0], 1.0, rows + 1)
    limits = np.array([bowl.limit(each) for each in y])
    gap = np.sqrt(y[1:] * y[:-1])
    ends = np.minimum(x[1:, None], np.array([bowl.limit(each) for each in gap]) * (1.0 - 1e-6))
    lr = np.minimum(np.sqrt(x[:-1, None] * ends), ends)
    steps = bowl.steps(lr, np.broadcast_to(gap, lr.shape))
    cells: list[Row] = [
        {
            "lr": float(x[i]),
            "right": float(x[min(i + 2, columns)]),
            "gap": float(y[j]),
            "top": float(y[min(j + 2, rows)]),
            "steps": min(max(float(steps[i, j]), 1.0), float(longest)),
        }
        for i, j in np.ndindex(columns, rows)
        if x[i] < max(limits[j], limits[j + 1])
    ]
    corners = {"x2": "right:Q", "y2": "top:Q"}
    shaded = alt.Chart(inline(cells)).mark_rect(opacity=1.0)
    yield shaded.encode(frame.x(), frame.y(), color=_colour(longest), **corners)
    whole: Row = {"lr": frame.lr[0], "right": frame.lr[1], "gap": frame.gap[0], "top": 1.0}
    veil = alt.Chart(inline([whole])).mark_rect(style="paper", opacity=1.0 - OPACITY)
    yield veil.encode(frame.x(), frame.y(), **corners)


def _colour(longest: int) -> alt.Color:
    scale = alt.Scale(type="log", domain=[1.0, longest], clamp=True, nice=False, range="heatmap")
    legend = alt.Legend(
        orient="bottom",
        title="steps to a tenth of the error",
        format="~g",
        values=log_ticks(1.0, longest, most=6),
        direction="horizontal",
        gradientOpacity=OPACITY,
    )
    return alt.Color("steps:Q", scale=scale, legend=legend)


def outside(bowl: Bowl, frame: Frame) -> alt.Chart:
    """Return the ground beyond the limit."""
    limit = limit_rows(bowl, frame)
    # A hair below momentum 0, so that nothing shines out there.
    rows: list[Row] = [{**row, "right": frame.lr[1]} for row in (*limit, {**limit[-1], "gap": 1.006})]
    chart: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_area(orient="horizontal", style="outside", opacity=1.0, clip=True)
        .encode(frame.x(), frame.y(), x2="right:Q")
    )
    return chart


def limit_rows(bowl: Bowl, frame: Frame) -> list[dict[str, float]]:
    """Return points of the limit of stability; what is beyond the picture lies at its edge."""
    gaps = np.geomspace(frame.gap[0], 1.0, POINTS).tolist()
    return [{"lr": min(bowl.limit(gap), frame.lr[1]), "gap": gap} for gap in gaps]


def lines(bowl: Bowl, frame: Frame) -> Iterator[alt.Chart]:
    """Yield the end of steady shrinking, dashed, and the limit of stability."""
    gaps = np.geomspace(frame.gap[0], 1.0, POINTS)
    ends: list[Row] = [
        {"lr": lr, "gap": gap}
        for lr, gap in zip(bowl.end_of_monotone(gaps).tolist(), gaps.tolist(), strict=True)
        if lr >= frame.lr[0]
    ]
    order = alt.Order("gap:Q")
    dashed = alt.Chart(inline(ends)).mark_line(style="drawn", strokeDash=[4, 4], strokeWidth=1.2, clip=True)
    yield dashed.encode(frame.x(), frame.y(), order=order)
    line = alt.Chart(inline(limit_rows(bowl, frame))).mark_line(style="drawn", strokeWidth=2.5, clip=True)
    yield line.encode(frame.x(), frame.y(), order=order)


def limit_name(bowl: Bowl, frame: Frame, taken: list[Place]) -> Iterator[alt.Chart]:
    """Yield the name of the limit beside it, where it hides the least, and take note of what it covers."""
    spots = [(row, side) for row in limit_rows(bowl, frame)[::4] for side in sides(LIMIT)[:2]]

    def cost(spot: tuple[dict[str, float], Side]) -> int:
        return hidden(spot[1], frame.place(spot[0]["lr"], spot[0]["gap"]), taken)

    row, side = min(spots, key=cost)
    taken += side.covered(frame.place(row["lr"], row["gap"]))
    base = alt.Chart(inline([{**row, "name": LIMIT}])).encode(frame.x(), frame.y())
    yield from written(base, side, field="name")


def region_names(bowl: Bowl, frame: Frame, taken: Sequence[Place]) -> Iterator[alt.Chart]:
    """Yield the name of every region in the middle of where it has room."""
    columns, rows = (each // 2 for each in CELLS)
    x, y = np.geomspace(*frame.lr, columns), np.geomspace(frame.gap[0], 1.0, rows)
    lr, gap = (each.ravel() for each in np.meshgrid(x, y, indexing="ij"))
    regions = bowl.regions(lr, gap)
    places = np.array([frame.place(*each) for each in zip(lr, gap, strict=True)]) / (NAME_WIDTH, NAME_HEIGHT)
    full = np.array(taken).reshape(-1, 2) / (NAME_WIDTH, NAME_HEIGHT)
    edges = np.minimum(places, np.array([1.0, 1.0]) / (NAME_WIDTH, NAME_HEIGHT) - places).min(1)
    for each, name in NAMES.items():
        mine = regions == each
        others = np.concatenate([places[~mine], full])
        room = np.abs(places[mine][:, None] - others[None]).max(-1).min(1, initial=np.inf)
        room = np.minimum(room, edges[mine])
        if not room.size or room.max() < 1.0:
            continue
        best = int(np.flatnonzero(mine)[room.argmax()])
        row: Row = {"lr": float(lr[best]), "gap": float(gap[best]), "name": name}
        text = alt.Chart(inline([row])).mark_text(style="note", fontStyle="italic")
        yield text.encode(frame.x(), frame.y(), text="name:N")


# Beyond the limit the picture goes on by this share of what lies before it, and by at least this factor.
BEYOND, LEAST = 0.3, 8.0
# From the middle of a ring to the middle of the arrowhead that points at it, in points.
SHORT_OF = 17


def why_no_map(result: CheckResult) -> str | None:
    """Return why there is no map of a check, in a sentence; ``None`` where there is one."""
    if result.curvature is None:
        why = "the recipe diverged" if result.own_training.diverged else "the curvature was not measured"
        return f"There is no map of stability: {why}."
    sharpness = result.curvature.sharpness
    if sharpness.value is None:
        return f"There is no map of stability: the sharpness is not known, for {sharpness.reason}."
    if not sharpness.value > 0:
        return "There is no map of stability: where the training ended, the loss does not bend upwards."
    if quadratic_of(result.recipe) is None or not 0.0 <= result.recipe.momentum.highest < 1.0:
        return f"There is no map of stability: theory has no limit for {result.recipe.optimizer} with these settings."
    return None


def stability_map(result: CheckResult) -> alt.LayerChart:
    """Return the quadratic model over learning rate and momentum, and on it the recipe, the advice and all tried.

    The colour is the number of steps in which the error along the sharpest direction shrinks to a tenth, exactly as
    its recurrence has it; a line is the limit of stability, a dashed one parts where the error shrinks steadily from
    where it swings.

    Args:
        result: Of a check that :func:`why_no_map` has nothing against.
    """
    bowl = Bowl.of(result)
    tried, marked = check_trials(result), marked_settings(result)
    frame = _frame([*(each.setting for each in tried), *marked.values()], bowl)
    taken = [frame.place(each.setting.lr, 1.0 - each.setting.momentum) for each in tried]
    taken += _between([frame.place(each.lr, 1.0 - each.momentum) for each in marked.values()])
    taken += [frame.place(row["lr"], row["gap"]) for row in limit_rows(bowl, frame)]
    rings = [*_rings(marked, frame, taken)]
    shaft, head = _arrow(marked, frame) if ADVISED in marked else ([], [])
    layers = [
        *shading(bowl, frame, longest=max(10, result.steps)),
        outside(bowl, frame),
        *lines(bowl, frame),
        *limit_name(bowl, frame, taken),
        *shaft,
        _dots([each for each in tried if not each.diverged], frame),
        _crosses([each for each in tried if each.diverged], frame),
        *head,
        *rings,
        *region_names(bowl, frame, taken),
    ]
    figure: alt.LayerChart = finished(layered(*layers), _title(marked[YOURS], bowl), subtitle=_subtitle(result, bowl))
    return figure


def _frame(settings: Sequence[Setting], bowl: Bowl) -> Frame:
    """Return the part of the plane around settings that holds the limit of stability and all usual momenta."""
    limits = [bowl.limit(1.0 - each.momentum) for each in settings]
    beyond = max(LEAST, (max(limits) / min(each.lr for each in settings)) ** BEYOND)
    corners = [(limit * factor, 0.0) for limit in limits for factor in (1.0, beyond)]
    momenta = [(limits[0], momentum) for momentum in MOMENTA]
    return Frame.around([*((each.lr, each.momentum) for each in settings), *corners, *momenta])


def _dots(tried: Sequence[SettingTrials], frame: Frame) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(inline(_row(each) for each in tried))
        .mark_point(filled=True, size=34, opacity=1.0, style=["drawn", "backdrop"], strokeWidth=1)
        .encode(frame.x(), frame.y(), tooltip=_TOOLTIP)
    )
    return chart


def _crosses(tried: Sequence[SettingTrials], frame: Frame) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(inline(_row(each) for each in tried))
        .mark_text(text="✕", style="note", fontSize=11, fontWeight=600)
        .encode(frame.x(), frame.y(), tooltip=_TOOLTIP)
    )
    return chart


_TOOLTIP = [
    alt.Tooltip("rate:N", title="learning rate"),
    alt.Tooltip("momentum:N"),
    alt.Tooltip("losses:N", title="validation loss"),
]


def _row(each: SettingTrials) -> Row:
    lr, momentum = each.setting.lr, each.setting.momentum
    return {
        "lr": lr,
        "gap": 1.0 - momentum,
        "rate": numeral(lr),
        "momentum": numeral(momentum),
        "losses": each.losses,
    }


def _arrow(marked: dict[str, Setting], frame: Frame) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """Return shaft and head of an arrow from the recipe to the advice, whatever the width of the picture."""
    own, to = marked[YOURS], marked[ADVISED]
    base = alt.Chart(
        inline([{"lr": own.lr, "gap": 1.0 - own.momentum, "to": to.lr, "to_gap": 1.0 - to.momentum}])
    ).encode(frame.x(), frame.y(), x2="to:Q", y2="to_gap:Q")
    shaft = [base.mark_rule(style="paper", strokeWidth=5), base.mark_rule(style="drawn", strokeWidth=2)]
    (x, y), (right, down) = (frame.place(each.lr, 1.0 - each.momentum) for each in (own, to))
    angle = f"atan2({down - y:.6g} * height, {right - x:.6g} * width)"
    tip = alt.Chart(inline([{"lr": to.lr, "gap": 1.0 - to.momentum}])).encode(frame.x(), frame.y())
    head = tip.mark_point(
        shape="triangle-right",
        filled=True,
        size=120,
        opacity=1.0,
        style="drawn",
        angle=alt.ExprRef(f"{angle} * 180 / PI"),
        xOffset=alt.ExprRef(f"-{SHORT_OF} * cos({angle})"),
        yOffset=alt.ExprRef(f"-{SHORT_OF} * sin({angle})"),
    )
    return shaft, [head]


def _rings(marked: dict[str, Setting], frame: Frame, taken: list[Place]) -> Iterator[alt.Chart]:
    """Yield rings around the marked settings with their names, and take note of what those cover."""
    for role, setting in marked.items():
        place = frame.place(setting.lr, 1.0 - setting.momentum)
        side = freest(role, place, taken)
        taken += side.covered(place)
        row: Row = {"lr": setting.lr, "gap": 1.0 - setting.momentum, "role": role}
        yield from ring(alt.Chart(inline([row])).encode(frame.x(), frame.y()), side, roles=CHECK_ROLES)


def _between(places: Sequence[Place]) -> list[Place]:
    """Return places all along the way between two, or the one there is."""
    (x, y), (right, down) = places[0], places[-1]
    return [(x + (right - x) * part, y + (down - y) * part) for part in np.linspace(0.0, 1.0, 20).tolist()]


def _title(own: Setting, bowl: Bowl) -> str:
    times = own.lr / bowl.limit(1.0 - own.momentum)
    share = f"{numeral(times, digits=2)} times" if times >= 1.0 else f"{numeral(100.0 * times, digits=2)} % of"
    return f"Learning rate {numeral(own.lr)} is {share} the limit of stability"


def _subtitle(result: CheckResult, bowl: Bowl) -> list[str]:
    return [
        f"{result.task}: the quadratic model ({bowl.quadratic.name}) with full batches, sharpness "
        f"{numeral(bowl.curvature)} where the training ended.",
        "Mini-batches lower the limit, and other settings end where the loss bends otherwise.",
    ]
