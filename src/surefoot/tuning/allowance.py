"""How a budget is divided among the stages of a tune."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.budget import Budget
from surefoot.errors import BudgetError
from surefoot.fleet.history import POINTS
from surefoot.tuning.rungs import Candidate, expected_work, to_next_rung, to_the_end
from surefoot.tuning.space import SearchSpace

SMALLEST = 12.0
# What an answer costs where no budget is given: two settings, more settings of one optimizer, several optimizers.
TWO_SETTINGS, MORE_SETTINGS, TWO_OPTIMIZERS, EACH_OTHER_OPTIMIZER = 18.0, 22.0, 27.0, 5.0
RAMP_MOMENTUM = 0.9
# A ramp is read off its fleet's history, which has a point for every step only up to here.
RAMP_STEPS = POINTS
SMALLEST_POPULATION, USUAL_POPULATION, LARGEST_POPULATION = 4, 16, 64
MOST_SEEDS = 10
TRAININGS_PER_SEED = 18.0
# The budget from which on a third finalist is worth its price.
THREE_FINALISTS = 45.0
# Beyond the usual number, a first generation takes this share of the search and leaves the rest for refinement.
FIRST_GENERATION = 0.5


@dataclass(frozen=True, slots=True)
class Allowance:
    """What each stage may cost, in full trainings.

    Attributes:
        ramp_steps: Length of the range test's ramps.
        population: Places of the search.
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
    def of(cls, trainings: float, *, steps: int, ramps: int = 1, refines: bool = True) -> Allowance:
        """Divide a budget of so many trainings of ``steps`` steps.

        Args:
            trainings: The budget.
            steps: Length of a training.
            ramps: How many optimizers' ranges are tested.
            refines: Whether the strategy draws points after its first ones.

        Raises:
            BudgetError: If it is too small for any answer.

        Example:
            >>> Allowance.of(18, steps=200)
            Allowance(ramp_steps=50, population=16, search=5.75, finalists=2, seeds=3, total=18)
        """
        if trainings < SMALLEST:
            raise BudgetError(f"a tune needs a budget of at least {SMALLEST:g}x; given {trainings:.3g}x.")
        ramp_steps = min(RAMP_STEPS, max(20, steps // 4))
        finalists = 3 if trainings >= THREE_FINALISTS else 2
        contestants = finalists + 2  # the default recipe, as it is and under the recommended schedule
        seeds = min(MOST_SEEDS, int(2 + trainings / TRAININGS_PER_SEED))
        search = trainings - seeds * contestants - ramps * ramp_steps / steps
        population = _population(search, steps=steps, refines=refines)
        newcomer = Candidate(0, ())
        if population * to_next_rung(newcomer, steps) + to_the_end(newcomer, steps) > search * steps:
            raise BudgetError(
                f"{trainings:.3g}x are too few for trainings of {steps} steps.", hint="give a larger budget."
            )
        return cls(ramp_steps, population, search, finalists, seeds, trainings)


def _population(search: float, *, steps: int, refines: bool) -> int:
    """Return how many points a search begins with, a power of two where it refines."""
    price = expected_work(Candidate(0, ()), steps) / steps
    if not refines:
        return max(SMALLEST_POPULATION, int(search / price))
    population = SMALLEST_POPULATION
    while population < LARGEST_POPULATION:
        share = 1.0 if 2 * population <= USUAL_POPULATION else FIRST_GENERATION
        if 2 * population * price > share * search:
            break
        population *= 2
    return population


def usual_budget(space: SearchSpace) -> Budget:
    """Return the budget of a tune that was given none.

    Example:
        >>> str(usual_budget(SearchSpace())), str(usual_budget(SearchSpace(optimizers=("sgd", "adam", "lion"))))
        ('18x', '32x')
    """
    others = len(space.optimizers) - 2
    if others >= 0:
        return Budget(trainings=TWO_OPTIMIZERS + EACH_OTHER_OPTIMIZER * others)
    return Budget(trainings=TWO_SETTINGS if space == SearchSpace(optimizers=space.optimizers) else MORE_SETTINGS)
