"""How a budget is divided among the stages of a tune."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.budget import Budget
from surefoot.errors import BudgetError
from surefoot.fleet import Plan
from surefoot.fleet.history import POINTS
from surefoot.tuning.halving import Candidate, expected_work, to_next_rung, to_the_end
from surefoot.tuning.space import Point

SMALLEST = 12.0
RAMP_MOMENTA = (0.0, 0.9)
# A ramp is read off its fleet's history, which has a point for every step only up to here.
RAMP_STEPS = POINTS
SMALLEST_POPULATION, LARGEST_POPULATION = 4, 64
MOST_SEEDS = 10
# The confirmation's share of the budget, and the budget from which on a third finalist is worth its price.
CONFIRMATION = 0.55
THREE_FINALISTS = 45.0
# A first generation of this share of the search's ceiling leaves the rest for refinement around the best.
FIRST_GENERATION = 0.5


@dataclass(frozen=True, slots=True)
class Allowance:
    """What each stage may cost, in full trainings.

    Attributes:
        ramp_steps: Length of the range test's ramps.
        population: Places of the search, a power of two.
        search: Ceiling of the search.
        finalists: Recipes that are confirmed.
        seeds: Fresh seeds they are confirmed on.
        total: All of it.
    """

    ramp_steps: int
    population: int
    search: float
    finalists: int
    seeds: int
    total: float

    @classmethod
    def of(cls, trainings: float, *, steps: int) -> Allowance:
        """Divide a budget of so many trainings of ``steps`` steps: a little more than half for the confirmation.

        Raises:
            BudgetError: If it is too small for any answer.

        Example:
            >>> Allowance.of(30, steps=220)
            Allowance(ramp_steps=100, population=16, search=13.09..., finalists=2, seeds=4, total=30)
        """
        if trainings < SMALLEST:
            raise BudgetError(f"a tune needs a budget of at least {SMALLEST:g}x; given {trainings:.3g}x.")
        ramp_steps = min(RAMP_STEPS, max(20, steps // 2))
        finalists = 3 if trainings >= THREE_FINALISTS else 2
        contestants = finalists + 2  # the default recipe, as it is and under the recommended schedule
        seeds = min(MOST_SEEDS, max(2, int(CONFIRMATION * trainings / contestants)))
        search = trainings - seeds * contestants - len(RAMP_MOMENTA) * ramp_steps / steps
        newcomer = Candidate(0, Point(0.0, 0.0))
        population, price = SMALLEST_POPULATION, expected_work(newcomer, steps) / steps
        while 2 * population * price <= FIRST_GENERATION * search and population < LARGEST_POPULATION:
            population *= 2
        if population * to_next_rung(newcomer, steps) + to_the_end(newcomer, steps) > search * steps:
            raise BudgetError(
                f"{trainings:.3g}x are too few for trainings of {steps} steps.", hint="give a larger budget."
            )
        return cls(ramp_steps, population, search, finalists, seeds, trainings)


def trainings_of(budget: Budget, *, steps: int, plan: Plan) -> float:
    """Return a budget in full trainings; one in seconds by the plan's measured cost of a config-step.

    Raises:
        BudgetError: If a budget in seconds meets a plan without a measured cost.
    """
    if budget.trainings is not None:
        return budget.trainings
    if plan.config_step_us is None or budget.seconds is None:
        raise BudgetError(f"the budget {budget} needs a plan with a measured cost.", hint="give the budget as 30x.")
    return 1e6 * budget.seconds / (plan.config_step_us * steps)
