"""Where trainings end, over their learning rate: one line for each kind of training that a claim compares."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import numpy as np

from surefoot.explanation.figure import Ends, Line
from surefoot.plots.axes import log_axis, loss_scale
from surefoot.plots.claim_courses import name_legend
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered

Y_TITLE = "loss at the end / loss at the start"
NOTE = "Dots: seeds, lines: their mean; what ends above its start, or diverged, is drawn at 1."
GOOD_NOTE = "Bars below: where training learns at least 90 % as much as at the best rate."


def claim_ends(figure: Ends) -> alt.LayerChart:
    """Return the losses at the end on log axes."""
    names = [line.name for line in figure.lines]
    rates = np.concatenate([line.x for line in figure.lines])
    ends = np.concatenate([line.y.ravel() for line in figure.lines])
    low, high = float(rates.min()) / 1.15, float(rates.max()) * 1.15
    bottom = float(ends.min()) / (1.5 ** (len(figure.good) + 0.3) if figure.good else 1.0)
    scale, axis = loss_scale([bottom, 1.0])
    x_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("rate:Q", title=figure.x_title, scale=x_scale, axis=log_axis(low, high))
    y = alt.Y("loss:Q", title=Y_TITLE, scale=scale, axis=axis)
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    dots = alt.Chart(inline(row for line in figure.lines for row in _dot_rows(line)))
    lines = alt.Chart(inline(row for line in figure.lines for row in _mean_rows(line)))
    layers = [
        dots.mark_point(filled=True, size=16, opacity=0.45).encode(x, y, color=colour),
        lines.mark_line().encode(x, y, color=colour),
    ]
    if figure.good:
        bars = alt.Chart(inline(_good_rows(figure, bottom)))
        layers.append(bars.mark_rule(strokeWidth=5).encode(x, x2="high:Q", y=y, color=colour))
    notes = [NOTE, GOOD_NOTE] if figure.good else NOTE
    chart: alt.LayerChart = finished(layered(*layers), figure.title, subtitle=notes)
    return chart


def _dot_rows(line: Line) -> Iterator[Row]:
    for losses in line.y:
        for rate, loss in zip(line.x.tolist(), losses.tolist(), strict=True):
            yield {"name": line.name, "rate": rate, "loss": loss}


def _mean_rows(line: Line) -> Iterator[Row]:
    means = np.exp(np.log(line.y).mean(axis=0))
    for rate, loss in zip(line.x.tolist(), means.tolist(), strict=True):
        yield {"name": line.name, "rate": rate, "loss": loss}


def _good_rows(figure: Ends, bottom: float) -> Iterator[Row]:
    for number, (name, low, high) in enumerate(figure.good):
        yield {"name": name, "rate": low, "high": high, "loss": bottom * 1.5 ** (number + 0.3)}
