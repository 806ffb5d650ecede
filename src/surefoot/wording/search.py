"""What a result says, in sentences; the same words in the terminal and on the page."""

from __future__ import annotations

import math

from surefoot.core.formatting import how_much_lower, measured, numeral, seconds_text
from surefoot.core.values import Interval, Score
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.search.result import Contestant, FrontierPoint, SearchResult
from surefoot.search.scaling import QUANTITIES, Exponent, Transfer, TransferRow

LONG_NAMES = {"lr": "learning rate", "steps": "length of training", "batch_size": "batch size"}
EDGE_NOTE = "* on the edge of the rates tried, the best may lie beyond; left out of the powers."


def headline(result: SearchResult) -> str:
    """Return the recommendation and what it gives, or why there is none."""
    recipe = result.recipe
    if recipe is None:
        return f"There is no recommendation. {sentence(result.reason or 'Nothing is known.')}"
    length = f"{result.steps:,} steps"
    what = f"Keep the default, {recipe}," if recipe == DEFAULT_RECIPE else f"Train with {recipe}"
    return f"{what} for {length}: {_promise(result)}."


def _promise(result: SearchResult) -> str:
    """Return what the recommended recipe gives: as measured, or else as expected."""
    best = result.best
    if best is None:
        return _expectation(result)
    if not math.isfinite(best.valid.mean):
        return "trained on fresh seeds, it diverged"
    loss = f"a validation loss of {interval_text(best.valid)}"
    if result.aim.goal == "metric" and best.metric is not None:
        loss = f"a metric of {measured(best.metric)} and {loss}"
    return f"it reaches {loss}{_against_default(result)}"


def _expectation(result: SearchResult) -> str:
    if result.expected_loss is None:
        return "what it gives was not measured"
    point = recommended_point(result)
    known = point is not None and point.recipe == result.recipe
    bounds = f" (90 % interval {measured(point.low)} to {measured(point.high)})" if point is not None and known else ""
    return f"the expected validation loss is {measured(result.expected_loss)}{bounds}"


def recommended_point(result: SearchResult) -> FrontierPoint | None:
    """Return the point of the frontier at the recommended length, ``None`` where there is none."""
    return next((point for point in result.frontier if point.steps == result.steps), None)


def _against_default(result: SearchResult) -> str:
    """Return how the recommended recipe compares with the default, nothing where that was not trained."""
    default, best = result.default, result.best
    if default is None or best is None or best.recipe == default.recipe:
        return ""
    if not math.isfinite(default.valid.mean):
        return "; the default diverged"
    if result.aim.goal == "metric" and default.metric is not None:
        return f"; {_tied_or(default, f'the metric of the default is {measured(default.metric)}')}"
    whose = f"the default's {measured(default.valid.mean)}"
    if default.tied:
        return f"; the seeds cannot tell it from {whose}"
    if default.valid.mean <= best.valid.mean:
        return f"; {whose} is no higher"
    gain = result.improvement(default)
    return f", {how_much_lower(gain)} than {whose}" if gain is not None else f", below {whose}"


def _tied_or(found: Contestant, said: str) -> str:
    return f"{said}, which the seeds cannot tell from it" if found.tied else said


def sentence(text: str) -> str:
    """Return a text as a sentence: with a capital and a full stop.

    Example:
        >>> sentence("every trial diverged"), sentence("Every trial diverged.")
        ('Every trial diverged.', 'Every trial diverged.')
    """
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def interval_text(score: Score) -> str:
    """Return a loss with its interval.

    Example:
        >>> interval_text(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 (90 % interval 0.0927 to 0.108)'
    """
    bounds = bounds_text(score)
    return measured(score.mean) if bounds is None else f"{measured(score.mean)} (90 % interval {bounds})"


def bounds_text(score: Score) -> str | None:
    """Return the ends of a loss's interval, ``None`` where there is none: a seed diverged, or there was only one."""
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return None
    return f"{measured(score.low)} to {measured(score.high)}"


def half_width_text(score: Score, *, between: str = " ") -> str:
    """Return a loss with half the width of its interval, for narrow columns.

    Example:
        >>> half_width_text(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 ± 0.0076'
    """
    if bounds_text(score) is None:
        return measured(score.mean)
    return f"{measured(score.mean)}{between}± {numeral((score.high - score.low) / 2, digits=2)}"


