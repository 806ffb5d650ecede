"""Up to which learning rate training is stable: with and without momentum, with full batches and small ones."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import numpy as np

from surefoot.explanation.effect import Number
from surefoot.explanation.figure import Ranges
from surefoot.explanation.stable import RESOLUTION
from surefoot.plots.axes import log_axis
from surefoot.plots.claim_courses import name_legend
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered

ROW_HEIGHT = 56


def claim_ranges(figure: Ranges) -> alt.LayerChart:
    """Return the largest stable rates: a dot with its 90 % interval, and a tick for each seed."""
    means = [_mean_row(*row) for row in figure.rows]
    momenta = list(dict.fromkeys(momentum for _, momentum, _ in figure.rows))
    every = [rate for _, _, rates in figure.rows for rate in rates.tolist()]
    low, high = min([*every, *(row[1] for row in means)]) / 1.2, max([*every, *(row[2] for row in means)]) * 1.2
    axis = log_axis(low, high)
    x_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("rate:Q", title="largest stable learning rate", scale=x_scale, axis=axis)
    batches = list(dict.fromkeys(batch for batch, _, _ in figure.rows))
    y = alt.Y("batch:N", sort=batches, title=None, axis=alt.Axis(labelLimit=200, grid=False))
    offset = alt.YOffset("momentum:N", sort=momenta)
    names = [f"momentum {momentum}" for momentum in momenta]
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    base = alt.Chart(inline(row for row, _, _ in means)).encode(y=y, yOffset=offset, color=colour)
    ticks = alt.Chart(inline(_seed_rows(figure))).encode(x=x, y=y, yOffset=offset, color=colour)
    layers = [
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=x_scale, axis=axis), x2="high:Q"),
        ticks.mark_tick(thickness=1.5, size=16, opacity=0.55),
        base.mark_point(filled=True, size=130, opacity=1.0).encode(x=x),
    ]
    chart: alt.LayerChart = finished(
        layered(*layers, height=ROW_HEIGHT * len(batches)),
        figure.title,
        subtitle="Mean over seeds (ticks) with its 90 % interval (line); the same samples in all.",
    )
    return chart


def _mean_row(
    batch: str, momentum: str, rates: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[Row, float, float]:
    number = Number.of("", rates, resolution=RESOLUTION)
    row: Row = {
        "batch": batch,
        "momentum": momentum,
        "name": f"momentum {momentum}",
        "rate": number.mean,
        "low": number.low,
        "high": number.high,
    }
    return row, number.low, number.high


def _seed_rows(figure: Ranges) -> Iterator[Row]:
    for batch, momentum, rates in figure.rows:
        for rate in rates.tolist():
            yield {"batch": batch, "momentum": momentum, "name": f"momentum {momentum}", "rate": rate}
