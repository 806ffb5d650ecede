"""What find and tune found, in sentences: the same words in the terminal, on pages and in figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from surefoot.core.formatting import (
    format_duration,
    format_interval,
    format_measurement,
    format_number,
    format_reduction,
    format_score,
    format_tolerance,
)

if TYPE_CHECKING:
    from surefoot.search.full_training_scores import TrainedRecipe
    from surefoot.search.rate_transfer_result import Exponent, Transfer, TransferRow
    from surefoot.search.result import FrontierPoint, SearchResult

# Names of what a search varies, where the name in a recipe is an abbreviation.
HYPERPARAMETER_NAMES = {"lr": "learning rate", "steps": "length of training", "batch_size": "batch size"}
AT_EDGE_NOTE = "* is the largest or smallest rate tried, the best may lie beyond it; not part of the fits."


def search_headline(result: SearchResult) -> str:
    """Return the recommendation with the loss that it reaches, or why there is none.

    Args:
        result: What find or tune returned.
    """
    from surefoot.recipe.recipe import DEFAULT_RECIPE  # noqa: PLC0415  (imports torch, a second)

    recipe = result.recipe
    if recipe is None:
        return f"There is no recommendation. {as_sentence(result.reason or 'Nothing is known.')}"
    advice = f"Keep the default, {recipe}," if recipe == DEFAULT_RECIPE else f"Train with {recipe}"
    return f"{advice} for {result.steps:,} steps: {_reached_or_expected(result)}."


def _reached_or_expected(result: SearchResult) -> str:
    """Return the loss of the recommended recipe: as measured where it was trained, else as expected."""
    best = result.best
    if best is None:
        return _expectation(result)
    if not math.isfinite(best.valid.mean):
        return "trained on new seeds, it diverged"
    loss = f"a validation loss of {format_score(best.valid)}"
    if result.criterion.goal == "metric" and best.metric is not None:
        loss = f"a metric of {format_measurement(best.metric)} and {loss}"
    return f"it reaches {loss}{_against_default(result)}"


def _expectation(result: SearchResult) -> str:
    if result.expected_loss is None:
        return "what it reaches was not measured"
    point = recommended_point(result)
    interval = ""
    if point is not None and point.recipe == result.recipe:
        interval = f" (90 % interval {format_measurement(point.low)} to {format_measurement(point.high)})"
    return f"the expected validation loss is {format_measurement(result.expected_loss)}{interval}"


def recommended_point(result: SearchResult) -> FrontierPoint | None:
    """Return the point of the frontier at the recommended length; ``None`` where there is none.

    Args:
        result: What find or tune returned.
    """
    return next((point for point in result.frontier if point.steps == result.steps), None)


def _against_default(result: SearchResult) -> str:
    """Return how the recommended recipe compares with the default; empty where the default was not trained."""
    default, best = result.default, result.best
    if default is None or best is None or best.recipe == default.recipe:
        return ""
    if not math.isfinite(default.valid.mean):
        return "; the default diverged"
    if result.criterion.goal == "metric" and default.metric is not None:
        tie = ", too close to call" if default.tied else ""
        return f"; the metric of the default is {format_measurement(default.metric)}{tie}"
    defaults_loss = f"the default's {format_measurement(default.valid.mean)}"
    if default.tied:
        return f"; too close to {defaults_loss} to call"
    if default.valid.mean <= best.valid.mean:
        return f"; {defaults_loss} is no higher"
    ratio = result.improvement(default)
    return f", below {defaults_loss}" if ratio is None else f", {format_reduction(ratio)} than {defaults_loss}"


def as_sentence(text: str) -> str:
    """Return a text as a sentence: with a capital and a full stop.

    Args:
        text: A note or a reason.

    Example:
        >>> as_sentence("every trial diverged"), as_sentence("Every trial diverged.")
        ('Every trial diverged.', 'Every trial diverged.')
    """
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def trained_recipe_name(trained: TrainedRecipe, result: SearchResult) -> str:
    """Return the role of a recipe trained in full, with its optimizer and schedule where those differ between them.

    Args:
        trained: One of the result's recipes trained in full.
        result: What tune returned.
    """
    recipes = [each.recipe for each in result.trained_recipes]
    distinctions = [
        name
        for name, differs in (
            (trained.recipe.optimizer, len({recipe.optimizer for recipe in recipes}) > 1),
            (trained.recipe.lr.name, len({recipe.lr.name for recipe in recipes}) > 1),
        )
        if differs
    ]
    tied = ", tied" if trained.tied and trained.role != "recommended" else ""
    in_brackets = f" ({', '.join(distinctions)})" if distinctions else ""
    return f"{trained.role}{in_brackets}{tied}"


def trained_recipes_note(result: SearchResult) -> str | None:
    """Return how the losses of the recipes trained in full were measured; ``None`` where there are none.

    Args:
        result: What find or tune returned.
    """
    if not result.trained_recipes:
        return None
    counts = sorted({trained.valid.seeds for trained in result.trained_recipes})
    after = f"after {result.trained_recipes[0].steps:,} steps, on seeds that the search had not used"
    if counts == [1]:
        note = f"Losses are of one training each, {after}; one seed has no interval."
    else:
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        note = f"Losses are means of {seeds} trainings {after}, ± half the width of their 90 % interval."
    tied = any(trained.tied for trained in result.trained_recipes if trained.role != "recommended")
    return f"{note} Tied: too close to the recommended recipe to call." if tied else note


def good_range_text(result: SearchResult) -> str | None:
    """Return which settings lose little, or that the trials do not show it.

    ``None`` where nothing is recommended, where the kept default is of another kind than what was searched, and where
    one learning rate alone was tried.

    Args:
        result: What find or tune returned.
    """
    good, recipe = result.good_range, result.recipe
    searched = good is not None or result.expected_loss is not None or result.by_momentum
    if recipe is None or not searched:
        return None
    if len({row.trial.recipe.lr.highest for row in result.measurements}) == 1:
        return None
    momentum, limit = format_number(recipe.momentum.highest), _limit_text(result.limit)
    if good is None:
        return f"The trials do not show which other learning rates are as good at momentum {momentum}; {limit}."
    loss = f"expected to lose at most {format_tolerance(good.tolerance)}"
    if format_number(good.lr.low) == format_number(good.lr.high):
        only = format_number(good.lr.low)
        return f"At momentum {momentum} the trials show no learning rate but {only} to be good ({loss}); {limit}."
    text = f"Good learning rates at momentum {momentum}: {format_interval(good.lr)} (each {loss}); {limit}."
    if good.momentum is None or format_number(good.momentum.low) == format_number(good.momentum.high):
        return text
    return f"{text} Good momenta: {format_interval(good.momentum)}, each with its own best learning rate."


def _limit_text(limit: float | None) -> str:
    if limit is None:
        return "no rate that was tried was too large"
    return f"rates up to {format_number(limit)} are expected to be usable"


def frontier_title(result: SearchResult) -> str:
    """Return the title of the table of the frontier.

    Args:
        result: What find or tune returned.
    """
    target = "metric" if result.criterion.goal == "metric" else "validation loss"
    return f"The best {target} to expect of each length of training:"


def frontier_note(result: SearchResult) -> str | None:
    """Return why the frontier has another recipe than the recommended one; ``None`` where it has the same.

    Args:
        result: What find or tune returned.
    """
    point = recommended_point(result)
    if point is None or result.recipe is None or point.recipe == result.recipe:
        return None
    return (
        "Rows have the settings that are expected to be best at that length; at the recommended length, "
        f"{result.steps:,} steps, these can differ a little from the recommended recipe."
    )


def momentum_table_title(result: SearchResult) -> str:
    """Return the title of the table of learning rates by momentum.

    Args:
        result: What find or tune returned.
    """
    good = result.good_range
    loss = "little" if good is None else f"at most {format_tolerance(good.tolerance)}"
    return (
        f"The learning rates of several momenta (good: expected to lose {loss} over the best at that momentum; "
        "- where the trials do not show it):"
    )


def overfitting_text(result: SearchResult) -> str | None:
    """Return the length from which on trainings get worse; ``None`` where longer ones do not.

    Args:
        result: What find or tune returned.
    """
    if result.overfits_after is None:
        return None
    text = f"Training for more than {result.overfits_after:,} steps overfits"
    if all(row.outcome.train_end is None for row in result.measurements):  # no training losses to compare with
        text = f"Trainings of more than {result.overfits_after:,} steps ended higher"
    if result.recipe is None or result.steps >= result.full_steps:
        return f"{text}: the best loss rises with their length."
    return f"{text}: train {result.steps:,} of {result.full_steps:,} steps."


def unexpected_loss_text(result: SearchResult) -> str | None:
    """Return that the measured loss lies outside of the interval that was expected; ``None`` where it lies inside.

    Args:
        result: What tune returned.
    """
    point, best = recommended_point(result), result.best
    if point is None or best is None or result.criterion.goal == "metric" or not math.isfinite(best.valid.mean):
        return None
    low, high = (best.valid.mean if math.isinf(end) else end for end in (best.valid.low, best.valid.high))
    if low <= point.high and point.low <= high:
        return None
    side = "above" if low > point.high else "below"
    expected = f"{format_measurement(point.low)} to {format_measurement(point.high)}"
    return (
        f"The measured loss, {format_measurement(best.valid.mean)}, lies {side} what the shorter trials predicted, "
        f"{expected}: trust the measured one."
    )


def boundary_warning(result: SearchResult) -> str | None:
    """Return a warning where the best value lies on the edge of what was searched; ``None`` elsewhere.

    Args:
        result: What find or tune returned.
    """
    if not result.boundary:
        return None
    names = " and ".join(HYPERPARAMETER_NAMES.get(name, name) for name in result.boundary)
    verb = "lies" if len(result.boundary) == 1 else "lie"
    return f"Careful: the best {names} {verb} on the edge of what was searched; a better value may lie beyond it."


def search_notes(result: SearchResult) -> list[str]:
    """Return all warnings and notes as sentences, the most important first.

    Args:
        result: What find or tune returned.
    """
    texts = [overfitting_text(result), boundary_warning(result), unexpected_loss_text(result), *result.notes]
    return [as_sentence(text) for text in texts if text]


def search_cost(result: SearchResult) -> str:
    """Return what a search cost, in full trainings and in time.

    Args:
        result: What find or tune returned.
    """
    trials = "1 trial" if result.trials == 1 else f"{result.trials:,} trials"
    trainings = format_number(result.trainings, digits=2)
    search = format_number(result.search_config_steps / result.full_steps, digits=2)
    part = "" if search == trainings else f"; the search took {search} of them"
    unit = "full training" if trainings == "1" else "full trainings"
    return (
        f"{trials} in {format_duration(result.seconds)}: as much as {trainings} {unit} of {result.full_steps:,} "
        f"steps{part}."
    )


def transfer_notes(transfer: Transfer) -> list[str]:
    """Return how to read the table of a transfer, the fitted powers, what was left out, and the cost.

    Args:
        transfer: How the recommendation changes with training length and batch size.
    """
    from surefoot.search.rate_transfer_result import CHANGED_QUANTITIES  # noqa: PLC0415  (imports scipy, half a second)

    fits = {exponent.of: exponent for exponent in transfer.exponents}
    powers = [
        _power_text(fits[quantity])
        if quantity in fits
        else f"No power of the {HYPERPARAMETER_NAMES[quantity]} was fitted: fewer than two best rates are known."
        for quantity in CHANGED_QUANTITIES
    ]
    return [
        f"The recommended recipe with other learning rates, each on the same {transfer.seeds} seeds. Another batch "
        "size keeps the number of samples, so the steps change. Losses are at the best of the rates tried and at the "
        "recommended rate.",
        *powers,
        *([AT_EDGE_NOTE] if any(row.at_edge for row in transfer.rows) else []),
        *(f"Left out, {change}: {reason}." for change, reason in transfer.skipped),
        f"This took {transfer.config_steps:,} of the config-steps, in addition to the budget.",
    ]


def best_rate_text(row: TransferRow) -> str:
    """Return the best learning rate of a row, with a star where it is only a bound; ``-`` where all diverged.

    Args:
        row: A row of the table of a transfer.
    """
    return "-" if row.best is None else format_number(row.best) + ("*" if row.at_edge else "")


def _power_text(exponent: Exponent) -> str:
    low, high = format_number(exponent.interval.low, digits=2), format_number(exponent.interval.high, digits=2)
    rules = "; ".join(
        f"{rule.name} ({rule.exponent:g}: {rule.source}) {'agrees' if within else 'does not agree'}"
        for rule, within in exponent.rules
    )
    return (
        f"The best rate scales as the {HYPERPARAMETER_NAMES[exponent.of]} to the power "
        f"{format_number(exponent.value, digits=2)} (90 % interval {low} to {high}): {rules}."
    )
