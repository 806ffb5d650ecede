"""The recipe's own training in a check, as it went."""

from __future__ import annotations

import math
from collections.abc import Iterator

import altair as alt
import numpy as np
import torch

from surefoot.checking.result import CheckResult
from surefoot.diagnosis.course import Course
from surefoot.fleet.history import History
from surefoot.numerals import measured
from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered

TRAIN, VALID = "training loss", "validation loss"
MOST_POINTS = 1500
# A loss so many times the first has left the picture; on a logarithmic axis there is room for more.
CEILING, CEILING_LOG = 4.0, 100.0


def course(result: CheckResult) -> alt.LayerChart:
    """Return training and validation loss of the recipe's own training, step by step.

    The thin line is every step's mini-batch, the thick one its mean over hundredths of the training; dots are the looks
    at the validation loss. Lines end where the training diverged.
    """
    found = result.course
    every = finite([*found.train, *(loss for _, loss in found.valid)]) or [1.0]
    ceiling = _ceiling(found, logarithmic=min(every) > 0)
    inside = [loss for loss in every if loss <= ceiling]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(every) else None)
    x = alt.X(
        "step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"), scale=alt.Scale(domain=[0, result.steps])
    )
    y = alt.Y("loss:Q", scale=scale, axis=axis, title="loss")
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, direction="horizontal")
    colour = alt.Color("name:N", scale=alt.Scale(domain=[TRAIN, VALID]), legend=legend)

    def lines(rows: Iterator[Row]) -> alt.Chart:
        return alt.Chart(inline(rows)).encode(x, y, color=colour)

    valid = lines(_valid_rows(found))
    looks = lines(row for row in _valid_rows(found) if float(row["loss"] or 0.0) <= ceiling)
    layers = [
        lines(_step_rows(found)).mark_line(strokeWidth=1, opacity=0.35, clip=True),
        lines(_mean_rows(found, result.steps)).mark_line(clip=True),
        valid.mark_line(strokeWidth=1.5, strokeDash=[4, 3], clip=True),
        looks.mark_point(filled=True, size=60, opacity=1.0).encode(
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("shown:N", title=VALID)]
        ),
    ]
    figure: alt.LayerChart = finished(
        layered(*layers),
        _title(found),
        subtitle=f"{result.task}: {result.recipe}; thin: every step, thick: mean over hundredths of the training.",
    )
    return figure


def _title(found: Course) -> str:
    if found.diverged_at is not None:
        return f"Your recipe's own training: no number from step {found.diverged_at} on"
    return f"Your recipe's own training: from {measured(found.start)} to {measured(found.final)}"


def _ceiling(found: Course, *, logarithmic: bool) -> float:
    first = max([*finite([found.start, *found.train[:1]]), 0.0])
    return first * (CEILING_LOG if logarithmic else CEILING) or math.inf


def _step_rows(found: Course) -> Iterator[Row]:
    """Yield the losses of single steps, of very many some."""
    ends = found.diverged_at if found.diverged_at is not None else len(found.train)
    for step in np.unique(np.linspace(0, ends - 1, min(ends, MOST_POINTS)).round().astype(np.int64)).tolist():
        yield {"name": TRAIN, "step": step, "loss": found.train[step]}


def _mean_rows(found: Course, steps: int) -> Iterator[Row]:
    """Yield the means that every learning curve of a fleet is made of, up to where the loss is no number."""
    history = History.of(1)
    losses = torch.tensor(found.train, dtype=torch.float64)[:, None]
    history.add(losses, [0], begins=torch.tensor([0]), totals=torch.tensor([steps]))
    for step, loss in history.curve(0, total=steps):
        if not math.isfinite(loss):
            return
        yield {"name": TRAIN, "step": step, "loss": loss}


def _valid_rows(found: Course) -> Iterator[Row]:
    for step, loss in found.valid:
        if not math.isfinite(loss):
            return
        yield {"name": VALID, "step": step, "loss": loss, "shown": measured(loss)}
