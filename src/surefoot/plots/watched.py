"""What a watch has seen of a training so far."""

from __future__ import annotations

import math
from collections.abc import Iterable

import altair as alt

from surefoot.plots.axes import loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.panels import Panel, Steps, drawn_panel, end_marks
from surefoot.plots.sentences import lines_of
from surefoot.plots.theme import column, finished, layered
from surefoot.plots.verdicts import verdict_title
from surefoot.watch.losses import Losses
from surefoot.watch.watch import Watch

# Where a step ends as high as it began.
EDGE = 2.0
CEILING = 30.0


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
        column(_losses(record.losses, steps, lowest=not shown), *charts, spacing=12),
        f"{verdict_title(finding)}, after {record.losses.count:,} steps",
        subtitle=[*lines_of(finding.why), "Thin: single losses, thick: means of blocks of steps; dots: samples."],
    )
    return chart


def _losses(losses: Losses, steps: Steps, *, lowest: bool) -> alt.LayerChart:
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
