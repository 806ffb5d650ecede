"""A training over its steps, as its log or a watch recorded it: the losses, and below them the other quantities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import altair as alt
import numpy as np

from surefoot.log_diagnosis.diagnose import DiagnoseResult
from surefoot.logs.names import Quantity
from surefoot.logs.training_log import Series, TrainingLog
from surefoot.plots.axes_and_point_labels import finite_values, linear_ticks, log_axis, loss_scale, step_axis
from surefoot.plots.chart import Row, column, inline_data, layered, sampled_indices, subtitle_lines, titled
from surefoot.plots.check_losses import TRAIN, VALID
from surefoot.plots.theme import line_legend
from surefoot.theory.stable_and_best_rates import EDGE_OF_STABILITY
from surefoot.watch.training_record import LossHistory
from surefoot.watch.watch import Watch
from surefoot.wording.verdicts import verdict_title

# Heights of plots in points: of a quantity's panel, and of the losses in a log and in a watch.
PANEL_HEIGHT, LOG_LOSSES_HEIGHT, WATCH_LOSSES_HEIGHT = 90, 240, 220
# Ratio of the highest to the lowest value from which a panel's axis is logarithmic.
MIN_LOG_RATIO = 30.0
# Losses above this multiple of the first are outside of the chart.
LOSS_CEILING = 30.0
# Means in a thick line.
MEAN_COUNT = 100
PANEL_TITLES: dict[Quantity, str] = {"lr": "learning rate", "momentum": "momentum", "grad_norm": "gradient norm"}


@dataclass(frozen=True, slots=True)
class StepRange:
    """The steps that all panels of a figure span.

    Attributes:
        first: First step.
        last: Last step.
    """

    first: int
    last: int

    def x(self, *, lowest: bool) -> alt.X:
        """Return the axis of a panel; only the lowest has a title and numbers."""
        return step_axis(self.last, first=self.first, labels=lowest)


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity over steps.

    Attributes:
        title: Title of the vertical axis.
        rows: Rows with ``step`` and ``value``.
        sampled: Whether the values are samples, drawn as dots, rather than a line.
        may_be_log: Whether the axis is logarithmic where values differ much.
        level: A value to mark by a dashed line.
    """

    title: str
    rows: Sequence[Row]
    sampled: bool = False
    may_be_log: bool = False
    level: float | None = None

    def chart(self, steps: StepRange, *, lowest: bool) -> alt.LayerChart:
        """Return the chart of the panel.

        Args:
            steps: The steps of the figure.
            lowest: Whether it is the lowest panel, which has the numbers of the steps.
        """
        scale, axis = self._scale()
        y = alt.Y("value:Q", title=self.title, scale=scale, axis=axis)
        base = alt.Chart(inline_data(self.rows)).encode(steps.x(lowest=lowest), y)
        dots = base.mark_point(filled=True, size=30, opacity=0.8, style="drawn")
        line = base.mark_line(strokeWidth=1.5, style="drawn")
        levels: list[Row] = [] if self.level is None else [{"value": self.level}]
        rule = alt.Chart(inline_data(levels)).mark_rule(strokeDash=[4, 3], strokeWidth=1.5).encode(y=y)
        return layered(dots if self.sampled else line, rule, height=PANEL_HEIGHT)

    def _scale(self) -> tuple[alt.Scale, alt.Axis]:
        values = finite_values([*(float(row["value"] or 0.0) for row in self.rows), self.level]) or [0.0, 1.0]
        low, high = min(values), max(values)
        if self.may_be_log and low > 0 and high > MIN_LOG_RATIO * low:
            low, high = low / 1.2, high * 1.2
            return alt.Scale(type="log", domain=[low, high], nice=False), log_axis(low, high, max_ticks=4)
        low, high = min(low, 0.0) * 1.1, max(high, 0.0) * 1.1
        high = high if high > low else low + 1.0
        ticks = linear_ticks(low, high, max_ticks=4)
        return alt.Scale(domain=[low, high], nice=False), alt.Axis(values=ticks, format="~g")


