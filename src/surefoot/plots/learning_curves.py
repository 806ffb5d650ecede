"""Learning curves: how fast the recommended recipe trains, beside the default."""

from __future__ import annotations

import math
from collections.abc import Iterator

import altair as alt
import numpy as np

from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import (
    DASHES,
    DEFAULT,
    DEFAULT_SCHEDULED,
    RECOMMENDED,
    ROLES,
    by_role,
    finished,
    layered,
    role_legend,
)
from surefoot.search.result import Contestant, TuneResult


def learning_curves(result: TuneResult) -> alt.LayerChart:
    """Return training loss over steps: the recommended recipe, the default, and the default under the same schedule.

    Thin lines are seeds, thick ones their mean; a line ends where its training diverged.
    """
    shown = _shown(result)
    roles = [role for role in ROLES if role in dict(shown)]
    rows = [row for role, found in shown for row in _seed_rows(role, found)]
    means = [row for role, found in shown for row in _mean_rows(role, found)]
    losses = finite(float(row["loss"] or 0.0) for row in rows)
    scale, axis = loss_scale(losses or [1.0])
    x = alt.X(
        "step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"), scale=alt.Scale(domain=[0, result.steps])
    )
    y = alt.Y("loss:Q", scale=scale, axis=axis, title="training loss")
    dash = alt.StrokeDash("role:N", scale=alt.Scale(domain=list(ROLES), range=list(DASHES)), legend=role_legend(roles))
    thin = (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=1, opacity=0.35, clip=True)
        .encode(x, y, detail="seed:N", color=by_role(roles), strokeDash=dash)
    )
    thick = alt.Chart(inline(means)).mark_line(clip=True).encode(x, y, color=by_role(roles), strokeDash=dash)
    seeds = result.default.valid.seeds
    figure: alt.LayerChart = finished(
        layered(thin, thick),
        "How the loss falls while training",
        subtitle=f"{result.task}: thin lines are {seeds} seeds, thick lines their mean.",
    )
    return figure


def _shown(result: TuneResult) -> list[tuple[str, Contestant]]:
    """Return who is drawn, the recommended last and so on top; a default that is recommended goes by its own name."""
    shown = [(DEFAULT, result.default), (DEFAULT_SCHEDULED, result.default_scheduled)]
    best = result.best
    if best is not None and all(best.recipe != found.recipe for _, found in shown):
        shown.append((RECOMMENDED, best))
    return shown


def _seed_rows(role: str, found: Contestant) -> Iterator[Row]:
    for run in found.runs:
        for step, loss in zip(run.outcome.train.steps, run.outcome.train.losses, strict=True):
            if not math.isfinite(loss):
                break
            yield {"role": role, "seed": run.trial.seed, "step": step, "loss": loss}


def _mean_rows(role: str, found: Contestant) -> Iterator[Row]:
    """Yield the mean over seeds, up to the first step at which one of them has diverged."""
    if not found.runs or len({run.outcome.train.steps for run in found.runs}) != 1:
        return
    means = np.mean([run.outcome.train.losses for run in found.runs], axis=0).tolist()
    for step, loss in zip(found.runs[0].outcome.train.steps, means, strict=True):
        if not math.isfinite(loss):
            break
        yield {"role": role, "step": step, "loss": loss}
