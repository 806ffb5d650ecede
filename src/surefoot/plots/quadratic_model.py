"""The quadratic model of a loss as the ground of a picture: how fast its error shrinks, and from where on it grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from surefoot.checking.curvature_summary import Quadratic, quadratic_of
from surefoot.checking.result import CheckResult
from surefoot.plots.axes import Place, Side, hidden, log_ticks, sides, written
from surefoot.plots.theme import Row, inline
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
