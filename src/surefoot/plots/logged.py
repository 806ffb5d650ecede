"""A training as its log tells it: the losses, and below them whatever else was logged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np

from surefoot.diagnosis.diagnosed import DiagnoseResult
from surefoot.logs.curve import Curve
from surefoot.logs.names import Quantity
from surefoot.logs.series import Series
from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.own_training import TRAIN, VALID
from surefoot.plots.panels import Panel, Steps, drawn_panel, end_marks
from surefoot.plots.sentences import lines_of
from surefoot.plots.theme import column, finished, layered
from surefoot.plots.verdicts import verdict_title

# Of so many points single ones are drawn, and the thick line is made of so many means.
MOST_POINTS, MEANS = 1500, 100
# A loss so many times the first has left the picture.
CEILING = 30.0
BESIDE: dict[Quantity, str] = {"lr": "learning rate", "momentum": "momentum", "grad_norm": "gradient norm"}


def diagnosed(result: DiagnoseResult) -> alt.VConcatChart:
    """Return the training that was judged, under its verdict."""
    first = result.findings[0]
    return logged(result.curve, title=verdict_title(first), said=first.why)


def logged(curve: Curve, *, title: str = "A training as its log tells it", said: str = "") -> alt.VConcatChart:
    """Return losses over steps, and each other quantity that was logged in a panel of its own.

    Thin lines are what was logged, thick ones means over hundredths of the training; a line ends where the training
    diverged.

    Args:
        curve: What was read.
        title: What is written above it.
        said: The same at more length.
    """
    steps = Steps(_first_step(curve), curve.last_step)
    beside = [
        Panel(name, [*_points(name, each)], wide=quantity == "grad_norm")
        for quantity, name in BESIDE.items()
        if (each := getattr(curve, quantity)) is not None
    ]
    panels = [drawn_panel(each, steps, lowest=each is beside[-1]) for each in beside]
    there = curve.train is not None or curve.valid is not None
    losses = [_losses(curve, steps, lowest=not beside)] if there else []
    chart: alt.VConcatChart = finished(
        column(*losses, *panels, spacing=12), title, subtitle=[*lines_of(said), f"Read from {curve.source}."]
    )
    return chart


def _losses(curve: Curve, steps: Steps, *, lowest: bool) -> alt.LayerChart:
    train, valid = ([*_points(name, each)] for name, each in ((TRAIN, curve.train), (VALID, curve.valid)))
    every = finite(float(row["value"] or 0.0) for row in (*train, *valid)) or [1.0]
    ceiling = CEILING * abs(every[0]) or math.inf
    inside = [loss for loss in every if loss <= ceiling]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(every) else None)
    names = [name for name, rows in ((TRAIN, train), (VALID, valid)) if rows]
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, direction="horizontal")
    colour = alt.Color("name:N", scale=alt.Scale(domain=[TRAIN, VALID]), legend=None if len(names) < 2 else legend)
    title = names[0] if len(names) == 1 else "loss"
    y = alt.Y("value:Q", scale=scale, axis=axis, title=title)

    def lines(rows: Sequence[Row]) -> alt.Chart:
        return alt.Chart(inline(rows)).encode(steps.x(named=lowest), y, color=colour)

    layers = [
        lines(train).mark_line(strokeWidth=1, opacity=0.35, clip=True),
        lines([*_means(train)]).mark_line(clip=True),
        lines(valid).mark_line(strokeWidth=1.5, strokeDash=[4, 3], clip=True),
        lines(valid).mark_point(filled=True, size=40 if len(valid) <= MEANS else 0, opacity=1.0, clip=True),
        *end_marks(_end(curve), steps, lowest=lowest),
    ]
    return layered(*layers, height=240)


def _points(name: str, series: Series | None) -> Iterator[Row]:
    """Yield what was logged up to where the training diverged, of very many points some."""
    if series is None:
        return
    end = len(series) if series.diverged_at is None else int(np.searchsorted(series.steps, series.diverged_at))
    for place in np.unique(np.linspace(0, end - 1, min(end, MOST_POINTS)).round().astype(np.int64)).tolist():
        if math.isfinite(series.values[place]):
            yield {"name": name, "step": int(series.steps[place]), "value": float(series.values[place])}


def _means(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield means of hundredths of what was logged; of little, all of it."""
    for part in np.array_split(np.array(rows, dtype=object), min(MEANS, len(rows) or 1)):
        if len(part):
            step, value = (float(np.mean([row[key] for row in part])) for key in ("step", "value"))
            yield {"name": TRAIN, "step": step, "value": value}


def _end(curve: Curve) -> int | None:
    """Return the step from which on there is no number."""
    ends = [each.diverged_at for each in (curve.train, curve.valid) if each is not None]
    return min((step for step in ends if step is not None), default=None)


def _first_step(curve: Curve) -> int:
    return min(int(series.steps[0]) for _, series in curve.known())
