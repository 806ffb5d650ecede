"""Training and validation loss of the recipe that was checked, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import altair as alt

from surefoot.checking.result import CheckResult
from surefoot.core.formatting import format_measurement
from surefoot.plots.axes import finite_values, loss_scale, step_axis
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.theme import line_legend
from surefoot.wording.figures import checked_training_title

# Names of the two curves, in the legend and in the data.
TRAIN, VALID = "training loss", "validation loss"
# Losses above this multiple of the first are outside of the chart: a logarithmic axis has room for more.
LINEAR_CEILING, LOG_CEILING = 4.0, 100.0


def checked_training(result: CheckResult) -> alt.LayerChart:
    """Return training and validation loss of the longest trial of the recipe that was checked.

    The line is the training loss, averaged over the steps since the point before; dots are validation losses. Lines end
    where the training diverged.

    Args:
        result: What ``check`` returned.
    """
    training = result.recipe_training
    train = [*zip(training.train.steps, training.train.losses, strict=True)]
    losses = finite_values(loss for _, loss in (*train, *training.valid_curve)) or [1.0]
    ceiling = _ceiling(losses)
    inside = [loss for loss in losses if loss <= ceiling]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(losses) else None)
    x, y = step_axis(training.steps), alt.Y("loss:Q", scale=scale, axis=axis, title="loss")
    colour = alt.Color("name:N", scale=alt.Scale(domain=[TRAIN, VALID]), legend=line_legend())

    def chart(rows: Iterable[Row]) -> alt.Chart:
        return alt.Chart(inline_data(rows)).encode(x, y, color=colour)

    valid = [*_curve_rows(VALID, training.valid_curve)]
    dots = chart(row for row in valid if float(row["loss"] or 0.0) <= ceiling)
    layers = [
        chart(_curve_rows(TRAIN, train)).mark_line(clip=True),
        chart(valid).mark_line(strokeWidth=1.5, strokeDash=[4, 3], clip=True),
        dots.mark_point(filled=True, size=60, opacity=1.0).encode(
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("formatted:N", title=VALID)]
        ),
    ]
    about = f"{result.task}: {result.checked_recipe}, seed {training.seed}"
    figure: alt.LayerChart = titled(
        layered(*layers), checked_training_title(result), subtitle=f"{about}; training losses are means between points."
    )
    return figure


def _ceiling(losses: list[float]) -> float:
    """Return the upper end of the loss axis: a multiple of the first loss."""
    first = max(losses[0], 0.0)
    return first * (LOG_CEILING if min(losses) > 0 else LINEAR_CEILING) or math.inf


def _curve_rows(name: str, curve: Iterable[tuple[int, float]]) -> Iterator[Row]:
    """Yield the steps and losses of a curve, up to the first loss that is not finite."""
    for step, loss in curve:
        if not math.isfinite(loss):
            return
        yield {"name": name, "step": step, "loss": loss, "formatted": format_measurement(loss)}
