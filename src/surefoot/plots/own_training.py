"""The longest trial of the recipe itself in a check, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator

import altair as alt

from surefoot.checking.result import CheckResult, OwnTraining
from surefoot.numerals import measured
from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered
from surefoot.trainers.outcome import Curve

TRAIN, VALID = "training loss", "validation loss"
# A loss so many times the first is outside of the picture; on a logarithmic axis there is room for more.
CEILING, CEILING_LOG = 4.0, 100.0


def own_training(result: CheckResult) -> alt.LayerChart:
    """Return training and validation loss of the longest trial of the recipe itself.

    The line is the training loss, a mean over the steps since the point before; dots are validation losses. Lines end
    where it diverged.
    """
    own = result.own_training
    valid = _with_end(own)
    every = finite([*own.train.losses, *valid.losses]) or [1.0]
    ceiling = _ceiling(every)
    inside = [loss for loss in every if loss <= ceiling]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(every) else None)
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"), scale=alt.Scale(domain=[0, own.steps]))
    y = alt.Y("loss:Q", scale=scale, axis=axis, title="loss")
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, direction="horizontal")
    colour = alt.Color("name:N", scale=alt.Scale(domain=[TRAIN, VALID]), legend=legend)

    def lines(rows: Iterator[Row]) -> alt.Chart:
        return alt.Chart(inline(rows)).encode(x, y, color=colour)

    readings = lines(row for row in _rows(VALID, valid) if float(row["loss"] or 0.0) <= ceiling)
    layers = [
        lines(_rows(TRAIN, own.train)).mark_line(clip=True),
        lines(_rows(VALID, valid)).mark_line(strokeWidth=1.5, strokeDash=[4, 3], clip=True),
        readings.mark_point(filled=True, size=60, opacity=1.0).encode(
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("shown:N", title=VALID)]
        ),
    ]
    subtitle = (
        f"{result.task}: {result.recipe}, seed {own.seed}; training losses are means over the steps between points."
    )
    figure: alt.LayerChart = finished(layered(*layers), _title(result), subtitle=subtitle)
    return figure


def _title(result: CheckResult) -> str:
    own = result.own_training
    length = "in full" if own.steps == result.steps else f"in a trial of {own.steps} of the {result.steps} steps"
    if own.diverged:
        at = "" if own.diverged_at is None else f" at step {own.diverged_at}"
        return f"Your recipe {length}: diverged{at}"
    return f"Your recipe {length}: validation loss {measured(own.loss)}"


def _ceiling(losses: list[float]) -> float:
    """Return the loss above which the picture ends: many times the first one."""
    first = max(losses[0], 0.0)
    return first * (CEILING_LOG if min(losses) > 0 else CEILING) or math.inf


def _with_end(own: OwnTraining) -> Curve:
    """Return the validation losses, the one at the end last."""
    kept = [point for point in zip(own.valid.steps, own.valid.losses, strict=True) if point[0] < own.steps]
    return Curve((*(step for step, _ in kept), own.steps), (*(loss for _, loss in kept), own.loss))


def _rows(name: str, curve: Curve) -> Iterator[Row]:
    for step, loss in zip(curve.steps, curve.losses, strict=True):
        if not math.isfinite(loss):
            return
        yield {"name": name, "step": step, "loss": loss, "shown": measured(loss)}
