"""The last stage of a search: the recommended recipe in full, the recipes it is compared with, and more seeds."""

from __future__ import annotations

from surefoot.recipe.recipe import Recipe
from surefoot.search.rate_bracketing import default_recipe
from surefoot.search.result import FULL_TRAINING
from surefoot.search.search_state import SearchState
from surefoot.search.stability_limit import UNSTABLE_EXCESS
from surefoot.search.trial_analysis import TrialAnalysis
from surefoot.trainers.trial import Outcome, Trial

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
