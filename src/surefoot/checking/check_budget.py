"""What a check may cost: its budget in full trainings."""

from __future__ import annotations

import math

from surefoot.budget import Budget
from surefoot.errors import BudgetError
from surefoot.fleet.plan import Plan, trainings_of
from surefoot.surrogate.rungs import lowest_rung

# The default budget: two trainings at 220 steps, about half a training at 4000.
AUTO_STEPS, AUTO_TRAININGS = 220, 2.0
LEAST_AUTO, MOST_AUTO = 0.25, 4.0
# Fewer trials at the lowest rung tell nothing.
FEWEST_TRIALS = 5
# No step is faster, in seconds.
LEAST_PACE = 1e-9


def auto_trainings(steps: int) -> float:
    """Return the default budget for a length, in trainings: 2 √(220 / steps), between 0.25 and 4, or what is least.

    Example:
        >>> [round(auto_trainings(steps), 2) for steps in (8, 60, 220, 4000, 100_000)]
        [5.0, 3.83, 2.0, 0.47, 0.25]
    """
    return max(_least(steps), min(MOST_AUTO, max(LEAST_AUTO, AUTO_TRAININGS * math.sqrt(AUTO_STEPS / steps))))


def _least(steps: int) -> float:
    """Return what the fewest trials cost, in full trainings."""
    return FEWEST_TRIALS * lowest_rung(steps) / steps


def resolved(budget: Budget, *, steps: int, plan: Plan | None, pace: float | None = None) -> float:
    """Return a budget in full trainings; ``auto`` is :func:`auto_trainings`.

    Args:
        budget: As it was given.
        steps: Length of a full training.
        plan: How a fleet runs the trials; ``None`` where none does.
        pace: Seconds of a step, where no plan knows it.

    Raises:
        BudgetError: If it buys less than 5 of the shortest trials.
    """
    if budget.is_auto:
        return auto_trainings(steps)
    if plan is not None:
        return enough(trainings_of(budget, steps=steps, plan=plan), budget, steps=steps)
    timed = None if pace is None or budget.seconds is None else budget.seconds / (max(pace, LEAST_PACE) * steps)
    return enough(timed or budget.trainings, budget, steps=steps)


def enough(trainings: float | None, budget: Budget, *, steps: int) -> float:
    """Return a budget in trainings if it buys a few trials.

    Raises:
        BudgetError: If it does not.
    """
    least = _least(steps)
    if trainings is None or trainings < least:
        raise BudgetError(
            f"a check needs {FEWEST_TRIALS} short trials: at least {math.ceil(100 * least) / 100:g}x; given {budget}.",
            hint="leave it out, or give auto.",
        )
    return trainings
