"""The stages of a search, in their order: short trials, longer ones, and the recommended recipe in full.

1. Bracket: trials at the lowest rung, at factors of ten of each optimizer's default rate, until the best rate has a
   worse one on both sides.
2. Lowest rung: trials spread over the space around it, then trials of the largest expected improvement.
3. Longer rungs: a few trials at each. Where longer trainings end worse, a shorter one is recommended.
4. Full training: the recommended recipe at the recommended length, the recipes to compare it with, and more seeds.

Every stage asks the trainer for trials and nothing else. What it asks for depends on the seed, the budget and the
outcomes so far: a search that is resumed asks for the same trials again, and finds them recorded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from surefoot.core.progress import Interrupted
from surefoot.recipe.recipe import Recipe
from surefoot.search.best_recipe_by_length import TrialAnalysis
from surefoot.search.budgeted_trials import ROUND_TRIALS, AllFailedError
from surefoot.search.rate_bracketing import (
    best_decade,
    default_effective_rate,
    default_recipe,
    has_learned,
    is_flat,
    next_decades,
)
from surefoot.search.result import FULL_TRAINING, LONGER_RUNGS, LOWEST_RUNG
from surefoot.search.search_state import FULL_LENGTH_STREAM, LONGER_RUNGS_STREAM, REFINEMENT_STREAM, SearchState
from surefoot.search.space.coordinates import Coordinates
from surefoot.search.stability_limit import UNSTABLE_EXCESS
from surefoot.surrogate.rung_lengths import is_short
from surefoot.trainers.trial import Outcome, Trial

# Rounds of additional trials at the longest rung, and trials of a round.
MAX_REFINEMENT_ROUNDS, REFINEMENT_TRIALS = 4, 2
# Share of the budget left that goes to those rounds; the rest pays for more seeds of the full trainings.
REFINEMENT_SHARE = 0.5
# Where more full trainings than this are left, the search tries new recipes at the full length too: so many rounds at
# most, and so many trials in each.
FULL_LENGTH_RESERVE, MAX_FULL_LENGTH_ROUNDS, FULL_LENGTH_TRIALS = 9.0, 2, 2


def run_stages(search: SearchState) -> None:
    """Run all stages that the budget has room for; the results are fields of the search.

    Raises:
        Interrupted: If asked to stop; the trials so far are recorded.
    """
    try:
        for stage in (bracket_rates, try_lowest_rung, try_longer_rungs, refine_longest_rung, try_full_length):
            stage(search)
        search.search_config_steps = search.recorder.config_steps
        search.decide()
        if search.trains_in_full:
            train_in_full(search)
    except AllFailedError:  # the result will say so
        search.search_config_steps = search.search_config_steps or search.recorder.config_steps
    except Interrupted:
        if not search.search_config_steps:  # the trials since the last decision count too
            search.search_config_steps = search.recorder.config_steps
            search.decide()
        if search.stop() or not search.budget.deadline_passed():
            raise


def bracket_rates(search: SearchState) -> None:
    """Find the best factor of ten of each optimizer's rate; at a longer rung where the lowest cannot rank them."""
    if search.space.lr is not None:
        search.coordinates = search.default_coordinates()
        return
    costs: dict[str, dict[int, float]] = {}
    while True:
        costs = {name: _bracket(search, name, costs.get(name, {})) for name in search.space.optimizers}
        search.has_learned = any(map(has_learned, costs.values()))
        longer = search.sizes.with_longer_lowest_rung()
        if longer is None or not any(map(is_flat, costs.values())):
            break
        if not search.affords((longer.bracketing_trials + longer.spread_trials) * longer.lowest):
            break
        search.progress.message(
            f"trials of {search.sizes.lowest} steps are too short to rank learning rates; trying {longer.lowest} steps."
        )
        search.sizes = longer
    # An optimizer whose rates all ended alike begins at its default.
    rates = {
        name: default_effective_rate(name) * (10.0 ** best_decade(each) if has_learned(each) else 1.0)
        for name, each in costs.items()
    }
    search.coordinates = Coordinates.around(search.space, rates, steps=search.trainer.steps)


