"""What a result says, in sentences; the same words in the terminal and on the page."""

from __future__ import annotations

import math

from surefoot.numerals import how_much_lower, measured, numeral, seconds_text
from surefoot.search.result import Contestant, TuneResult
from surefoot.search.scaling import QUANTITIES, Exponent, Transfer, TransferRow
from surefoot.tuning.found import FindResult
from surefoot.values import Interval, Score

LONG_NAMES = {"lr": "learning rate", "steps": "length of training", "batch_size": "batch size"}
EDGE_NOTE = "* on the edge of the rates tried, the best may lie beyond; left out of the powers."


def headline(result: TuneResult) -> str:
    """Return the recommendation with its numbers, in one sentence or two."""
    best = result.best
    if best is None:
        return f"There is no recommendation. {_sentence(result.reason)}"
    loss = f"a validation loss of {interval_text(best.valid)}"
    if best.recipe == result.default.recipe:
        return f"Keep the default, {best.recipe}: with {loss} it was the best of {result.trials} recipes."
    if result.goal == "metric" and best.metric is not None:
        return f"{best.recipe} reaches a metric of {measured(best.metric)} and {loss}, {_against_metric(result)}."
    return f"{best.recipe} reaches {loss}, {_against_default(result)}."


def _against_metric(result: TuneResult) -> str:
    metric = result.default.metric
    if metric is None or not math.isfinite(result.default.valid.mean):
        return "where the default diverged"
    if is_tied(result, result.default):
        return f"where the default's metric, {measured(metric)}, cannot be told apart"
    return f"where the default's metric is {measured(metric)}"


def _against_default(result: TuneResult) -> str:
    default = result.default.valid
    if not math.isfinite(default.mean):
        return "where the default diverged"
    gain = result.improvement(result.default)
    whose = f"the default's {measured(default.mean)}"
    if is_tied(result, result.default):
        return f"which cannot be told apart from {whose}"
    return f"{how_much_lower(gain)} than {whose}" if gain is not None else f"below {whose}"


def is_tied(result: TuneResult, contestant: Contestant) -> bool:
    """Whether a recipe of the confirmation cannot be told apart from the best."""
    return any(found.tied and found.recipe == contestant.recipe for found in result.contestants)


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


def half_width_text(score: Score) -> str:
    """Return a loss with half the width of its interval, for narrow columns.

    Example:
        >>> half_width_text(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 ± 0.0076'
    """
    if bounds_text(score) is None:
        return measured(score.mean)
    return f"{measured(score.mean)} ± {numeral((score.high - score.low) / 2, digits=2)}"


def tied_settings(result: TuneResult) -> str | None:
    """Return which settings cannot be told apart from the best, ``None`` where there is no best."""
    if result.best is None:
        return None
    if result.lr is None or result.momentum is None:
        return "The search tried nothing of the default's kind, so it knows no range of settings as good."
    if result.lr.low == result.lr.high and result.momentum.low == result.momentum.high:
        return "Compared seed by seed, no other setting that was tried came as close."
    lr, momentum = _range(result.lr), _range(result.momentum)
    known = "Just as good, as far as 90 % confidence can tell:"
    if result.momentum.low == result.momentum.high:
        return f"{known} learning rate {lr}."
    own = numeral(result.best.recipe.momentum.highest)
    return f"{known} learning rate {lr} at momentum {own}; momentum {momentum}, each with a rate of its own."


def _sentence(reason: str | None) -> str:
    return reason[:1].upper() + reason[1:] if reason else ""


def _range(interval: Interval) -> str:
    low, high = numeral(interval.low), numeral(interval.high)
    return low if low == high else f"{low} to {high}"


def boundary_warning(result: TuneResult) -> str | None:
    """Return a warning where the best value lies on the edge of what was searched."""
    if not result.boundary:
        return None
    names = " and ".join(LONG_NAMES.get(name, name) for name in result.boundary)
    verb = "lies" if len(result.boundary) == 1 else "lie"
    return f"Careful: the best {names} {verb} on the edge of what was searched; a better value may lie beyond it."


def cost(result: TuneResult) -> str:
    """Return what the answer cost.

    A config-step is one optimizer step of one recipe, the unit of all budgets.
    """
    trainings = numeral(result.config_steps / result.steps)
    return (
        f"{result.trials} recipes tried in {seconds_text(result.seconds)}: {result.config_steps:,} config-steps, "
        f"as many as {trainings} full trainings of {result.steps:,} steps."
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


def find_headline(result: FindResult) -> str:
    """Return where to start, or why that cannot be said."""
    found = result.suggestion
    if found is None:
        return f"There is no suggestion. {_sentence(result.reason)}"
    return (
        f"Start from learning rate {numeral(found.lr)} with momentum {numeral(found.momentum)}; "
        f"there {numeral(found.low)} to {numeral(found.high)} is usable."
    )


def expected_limit(result: FindResult) -> str:
    """Return what the sharpness at the start lets one expect of the limits, and where that comes from."""
    found = result.sharpness
    if found.value is None:
        return f"No prior: the sharpness is not known, for {found.reason}."
    if found.value <= 0:
        return "No prior: at the start the training loss is not curved upwards."
    return (
        f"Prior: 2 (1 - momentum) / sharpness, a guess and no limit. The sharpness at the start is "
        f"{numeral(found.value)} (residual {numeral(100 * (found.residual or 0.0), digits=2)} %, "
        f"{found.gradients} gradients of {found.samples} samples)."
    )
