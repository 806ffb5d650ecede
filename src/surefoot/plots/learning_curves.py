"""Learning curves: how fast the recommended recipe trains, beside the default.

The longest trial of the recipe itself in a check, step by step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import altair as alt
import numpy as np

from surefoot.checking.result import CheckResult, OwnTraining
from surefoot.core.formatting import measured
from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.theme import DASHES, ROLES, Row, by_role, finished, inline, layered, role_legend
from surefoot.search.result import Contestant, SearchResult
from surefoot.trainers.trial import Curve


def learning_curves(result: SearchResult) -> alt.LayerChart:
    """Return training loss over steps for every contestant, the recommended one on top.

    Thin lines are seeds, thick ones their mean; a line ends where its training diverged.
    """
    shown = result.contestants[::-1]
    roles = [role for role in ROLES if any(found.role == role for found in shown)]
    rows = [row for found in shown for row in _seed_rows(found)]
    means = [row for found in shown for row in _mean_rows(found)]
    losses = finite(float(row["loss"] or 0.0) for row in rows)
    scale, axis = loss_scale(losses or [1.0])
    x = alt.X(
        "step:Q",
        title="step",
        axis=alt.Axis(tickCount=6, format=",~f"),
        scale=alt.Scale(domain=[0, max(found.steps for found in shown)], nice=False),
    )
    y = alt.Y("loss:Q", scale=scale, axis=axis, title="training loss")
    dash = alt.StrokeDash("role:N", scale=alt.Scale(domain=list(ROLES), range=list(DASHES)), legend=role_legend(roles))
    thin = (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=1, opacity=0.35, clip=True)
        .encode(x, y, detail=["seed:N", "recipe:N"], color=by_role(roles), strokeDash=dash)
    )
    thick = (
        alt.Chart(inline(means))
        .mark_line(clip=True)
        .encode(x, y, detail="recipe:N", color=by_role(roles), strokeDash=dash)
    )
    several = any(len(found.runs) > 1 for found in shown)
    lines = "thin lines are single seeds, thick lines their mean" if several else "one training each"
    figure: alt.LayerChart = finished(
        layered(thin, thick), "How the loss falls while training", subtitle=f"{result.task}: {lines}."
    )
    return figure


def _seed_rows(found: Contestant) -> Iterator[Row]:
    for run in found.runs:
        for step, loss in zip(run.outcome.train.steps, run.outcome.train.losses, strict=True):
            if not math.isfinite(loss):
                break
            yield {**_whose(found), "seed": run.trial.seed, "step": step, "loss": loss}


def _mean_rows(found: Contestant) -> Iterator[Row]:
    """Yield the mean over seeds, up to the first step at which one of them has diverged."""
    if not found.runs or len({run.outcome.train.steps for run in found.runs}) != 1:
        return
    means = np.mean([run.outcome.train.losses for run in found.runs], axis=0).tolist()
    for step, loss in zip(found.runs[0].outcome.train.steps, means, strict=True):
        if not math.isfinite(loss):
            break
        yield {**_whose(found), "step": step, "loss": loss}


def _whose(found: Contestant) -> Row:
    return {"role": found.role, "recipe": str(found.recipe)}


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