def _bracket(search: SearchState, optimizer: str, shorter: Mapping[int, float]) -> dict[int, float]:
    """Return the costs of rates at factors of ten, until the best is bracketed.

    Args:
        search: The search.
        optimizer: Optimizer of the trials.
        shorter: Costs at a lower rung. Of those decades only the best two are tried again; what diverged in fewer
            steps counts as diverged.
    """
    costs = {decade: cost for decade, cost in shorter.items() if not math.isfinite(cost)}
    again = tuple(sorted(set(shorter) - set(costs), key=lambda decade: shorter[decade])[:2])
    steps, seed = search.sizes.lowest, search.next_round_seed()
    while wanted := again or next_decades(costs):
        if shorter and not again and not search.affords(len(wanted) * steps):
            break
        again = ()
        recipes = [search.recipe_at_decade(optimizer, decade) for decade in wanted]
        outcomes = search.runner.run(f"{LOWEST_RUNG}/range", recipes, steps=steps, seed=seed)
        if not outcomes:
            break
        costs |= {decade: search.criterion.cost(outcome) for decade, outcome in zip(wanted, outcomes, strict=False)}
    return costs


def try_lowest_rung(search: SearchState) -> None:
    """Try points spread over the space, then those of the largest expected improvement."""
    steps = search.sizes.lowest
    points = search.first_points()
    if steps > search.sizes.rungs[0]:  # a longer rung was taken, and less of the budget is left
        points = points[: search.affordable_trials(len(points), steps=steps)]
    search.run_points(f"{LOWEST_RUNG}/spread", points, steps=steps)
    for number in range(search.sizes.rounds):
        if not search.affords(ROUND_TRIALS * steps):
            return
        points = search.sampled_points(ROUND_TRIALS, number=number)
        if not search.run_points(f"{LOWEST_RUNG}/improve", points, steps=steps):
            return


def try_longer_rungs(search: SearchState) -> None:
    """Follow the best recipe up the rungs, until longer trainings end worse or the budget is spent."""
    for number, (steps, trials) in enumerate(search.sizes.longer):
        count = search.affordable_trials(trials, steps=steps)
        if not count:
            return
        stream = LONGER_RUNGS_STREAM + number
        points = search.propose(count, steps=steps, stream=stream, include_high_rate=count > 1)
        if not search.run_points(f"{LONGER_RUNGS}/{steps}", points, steps=steps):
            return
        search.decide()
        if search.overfits_after is not None:
            return