def contestant_name(found: Contestant, result: SearchResult) -> str:
    """Return the role of a contestant, and what else tells it from the others.

    The optimizer is there where several were trained, the schedule likewise.
    """
    recipes = [each.recipe for each in result.contestants]
    kinds = [
        kind
        for kind, several in (
            (found.recipe.optimizer, len({recipe.optimizer for recipe in recipes}) > 1),
            (found.recipe.lr.name, len({recipe.lr.name for recipe in recipes}) > 1),
        )
        if several
    ]
    tied = ", tied" if found.tied and found.role != "recommended" else ""
    in_brackets = f" ({', '.join(kinds)})" if kinds else ""
    return f"{found.role}{in_brackets}{tied}"


def contestants_note(result: SearchResult) -> str | None:
    """Return what the losses of the contestants are, ``None`` where nothing was trained in full."""
    if not result.contestants:
        return None
    counts = sorted({found.valid.seeds for found in result.contestants})
    steps = result.contestants[0].steps
    after = f"after {steps:,} steps, on seeds that the search had not used"
    if counts == [1]:
        said = f"Losses are of one training each, {after}; one seed has no interval."
    else:
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        said = f"Losses are means of {seeds} trainings {after}, ± half the width of their 90 % interval."
    tied = any(found.tied for found in result.contestants if found.role != "recommended")
    return f"{said} Tied: the seeds cannot tell it from the recommended one." if tied else said


def good_range_text(result: SearchResult) -> str | None:
    """Return which settings lose little, or that the trials do not tell; ``None`` where nothing is recommended."""
    good, recipe = result.good_range, result.recipe
    searched = good is not None or result.expected_loss is not None or result.by_momentum
    if recipe is None or not searched:  # the default is kept where it is of another kind than what was searched
        return None
    if len({row.trial.recipe.lr.highest for row in result.measurements}) == 1:  # no other rate was allowed, or tried
        return None
    own, limit = numeral(recipe.momentum.highest), _limit_text(result.limit)
    if good is None:
        return f"Which other learning rates are as good at momentum {own}, these trials do not tell; {limit}."
    lose = f"expected to lose at most {tolerance_text(good.tolerance)}"
    if numeral(good.lr.low) == numeral(good.lr.high):
        only = numeral(good.lr.low)
        return f"At momentum {own} the trials show no learning rate but {only} to be good ({lose}); {limit}."
    said = f"Good learning rates at momentum {own}: {range_text(good.lr)} (each {lose}); {limit}."
    if good.momentum is None or numeral(good.momentum.low) == numeral(good.momentum.high):
        return said
    return f"{said} Good momenta: {range_text(good.momentum)}, each with a learning rate of its own."


def _limit_text(limit: float | None) -> str:
    """Return how high learning rates may be, as far as trials show it."""
    return (
        "no rate tried was too large" if limit is None else f"rates up to {numeral(limit)} can be expected to be usable"
    )


def frontier_title(result: SearchResult) -> str:
    """Return what the table of the frontier shows."""
    what = "metric" if result.aim.goal == "metric" else "validation loss"
    return f"The best {what} to expect of each length of training:"


def frontier_note(result: SearchResult) -> str | None:
    """Return why the frontier has another recipe than the recommended one, ``None`` where it has not."""
    point = recommended_point(result)
    if point is None or result.recipe is None or point.recipe == result.recipe:
        return None
    return (
        "Rows have the settings that the trials let expect to be best at that length; at the recommended one, "
        f"{result.steps:,} steps, they need not be exactly those of the recommended recipe."
    )


def momenta_title(result: SearchResult) -> str:
    """Return what the table of learning rates by momentum shows."""
    good = result.good_range
    lose = "little" if good is None else f"at most {tolerance_text(good.tolerance)}"
    return (
        f"The learning rates of several momenta (good: expected to lose {lose} over the best at that momentum; "
        "- where the trials do not show it):"
    )


def tolerance_text(tolerance: float) -> str:
    """Return a tolerance in per cent."""
    return f"{numeral(100 * tolerance)} %"


def range_text(interval: Interval) -> str:
    """Return an interval in words.

    Example:
        >>> range_text(Interval(0.1, 0.5)), range_text(Interval(0.1, 0.1))
        ('0.1 to 0.5', '0.1')
    """
    low, high = numeral(interval.low), numeral(interval.high)
    return low if low == high else f"{low} to {high}"