def diagnosis_figure(result: DiagnoseResult) -> alt.VConcatChart:
    """Return the training that was diagnosed, under its verdict.

    Args:
        result: What ``diagnose`` returned.
    """
    first = result.findings[0]
    return log_figure(result.log, title=verdict_title(first), explanation=first.why)


def log_figure(log: TrainingLog, *, title: str = "A training as logged", explanation: str = "") -> alt.VConcatChart:
    """Return losses over steps, and a panel for each other quantity that was logged.

    Thin lines are the logged values, thick lines means over hundredths of the training. A line ends where the training
    diverged.

    Args:
        log: The log that was read.
        title: Title of the figure.
        explanation: Text below the title.
    """
    steps = StepRange(min(int(series.steps[0]) for _, series in log.quantities()), log.last_step)
    panels = [
        Panel(name, [*_logged_rows(name, series)], may_be_log=quantity == "grad_norm")
        for quantity, name in PANEL_TITLES.items()
        if (series := getattr(log, quantity)) is not None
    ]
    charts = [panel.chart(steps, lowest=panel is panels[-1]) for panel in panels]
    has_losses = log.train is not None or log.valid is not None
    losses = [_log_losses(log, steps, lowest=not panels)] if has_losses else []
    chart: alt.VConcatChart = titled(
        column(*losses, *charts, spacing=12), title, subtitle=[*subtitle_lines(explanation), f"Read from {log.source}."]
    )
    return chart


def _log_losses(log: TrainingLog, steps: StepRange, *, lowest: bool) -> alt.LayerChart:
    train, valid = ([*_logged_rows(name, series)] for name, series in ((TRAIN, log.train), (VALID, log.valid)))
    losses = finite_values(float(row["value"] or 0.0) for row in (*train, *valid)) or [1.0]
    names = [name for name, rows in ((TRAIN, train), (VALID, valid)) if rows]
    legend = None if len(names) < 2 else line_legend()
    colour = alt.Color("name:N", scale=alt.Scale(domain=[TRAIN, VALID]), legend=legend)
    y = _loss_axis(losses, losses[0], title=names[0] if len(names) == 1 else "loss")

    def chart(rows: Sequence[Row]) -> alt.Chart:
        return alt.Chart(inline_data(rows)).encode(steps.x(lowest=lowest), y, color=colour)

    ends = [series.diverged_at for series in (log.train, log.valid) if series is not None]
    diverged_at = min((step for step in ends if step is not None), default=None)
    dot_size = 40 if len(valid) <= MEAN_COUNT else 0
    layers = [
        chart(train).mark_line(strokeWidth=1, opacity=0.35, clip=True),
        chart([*_mean_rows(train)]).mark_line(clip=True),
        chart(valid).mark_line(strokeWidth=1.5, strokeDash=[4, 3], clip=True),
        chart(valid).mark_point(filled=True, size=dot_size, opacity=1.0, clip=True),
        *_divergence_mark(diverged_at, steps, lowest=lowest),
    ]
    return layered(*layers, height=LOG_LOSSES_HEIGHT)


def _loss_axis(losses: Sequence[float], first: float, *, title: str) -> alt.Y:
    """Return an axis that holds the losses, or those up to a multiple of the first."""
    ceiling = LOSS_CEILING * abs(first) or math.inf
    inside = [loss for loss in losses if loss <= ceiling] or [1.0]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(losses) else None)
    return alt.Y("value:Q", scale=scale, axis=axis, title=title)


def _divergence_mark(at: int | None, steps: StepRange, *, lowest: bool) -> Iterator[alt.Chart]:
    """Yield a labelled line at the step at which a training diverged; nothing where it did not."""
    if at is None:
        return
    in_right_half = at - steps.first > (steps.last - steps.first) / 2
    row: Row = {"step": at, "text": f"not finite from step {at:,}"}
    base = alt.Chart(inline_data([row])).encode(steps.x(lowest=lowest))
    yield base.mark_rule(strokeDash=[4, 3], strokeWidth=1.5)
    align: Literal["left", "right"] = "right" if in_right_half else "left"
    dx = -6 if in_right_half else 6
    yield base.mark_text(align=align, dx=dx, dy=-10, style="note").encode(y=alt.value("height"), text="text:N")


