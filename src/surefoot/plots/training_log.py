"""Low panels below one another over the same steps.

A training as its log tells it: the losses, and below them whatever else was logged.

What a watch has seen of a training so far.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np

from surefoot.log_diagnosis.diagnose import DiagnoseResult
from surefoot.logs.curve import Curve, Series
from surefoot.logs.names import Quantity
from surefoot.plots.axes import finite, linear_ticks, log_axis, loss_scale
from surefoot.plots.learning_curves import TRAIN, VALID
from surefoot.plots.theme import Row, column, finished, inline, layered
from surefoot.watch.losses import Losses
from surefoot.watch.watch import Watch
from surefoot.wording.verdicts import lines_of, verdict_title

HEIGHT = 90
# Values further apart than this factor are on a logarithmic axis.
WIDE = 30.0


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps that all panels share."""

    first: int
    last: int

    def x(self, *, named: bool) -> alt.X:
        """Return their axis; only the lowest panel's is named and has numbers."""
        domain = [self.first, max(self.last, self.first + 1)]
        axis = alt.Axis(tickCount=6, tickMinStep=1, format=",~f", labels=named)
        return alt.X("step:Q", title="step" if named else None, axis=axis, scale=alt.Scale(domain=domain, nice=False))


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity over steps.

    Attributes:
        title: What the values are.
        rows: With ``step`` and ``value``.
        sampled: Whether they are samples, drawn as dots, rather than a line.
        wide: Whether they may be on a logarithmic axis.
        limit: A level to mark by a dashed line.
    """

    title: str
    rows: Sequence[Row]
    sampled: bool = False
    wide: bool = False
    limit: float | None = None


def drawn_panel(panel: Panel, steps: Steps, *, lowest: bool) -> alt.LayerChart:
    """Return a panel's chart; the lowest of all bears the numbers of the steps."""
    scale, axis = _scale(panel)
    y = alt.Y("value:Q", title=panel.title, scale=scale, axis=axis)
    base = alt.Chart(inline(panel.rows)).encode(steps.x(named=lowest), y)
    dots = base.mark_point(filled=True, size=30, opacity=0.8, style="drawn")
    line = base.mark_line(strokeWidth=1.5, style="drawn")
    levels: list[Row] = [] if panel.limit is None else [{"value": panel.limit}]
    rule = alt.Chart(inline(levels)).mark_rule(strokeDash=[4, 3], strokeWidth=1.5).encode(y=y)
    return layered(dots if panel.sampled else line, rule, height=HEIGHT)


def end_marks(at: int | None, steps: Steps, *, lowest: bool) -> Iterator[alt.Chart]:
    """Yield a line at the step at which a training diverged, with its name; nothing where it did not."""
    if at is None:
        return
    late = at - steps.first > (steps.last - steps.first) / 2
    base = alt.Chart(inline([{"step": at, "text": f"no number from step {at:,} on"}])).encode(steps.x(named=lowest))
    yield base.mark_rule(strokeDash=[4, 3], strokeWidth=1.5)
    text = base.mark_text(align="right" if late else "left", dx=-6 if late else 6, dy=-10, style="note")
    yield text.encode(y=alt.value("height"), text="text:N")


def _scale(panel: Panel) -> tuple[alt.Scale, alt.Axis]:
    values = finite([*(float(row["value"] or 0.0) for row in panel.rows), panel.limit]) or [0.0, 1.0]
    low, high = min(values), max(values)
    if panel.wide and low > 0 and high > WIDE * low:
        low, high = low / 1.2, high * 1.2
        return alt.Scale(type="log", domain=[low, high], nice=False), log_axis(low, high, most=4)
    low, high = min(low, 0.0) * 1.1, max(high, 0.0) * 1.1
    high = high if high > low else low + 1.0
    ticks = linear_ticks(low, high, most=4)
    return alt.Scale(domain=[low, high], nice=False), alt.Axis(values=ticks, format="~g")


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


# Where a step ends as high as it began.
EDGE = 2.0


def watched(watch: Watch) -> alt.VConcatChart:
    """Return the losses of a watched training, and the samples of its updates and of their reach.

    The dashed line is at a reach of 2, where a step ends as high as it began: the edge of stability.
    """
    finding, record = watch.finding, watch.record
    steps = Steps(0, max(record.losses.count - 1, 1))
    updates = [*record.updates]
    panels = [
        Panel("reach of a step", _rows((each.step, each.reach) for each in record.bends), True, True, EDGE),
        Panel("cosine of updates", _rows((each.step, each.cosine) for each in updates), True),
        Panel("update / weight", _rows((each.step, each.ratio) for each in updates), True, True),
        Panel("learning rate", _rows({each.step: each.lr for each in (*record.bends, *updates)}.items()), True),
    ]
    shown = [panel for panel in panels if panel.rows]
    charts = [drawn_panel(panel, steps, lowest=panel is shown[-1]) for panel in shown]
    chart: alt.VConcatChart = finished(
        column(_watched_losses(record.losses, steps, lowest=not shown), *charts, spacing=12),
        f"{verdict_title(finding)}, after {record.losses.count:,} steps",
        subtitle=[*lines_of(finding.why), "Thin: single losses, thick: means of blocks of steps; dots: samples."],
    )
    return chart


def _watched_losses(losses: Losses, steps: Steps, *, lowest: bool) -> alt.LayerChart:
    """Return the last losses as they are, thin, and the means of blocks of steps, thick."""
    first = losses.count - len(losses.recent)
    begun = [*zip(range(first), losses.head, strict=False)]  # those that are not among the last ones
    thin, thick = _rows([*begun, *enumerate(losses.recent, start=first)]), _rows(losses.course())
    every = [float(row["value"] or 0.0) for row in (*thin, *thick)] or [1.0]
    ceiling = CEILING * abs(losses.first or 0.0) or math.inf
    inside = [loss for loss in every if loss <= ceiling] or [1.0]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(every) else None)
    x, y = steps.x(named=lowest), alt.Y("value:Q", scale=scale, axis=axis, title="loss")
    colour = alt.Color("name:N", legend=None)
    each = alt.Chart(inline({**row, "name": "loss"} for row in thin)).mark_line(strokeWidth=1, opacity=0.35, clip=True)
    mean = alt.Chart(inline({**row, "name": "loss"} for row in thick)).mark_line(clip=True)
    marks = end_marks(losses.lost_at, steps, lowest=lowest)
    return layered(each.encode(x, y, color=colour), mean.encode(x, y, color=colour), *marks, height=220)


def _rows(points: Iterable[tuple[float, float]]) -> list[Row]:
    return [{"step": step, "value": value} for step, value in sorted(points) if math.isfinite(value)]
