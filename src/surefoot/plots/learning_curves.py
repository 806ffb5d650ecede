"""Learning curves: how fast the recommended recipe trains, beside the default."""

from __future__ import annotations

import math
from collections.abc import Iterator

import altair as alt
import numpy as np

from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import DASHES, ROLES, by_role, finished, layered, role_legend
from surefoot.search.result import Contestant, SearchResult


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
