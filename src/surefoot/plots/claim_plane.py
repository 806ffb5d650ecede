"""The loss over learning rate and momentum, a square for each setting of the survey."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from surefoot.explanation.figure import Plane
from surefoot.numerals import numeral
from surefoot.plots.axes import log_ticks
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered


def claim_plane(figure: Plane) -> alt.LayerChart:
    """Return a heat map of the losses at the end; the columns that the claim speaks of are framed."""
    rates = [numeral(rate) for rate in figure.rates.tolist()]
    x = alt.X("rate:O", title="learning rate", sort=rates, axis=alt.Axis(labelAngle=-45, grid=False))
    y = alt.Y("momentum:O", title="momentum", sort="descending", axis=alt.Axis(grid=False))
    highest = float(figure.factors.max())
    scale = alt.Scale(type="log", domain=[1.0, max(highest, 1.01)])
    legend = alt.Legend(
        title="times the lowest loss", orient="top", values=log_ticks(1.0, max(highest, 2.0), most=6), format="~g"
    )
    base = alt.Chart(inline(_rows(figure, rates)))
    squares = base.mark_rect().encode(
        x,
        y,
        color=alt.Color("factor:Q", scale=scale, legend=legend),
        tooltip=[alt.Tooltip("rate:O", title="learning rate"), "momentum:O", alt.Tooltip("shown:N", title="loss")],
    )
    marks = alt.Chart(inline({"rate": numeral(rate), "name": name} for name, rate in figure.marked))
    frames = marks.mark_rect(filled=False, strokeWidth=2.5, style="ink").encode(x=x)
    names = marks.mark_text(style="note", fontWeight=600, dy=-8).encode(x=x, y=alt.value(0), text="name:N")
    chart: alt.LayerChart = finished(
        layered(squares, frames, names, height=240),
        figure.title,
        subtitle="Geometric means over seeds; framed: the learning rates that the claim speaks of.",
    )
    return chart


def _rows(figure: Plane, rates: list[str]) -> Iterator[Row]:
    for momentum, factors in zip(figure.momenta, figure.factors.tolist(), strict=True):
        for rate, factor in zip(rates, factors, strict=True):
            shown = f"{numeral(factor)} times the lowest"
            yield {"rate": rate, "momentum": momentum, "factor": factor, "shown": shown}
