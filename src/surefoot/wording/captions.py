"""Titles of figures that state a result, and captions: how to read each figure, in notebooks, pages and docs alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from surefoot.core.formatting import (
    format_interval,
    format_measurement,
    format_number,
    format_reduction,
    format_tolerance,
)

if TYPE_CHECKING:
    from surefoot.checking.neighbourhood import LrAndMomentum
    from surefoot.checking.result import CheckResult
    from surefoot.search.result import SearchResult

# Find and tune.
HEAT_MAP_CAPTION = (
    "Every dot is a trial, a cross one that diverged. The colour is its validation loss relative to the best trial of "
    "the same length, the size how long it was trained; the shading interpolates."
)
FRONTIER_CAPTION = (
    "What to expect of each training length with the best recipe for it, with the 90 % interval. The numbers at the "
    "points are the learning rates of those recipes."
)
COMPARISON_CAPTION = (
    "Dots are mean validation losses, lines their 90 % intervals, ticks the single seeds. Where lines overlap widely, "
    "the difference may be chance."
)
LEARNING_CURVES_CAPTION = (
    "The lower and the sooner, the better. On every seed all recipes had the same initial weights and the same "
    "mini-batches."
)

# Check.
CHECK_LOSSES_CAPTION = (
    "Every mark is a trial, at its validation loss; the shape shows how many steps it had. Lines join trials of one "
    "momentum, one length and the first seed, which share initialisation and mini-batches. Crosses at the upper edge "
    "diverged, or ended far above the others."
)
STABILITY_MAP_CAPTION = (
    "Where full-batch training would be stable if the loss were quadratic, with the curvature along its sharpest "
    "direction where the recipe's longest trial ended. The colour is the number of steps that shrink the error there "
    "to a tenth, up to the length of the training; below the dashed line the error shrinks steadily, above it "
    "oscillates. This is a model: with mini-batches the limit is lower, and other settings end where the curvature "
    "differs. Dots are the settings tried, crosses those that diverged."
)
CHECKED_TRAINING_CAPTION = (
    "The line is the training loss, averaged over the steps between its points; dots are validation losses during the "
    "training."
)

# Explain.
LOSS_CURVES_CAPTION = "Losses are relative to the loss before training. The lower and the sooner, the better."
FINAL_LOSSES_CAPTION = (
    "Each point is one learning rate, trained on several seeds. What diverged, or ended above its start, learnt "
    "nothing and is drawn at 1."
)
LOSS_HEATMAP_CAPTION = "Dark is low. Momentum is the same along a row, the learning rate along a column."
STABLE_RATES_CAPTION = "Up to the dot, training learns at least a tenth of what it learns at its best learning rate."
TRAJECTORIES_CAPTION = "Every dot is a step."

# Everything else.
LOG_CAPTION = "Thin lines are the logged values, thick lines means over hundredths of the training."
WATCH_CAPTION = "Thin lines are single losses, thick lines means over blocks of steps; dots are samples."
DESCENT_CAPTION = "Small dots are steps, large dots the last step, crosses minima."
SCHEDULE_CAPTION = "The value at every step of the training."


def heat_map_title(result: SearchResult, optimizer: str) -> str:
    """Return the title of the heat map: where the recommended recipe lies.

    Args:
        result: What find or tune returned.
        optimizer: Name of the optimizer whose trials are drawn.
    """
    recipe = result.recipe
    if recipe is None or recipe.optimizer != optimizer:
        return "Where the loss is low"
    lr, momentum = format_number(recipe.lr.highest), format_number(recipe.momentum.highest)
    return f"Where the loss is low: around learning rate {lr}, momentum {momentum}"


def frontier_figure_title(result: SearchResult) -> str:
    """Return the title of the frontier: what longer trainings gain, or from where on they lose.

    Args:
        result: What find or tune returned, with a frontier.
    """
    if result.overfits_after is not None:
        return f"After {result.overfits_after:,} steps the best loss rises"
    points = [point for point in result.frontier if math.isfinite(point.loss)]
    first, last = points[0], points[-1]
    if result.criterion.goal == "metric" or len(points) < 2 or not 0 < last.loss < first.loss:
        return "What each length of training gives"
    times = format_number(last.steps / first.steps, digits=2)
    return f"{times}x the steps: loss {format_measurement(first.loss)} becomes {format_measurement(last.loss)}"


def good_range_title(result: SearchResult) -> str:
    """Return the title of the good ranges: that of the recommended momentum, where it is known.

    Args:
        result: What find or tune returned.
    """
    good, recipe = result.good_range, result.recipe
    if good is None or recipe is None or good.lr.low == good.lr.high:
        return "The learning rates of each momentum"
    return f"Good learning rates at momentum {format_number(recipe.momentum.highest)}: {format_interval(good.lr)}"


def good_range_caption(result: SearchResult) -> str:
    """Return how to read the figure of the good ranges.

    Args:
        result: What find or tune returned.
    """
    good = result.good_range
    lose = "little" if good is None else f"at most {format_tolerance(good.tolerance)}"
    return (
        f"Learning rates in a bar are expected to lose {lose} over the best at that momentum; without a bar, the "
        "trials do not show which do. Rates above the cross are not known to be usable; without a cross, none that "
        "was tried was too large."
    )


def comparison_title(result: SearchResult) -> str:
    """Return the title of the comparison in full training: what the recommended recipe gains over the default.

    Args:
        result: What tune returned.
    """
    default = result.default
    gain = None if default is None else result.improvement(default)
    if default is None or gain is None or not math.isfinite(gain) or default is result.best:
        return "Validation loss in full training"
    if default.tied or gain <= 1.0:
        return "No clear gain over the default"
    return f"{format_reduction(gain)} validation loss than the default"


def recommended_schedule_caption(result: SearchResult) -> str:
    """Return how to read the figure of the recommended schedule.

    Args:
        result: What find or tune returned, with a recipe.
    """
    return f"What the recommended recipe, {result.recipe}, uses at every step."


def check_losses_title(advised: LrAndMomentum | None) -> str:
    """Return the title of the losses of a check: the advice.

    Args:
        advised: The advised setting; ``None`` where no change is advised.
    """
    if advised is None:
        return "No change is advised"
    return f"Learning rate {format_number(advised.lr)} at momentum {format_number(advised.momentum)} is advised"


def stability_map_title(lr: float, limit: float) -> str:
    """Return the title of the stability map: how close the recipe is to the limit.

    Args:
        lr: The recipe's learning rate.
        limit: Largest stable learning rate at its momentum.

    Example:
        >>> stability_map_title(0.019, 0.19)
        'Learning rate 0.019 is 10 % of the limit of stability'
    """
    ratio = lr / limit
    share = (
        f"{format_number(ratio, digits=2)} times" if ratio >= 1.0 else f"{format_number(100 * ratio, digits=2)} % of"
    )
    return f"Learning rate {format_number(lr)} is {share} the limit of stability"


def checked_training_title(result: CheckResult) -> str:
    """Return the title of the checked recipe's own training: how it ended.

    Args:
        result: What ``check`` returned.
    """
    training = result.recipe_training
    full = training.steps == result.steps
    length = "in full" if full else f"in a trial of {training.steps} of the {result.steps} steps"
    if training.diverged:
        at = "" if training.diverged_at is None else f" at step {training.diverged_at}"
        return f"Your recipe {length}: diverged{at}"
    return f"Your recipe {length}: validation loss {format_measurement(training.loss)}"
