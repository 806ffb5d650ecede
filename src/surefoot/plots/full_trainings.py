"""The recipes that a search trained in full: their final validation losses, and their learning curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import numpy as np

from surefoot.core.formatting import format_bounds, format_measurement, format_number
from surefoot.plots.axes_and_point_labels import finite_values, log_axis, loss_scale, step_axis
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.theme import RECIPE_ROLES, RECOMMENDED, ROLE_DASHES, role_colour, role_legend
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.search.full_training_scores import TrainedRecipe
from surefoot.search.result import SearchResult
from surefoot.wording.captions import comparison_title

# Height of a row of the comparison, and how far its name and its marks lie below the middle of the row; in points.
ROW_HEIGHT, NAME_OFFSET, MARK_OFFSET = 50, -13, 9
# Margin of the loss axis on either side, as a share of the range of the losses.
COMPARISON_MARGIN = 0.06
# Ratio of the highest to the lowest loss from which the axis is logarithmic.
MIN_LOG_RATIO = 3.0


def recipe_comparison(result: SearchResult) -> alt.LayerChart:
    """Return the final validation loss of each recipe with its 90 % interval, and each seed as a tick.

    Args:
        result: What tune returned, with recipes trained in full.
    """
    low, high, is_log = _loss_bounds(result.trained_recipes)
    rows = [_interval_row(trained, low, high) for trained in result.trained_recipes]
    ticks = [tick for trained in result.trained_recipes for tick in _seed_rows(trained)]
    kind: dict[str, Any] = {"type": "log"} if is_log else {"zero": False}
    scale = alt.Scale(domain=[low, high], nice=False, **kind)
    axis = log_axis(low, high, max_ticks=6) if is_log else alt.Axis(tickCount=6)
    title = "validation loss at the end (log scale)" if is_log else "validation loss at the end"
    x = alt.X("mean:Q", scale=scale, axis=axis, title=title)
    y = alt.Y("recipe:N", sort=[str(row["recipe"]) for row in rows], axis=None)
    base = alt.Chart(inline_data(rows)).encode(y=y, tooltip=_TOOLTIP)
    seeds = alt.Chart(inline_data(ticks)).mark_tick(thickness=1.5, size=16, opacity=0.55, yOffset=MARK_OFFSET)
    left, right = alt.value(0), alt.value("width")
    layers = [
        base.mark_rule(strokeWidth=2.5, clip=True, yOffset=MARK_OFFSET, y2Offset=MARK_OFFSET).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", color=role_colour()
        ),
        seeds.encode(x=x, y=y, color=role_colour()),
        base.mark_point(filled=True, size=130, opacity=1.0, yOffset=MARK_OFFSET).encode(x=x, color=role_colour()),
        base.mark_text(align="left", dy=NAME_OFFSET, style="note").encode(x=left, text="name:N"),
        base.mark_text(align="right", dy=NAME_OFFSET, style="note", fontWeight=600).encode(x=right, text="loss:N"),
    ]
    figure: alt.LayerChart = titled(
        layered(*layers, height=ROW_HEIGHT * len(rows)),
        comparison_title(result),
        subtitle=f"{result.task}: {_marks_text(result)}.",
    )
    return figure


def has_finite_losses(result: SearchResult) -> bool:
    """Return whether a recipe was trained in full without diverging, which the comparison needs."""
    return any(math.isfinite(trained.valid.mean) for trained in result.trained_recipes)


def _marks_text(result: SearchResult) -> str:
    counts = sorted({trained.valid.seeds for trained in result.trained_recipes})
    if counts == [1]:
        return f"one training each, of {result.steps:,} steps"
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean of {seeds} trainings of {result.steps:,} steps (ticks) with its 90 % interval (line)"


_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("loss:N", title="validation loss"),
    alt.Tooltip("interval:N", title="90 % interval"),
]


def _interval_row(trained: TrainedRecipe, low: float, high: float) -> Row:
    """Return the row of one recipe; its interval is cut at the ends of the axis."""
    score, recipe = trained.valid, trained.recipe
    bounds = format_bounds(score)
    lr, momentum = format_number(recipe.lr.highest), format_number(recipe.momentum.highest)
    optimizer = "" if recipe.optimizer == DEFAULT_RECIPE.optimizer else f"{recipe.optimizer}, "
    tied = ", tied" if trained.tied and trained.role != RECOMMENDED else ""
    return {
        "name": f"{trained.role}{tied} ({optimizer}lr {lr}, momentum {momentum})",
        "role": trained.role,
        "recipe": str(recipe),
        "mean": score.mean,
        "low": score.mean if bounds is None else max(score.low, low),
        "high": score.mean if bounds is None else min(score.high, high),
        "loss": format_measurement(score.mean),
        "interval": bounds or "not known",
    }


def _seed_rows(trained: TrainedRecipe) -> Iterator[Row]:
    for loss in finite_values(run.outcome.loss for run in trained.runs):
        yield {"recipe": str(trained.recipe), "role": trained.role, "mean": loss}


def _loss_bounds(recipes: Sequence[TrainedRecipe]) -> tuple[float, float, bool]:
    """Return the ends of the loss axis, and whether it is logarithmic."""
    losses = finite_values(run.outcome.loss for trained in recipes for run in trained.runs) or [1.0]
    bounds = finite_values(bound for trained in recipes for bound in (trained.valid.low, trained.valid.high))
    low, high = min([*losses, *bounds]), max([*losses, *bounds])
    if min(losses) > 0:
        low = max(low, min(losses) / 2)
    if 0 < low * MIN_LOG_RATIO < high:
        margin = (high / low) ** COMPARISON_MARGIN
        return low / margin, high * margin, True
    margin = COMPARISON_MARGIN * (high - low or abs(high) or 1.0)
    return low - margin, high + margin, False


def learning_curves(result: SearchResult) -> alt.LayerChart:
    """Return the training loss over steps of each recipe, the recommended one on top.

    Thin lines are seeds, thick lines their mean. A line ends where its training diverged.

    Args:
        result: What tune returned, with recipes trained in full.
    """
    recipes = result.trained_recipes[::-1]
    roles = [role for role in RECIPE_ROLES if any(trained.role == role for trained in recipes)]
    rows = [row for trained in recipes for row in _curve_rows(trained)]
    means = [row for trained in recipes for row in _mean_curve_rows(trained)]
    losses = finite_values(float(row["loss"] or 0.0) for row in rows)
    scale, axis = loss_scale(losses or [1.0])
    x = step_axis(max(trained.steps for trained in recipes))
    y = alt.Y("loss:Q", scale=scale, axis=axis, title="training loss")
    dashes = alt.Scale(domain=list(RECIPE_ROLES), range=list(ROLE_DASHES))
    dash = alt.StrokeDash("role:N", scale=dashes, legend=role_legend(roles))
    colour = role_colour(roles)
    thin = alt.Chart(inline_data(rows)).mark_line(strokeWidth=1, opacity=0.35, clip=True)
    thick = alt.Chart(inline_data(means)).mark_line(clip=True)
    layers = [
        thin.encode(x, y, detail=["seed:N", "recipe:N"], color=colour, strokeDash=dash),
        thick.encode(x, y, detail="recipe:N", color=colour, strokeDash=dash),
    ]
    several = any(len(trained.runs) > 1 for trained in recipes)
    lines = "thin lines are single seeds, thick lines their mean" if several else "one training each"
    figure: alt.LayerChart = titled(
        layered(*layers), "How the loss falls while training", subtitle=f"{result.task}: {lines}."
    )
    return figure


def has_learning_curves(result: SearchResult) -> bool:
    """Return whether training losses of a training in full were kept, which the learning curves need."""
    return any(run.outcome.train.steps for trained in result.trained_recipes for run in trained.runs)


def _curve_rows(trained: TrainedRecipe) -> Iterator[Row]:
    for run in trained.runs:
        for step, loss in zip(run.outcome.train.steps, run.outcome.train.losses, strict=True):
            if not math.isfinite(loss):
                break
            yield {**_recipe_cells(trained), "seed": run.trial.seed, "step": step, "loss": loss}


def _mean_curve_rows(trained: TrainedRecipe) -> Iterator[Row]:
    """Yield the mean over seeds, up to the first step at which one of them has diverged."""
    if not trained.runs or len({run.outcome.train.steps for run in trained.runs}) != 1:
        return
    means = np.mean([run.outcome.train.losses for run in trained.runs], axis=0).tolist()
    for step, loss in zip(trained.runs[0].outcome.train.steps, means, strict=True):
        if not math.isfinite(loss):
            break
        yield {**_recipe_cells(trained), "step": step, "loss": loss}


def _recipe_cells(trained: TrainedRecipe) -> Row:
    return {"role": trained.role, "recipe": str(trained.recipe)}