def overfitting_text(result: SearchResult) -> str | None:
    """Return from which length on trainings get worse, ``None`` where they do not."""
    if result.overfits_after is None:
        return None
    said = f"Longer than {result.overfits_after:,} steps overfits"
    if all(row.outcome.train_end is None for row in result.measurements):
        said = f"Trainings of more than {result.overfits_after:,} steps ended higher"
    if result.recipe is None or result.steps >= result.full_steps:
        return f"{said}: the best loss rises with more of them."
    return f"{said}: train {result.steps:,} of {result.full_steps:,} steps."


def surprise_text(result: SearchResult) -> str | None:
    """Return that the measured loss lies outside of what the search expects, ``None`` where it does not."""
    point, best = recommended_point(result), result.best
    if point is None or best is None or result.aim.goal == "metric" or not math.isfinite(best.valid.mean):
        return None
    low, high = (best.valid.mean if math.isinf(end) else end for end in (best.valid.low, best.valid.high))
    if low <= point.high and point.low <= high:
        return None
    return (
        f"The measured loss, {measured(best.valid.mean)}, lies {'above' if low > point.high else 'below'} what the "
        f"shorter trials let expect, {measured(point.low)} to {measured(point.high)}: trust the measured one."
    )


def boundary_warning(result: SearchResult) -> str | None:
    """Return a warning where the best value lies on the edge of what was searched."""
    if not result.boundary:
        return None
    names = " and ".join(LONG_NAMES.get(name, name) for name in result.boundary)
    verb = "lies" if len(result.boundary) == 1 else "lie"
    return f"Careful: the best {names} {verb} on the edge of what was searched; a better value may lie beyond it."


def notes(result: SearchResult) -> list[str]:
    """Return what else there is to be known, the most important first."""
    said = [overfitting_text(result), boundary_warning(result), surprise_text(result), *result.notes]
    return [sentence(note) for note in said if note]


def cost(result: SearchResult) -> str:
    """Return what the answer cost, in full trainings and in time."""
    trials = "1 trial" if result.trials == 1 else f"{result.trials:,} trials"
    trainings = numeral(result.trainings, digits=2)
    search = numeral(result.search_config_steps / result.full_steps, digits=2)
    part = "" if search == trainings else f"; the search took {search} of them"
    unit = "full training" if trainings == "1" else "full trainings"
    return (
        f"{trials} in {seconds_text(result.seconds)}: as much as {trainings} {unit} of {result.full_steps:,} "
        f"steps{part}."
    )


def transfer_notes(found: Transfer) -> list[str]:
    """Return what the table of a transfer says: how to read it, the powers, what was left out, and the cost."""
    fitted = {exponent.of: exponent for exponent in found.exponents}
    powers = [
        f"There is no power in the {LONG_NAMES[of]}: fewer than two best rates are known."
        if of not in fitted
        else _power(fitted[of])
        for of in QUANTITIES
    ]
    return [
        f"The answer with other rates, each on the same {found.seeds} seeds. With another batch size the samples seen "
        "stay the same, so the steps change. Losses are those at the best of the rates tried and at the answer's own.",
        *powers,
        *([EDGE_NOTE] if any(row.at_edge for row in found.rows) else []),
        *(f"Left out, {change}: {reason}." for change, reason in found.skipped),
        f"This took {found.config_steps:,} of the config-steps, beyond the budget.",
    ]


def best_rate_text(row: TransferRow) -> str:
    """Return the best rate of a row, with a mark where it is only a bound."""
    return "-" if row.best is None else numeral(row.best) + ("*" if row.at_edge else "")


def _power(exponent: Exponent) -> str:
    low, high = numeral(exponent.interval.low, digits=2), numeral(exponent.interval.high, digits=2)
    rules = "; ".join(
        f"{rule.name} ({rule.exponent:g}: {rule.source}) {'agrees' if within else 'does not agree'}"
        for rule, within in exponent.rules
    )
    return (
        f"The best rate goes as the {LONG_NAMES[exponent.of]} to the power {numeral(exponent.value, digits=2)} "
        f"(90 % interval {low} to {high}): {rules}."
    )