def refine_longest_rung(search: SearchState) -> None:
    """Try more recipes at the longest rung, with a share of what the first full trainings leave of the budget.

    Those are the recommended recipe and the ones to compare; for short trainings also the default and the runner-up,
    all on two seeds.
    """
    left = search.budget.config_steps_left()
    if search.overfits_after is not None or not search.sizes.longer or not math.isfinite(left):
        return
    steps = search.sizes.longer[-1][0]
    if search.trains_in_full:
        short = is_short(search.trainer.steps)
        trainings = 2 * (3 + len(search.compare)) if short else 1 + len(search.compare)
        left = REFINEMENT_SHARE * (left - trainings * search.trainer.steps)
    for number in range(min(MAX_REFINEMENT_ROUNDS, int(left // (REFINEMENT_TRIALS * steps)))):
        stream = REFINEMENT_STREAM + number
        points = search.propose(REFINEMENT_TRIALS, steps=steps, stream=stream, include_high_rate=True)
        if not search.run_points(f"{LONGER_RUNGS}/{steps}", points, steps=steps):
            return


def try_full_length(search: SearchState) -> None:
    """Try more recipes at the recommended length, where the budget has room for many full trainings."""
    left = search.budget.config_steps_left()
    if not search.trains_in_full or not math.isfinite(left):  # infinite: no trial has been timed yet
        return
    rounds = int((left / search.trainer.steps - FULL_LENGTH_RESERVE) // FULL_LENGTH_TRIALS)
    search.decide()
    for number in range(min(MAX_FULL_LENGTH_ROUNDS, rounds)):
        points = search.propose(FULL_LENGTH_TRIALS, steps=search.length, stream=FULL_LENGTH_STREAM + number)
        if not search.run_points(f"{LONGER_RUNGS}/{search.length}", points, steps=search.length):
            return


# Seeds on which recipes are trained in full and compared, at most.
MAX_SEEDS = 5
# So often the recommendation may change after its full training, for another recipe or another length.
MAX_RECOMMENDATIONS = 3
# A full training ends too high if its loss is above the expected one by more than this many standard deviations.
MAX_DEVIATIONS = 2.0


def train_in_full(search: SearchState) -> None:
    """Train the recommended recipe in full, then the recipes it is compared with, then all of them on more seeds."""
    if not _confirm_recommendation(search):
        return
    search.compared = recipes = tuple(_recipes_to_compare(search))
    _announce_length(search)
    missing = [recipe for recipe in recipes if not search.recorder.asked(_trial(search, recipe))]
    outcomes = search.runner.run(FULL_TRAINING, missing, steps=search.length, seed=search.full_training_seed(0))
    if len(outcomes) < len(missing):
        return
    for number in range(1, MAX_SEEDS):
        seed = search.full_training_seed(number)
        if not search.runner.run(FULL_TRAINING, recipes, steps=search.length, seed=seed, all_or_none=True):
            return


def _confirm_recommendation(search: SearchState) -> bool:
    """Train the recommended recipe, and another one where that ends too high; return whether to compare it."""
    for _ in range(MAX_RECOMMENDATIONS):
        if search.recipe is None or not search.budget.affords(search.length):
            return False
        if search.recorder.asked(_trial(search, search.recipe)):
            return True
        _announce_length(search)
        recipe, length, before = search.recipe, search.length, search.analysis()
        outcomes = search.runner.run(FULL_TRAINING, [recipe], steps=length, seed=search.full_training_seed(0))
        if not outcomes:
            return False
        if outcomes[0].failure is not None:  # not because of its recipe
            return True
        ends_too_high = before is not None and _ends_too_high(outcomes[0], before, recipe=recipe, search=search)
        search.decide()  # the new trial may show that the recipe is unstable, or that a shorter training ends lower
        if not ends_too_high and search.length == length:
            search.recipe = recipe
            return True
        if ends_too_high and search.recipe != recipe:
            search.rejected.add(recipe)
    return True


def _ends_too_high(outcome: Outcome, before: TrialAnalysis, *, recipe: Recipe, search: SearchState) -> bool:
    """Return whether a full training diverged, or ended as far above the expected loss as an unstable trial.

    Args:
        outcome: Outcome of the training.
        before: Analysis of the trials before it.
        recipe: Recipe of the training.
        search: The search, its length still that of the training.
    """
    if not outcome.ok:
        return True
    mean, deviation = before.value(recipe, search.length)
    value = before.surrogate.scale.value(search.criterion.cost(outcome))
    return value > mean + max(UNSTABLE_EXCESS, MAX_DEVIATIONS * deviation)


def _recipes_to_compare(search: SearchState) -> list[Recipe]:
    """Return the recommended recipe, the user's own, the default, and the runner-up of the search."""
    if search.recipe is None:
        return []
    analysis = search.analysis()
    runner_up = None if analysis is None else analysis.runner_up(search.recipe, search.length)
    others = [*search.compare, default_recipe(search.recipe.optimizer), *([runner_up] if runner_up is not None else [])]
    return [*dict.fromkeys([search.recipe, *others])]


def _announce_length(search: SearchState) -> None:
    """Say to a trainer that keeps models and test losses how long the trainings are for which it does."""
    if hasattr(search.trainer, "final_steps"):
        search.trainer.final_steps = search.length


def _trial(search: SearchState, recipe: Recipe) -> Trial:
    """Return the first full training of a recipe."""
    return Trial(recipe, search.length, search.full_training_seed(0))