def _logged_rows(name: str, series: Series | None) -> Iterator[Row]:
    """Yield what was logged up to where the training diverged; of very many points evenly spaced ones."""
    if series is None:
        return
    end = len(series) if series.diverged_at is None else int(np.searchsorted(series.steps, series.diverged_at))
    for index in sampled_indices(end):
        if math.isfinite(series.values[index]):
            yield {"name": name, "step": int(series.steps[index]), "value": float(series.values[index])}


def _mean_rows(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield means over hundredths of the rows; of fewer rows than that, all of them."""
    for part in np.array_split(np.array(rows, dtype=object), min(MEAN_COUNT, len(rows) or 1)):
        if len(part):
            step, value = (float(np.mean([row[key] for row in part])) for key in ("step", "value"))
            yield {"name": TRAIN, "step": step, "value": value}


def watch_figure(watch: Watch) -> alt.VConcatChart:
    """Return the losses of a watched training, and samples of its updates and of the curvature along them.

    The dashed line is the edge of stability, where a step ends as high as it began.

    Args:
        watch: The watch, at any time of the training.
    """
    finding, record = watch.finding, watch.record
    steps = StepRange(0, max(record.losses.count - 1, 1))
    updates, curvature = [*record.updates], [*record.curvature]
    rates = _finite_rows({each.step: each.lr for each in (*curvature, *updates)}.items())
    samples = partial(Panel, sampled=True)
    panels = [
        samples(
            "curvature ratio",
            _finite_rows((each.step, each.ratio) for each in curvature),
            may_be_log=True,
            level=EDGE_OF_STABILITY,
        ),
        samples("cosine of updates", _finite_rows((each.step, each.cosine) for each in updates)),
        samples("update / weight", _finite_rows((each.step, each.ratio) for each in updates), may_be_log=True),
        samples("learning rate", rates),
    ]
    drawn = [panel for panel in panels if panel.rows]
    charts = [panel.chart(steps, lowest=panel is drawn[-1]) for panel in drawn]
    legend = "Thin: single losses, thick: means of blocks of steps; dots: samples."
    chart: alt.VConcatChart = titled(
        column(_watched_losses(record.losses, steps, lowest=not drawn), *charts, spacing=12),
        f"{verdict_title(finding)}, after {record.losses.count:,} steps",
        subtitle=[*subtitle_lines(finding.why), legend],
    )
    return chart


def _watched_losses(history: LossHistory, steps: StepRange, *, lowest: bool) -> alt.LayerChart:
    """Return the first and the last losses as they are, thin, and the means of blocks of steps, thick."""
    first = history.count - len(history.recent)
    head = [*zip(range(first), history.first_losses, strict=False)]  # without those that are among the recent ones
    thin, thick = _finite_rows([*head, *enumerate(history.recent, start=first)]), _finite_rows(history.curve_points())
    losses = [float(row["value"] or 0.0) for row in (*thin, *thick)] or [1.0]
    x, y = steps.x(lowest=lowest), _loss_axis(losses, history.first or 0.0, title="loss")
    colour = alt.Color("name:N", legend=None)
    single, means = (alt.Chart(inline_data({**row, "name": "loss"} for row in rows)) for rows in (thin, thick))
    return layered(
        single.mark_line(strokeWidth=1, opacity=0.35, clip=True).encode(x, y, color=colour),
        means.mark_line(clip=True).encode(x, y, color=colour),
        *_divergence_mark(history.diverged_at, steps, lowest=lowest),
        height=WATCH_LOSSES_HEIGHT,
    )


def _finite_rows(points: Iterable[tuple[float, float]]) -> list[Row]:
    return [{"step": step, "value": value} for step, value in sorted(points) if math.isfinite(value)]
