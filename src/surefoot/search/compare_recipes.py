"""Compares the recipes that a search trained in full: which to recommend, and which of the others are as good."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from surefoot.recipe.recipe import Recipe
from surefoot.search.rate_bracketing import default_recipe
from surefoot.search.result import FULL_TRAINING
from surefoot.search.search_state import SearchState
from surefoot.search.trained_recipe import RecipeRole, TrainedRecipe, tied_with
from surefoot.studies.measurements import Measurement

# On a single seed, one recipe is clearly better than another if their losses differ by this many times the noise of a
# difference.
MIN_SINGLE_SEED_GAP = 1.5


def compare_recipes(search: SearchState) -> tuple[TrainedRecipe, ...]:
    """Return the recipes of the full trainings, the one to recommend first, without those that the search rejected.

    Recipes are compared by their mean cost over the seeds that all of them have; an interrupted search may lack some
    recipes on its last seed. A recipe that diverged on any seed ranks last.
    """
    runs = _full_trainings(search)
    if not runs:
        return ()
    diverged = {recipe for recipe, rows in runs.items() if not all(row.outcome.ok for row in rows)}
    asked = search.compared or tuple(runs)
    sound = [recipe for recipe in runs if recipe in asked and recipe not in diverged | search.rejected]
    seeds = _shared_seeds(runs, sound or runs)
    if not seeds:  # trainings failed on different seeds, so that no two recipes can be compared
        sound = [search.recipe if search.recipe in sound else (sound or [*runs])[0]]
        runs = {recipe: runs[recipe] for recipe in sound}
        seeds = _shared_seeds(runs, sound)
    runs = {
        recipe: [row for row in rows if row.trial.seed in seeds] if recipe in sound else rows
        for recipe, rows in runs.items()
    }
    costs = {
        recipe: [search.criterion.cost(row.outcome) for row in rows if row.trial.seed in seeds] or [math.inf]
        for recipe, rows in runs.items()
    }
    order = _ranked(search, sound or [*runs], costs)
    best = order[0]
    order += [recipe for recipe in runs if recipe not in order]
    return tuple(
        TrainedRecipe.of(
            recipe,
            _role(search, recipe, best),
            runs=runs[recipe],
            criterion=search.criterion,
            tied=recipe not in diverged | {best} and recipe in _tied_pair(best, recipe, costs),
        )
        for recipe in order
    )


def _full_trainings(search: SearchState) -> dict[Recipe, list[Measurement]]:
    """Return the full trainings of each recipe that did not fail, without recipes that the search rejected."""
    runs: dict[Recipe, list[Measurement]] = {}
    for row in search.recorder.measurements:
        recipe = row.trial.recipe
        in_full = row.stage.startswith(FULL_TRAINING) and row.trial.steps == search.length
        # A rejected recipe is shown if it is recommended after all, is the default, or was named by the user.
        wanted = (search.recipe, *search.compare, default_recipe(recipe.optimizer))
        if in_full and row.outcome.failure is None and (recipe not in search.rejected or recipe in wanted):
            runs.setdefault(recipe, []).append(row)
    return runs


def _shared_seeds(runs: Mapping[Recipe, list[Measurement]], recipes: Iterable[Recipe]) -> set[int]:
    return set.intersection(*({row.trial.seed for row in runs[recipe]} for recipe in recipes))


def _ranked(search: SearchState, recipes: list[Recipe], costs: Mapping[Recipe, list[float]]) -> list[Recipe]:
    """Return recipes by their mean cost.

    With one seed the recommended recipe of the search stays first, unless another one is clearly better on that seed.
    """
    order = sorted(recipes, key=lambda recipe: float(np.mean(costs[recipe])))
    recommended = search.recipe
    if recommended is None or recommended not in order or len(costs[recommended]) > 1:
        return order
    if _clearly_higher(search, costs[recommended][0], costs[order[0]][0]):
        return order
    return [recommended, *(recipe for recipe in order if recipe != recommended)]


def _clearly_higher(search: SearchState, cost: float, other: float) -> bool:
    """Return whether a cost is above another by more than the noise of a training explains."""
    analysis = search.analysis()
    if analysis is None or not (math.isfinite(cost) and math.isfinite(other)):
        return math.isfinite(other)
    scale, noise = analysis.surrogate.scale, analysis.surrogate.noise
    return scale.value(cost) - scale.value(other) > MIN_SINGLE_SEED_GAP * math.sqrt(2.0) * noise


def _tied_pair(best: Recipe, recipe: Recipe, costs: Mapping[Recipe, list[float]]) -> set[Recipe]:
    """Return the recipe if the seeds cannot distinguish it from the best; with one seed nothing is known."""
    return tied_with(best, {recipe: costs[recipe], best: costs[best]}) if len(costs[best]) > 1 else set()


def _role(search: SearchState, recipe: Recipe, best: Recipe) -> RecipeRole:
    if recipe == best:
        return "recommended"
    if recipe in search.compare:
        return "compared"
    return "default" if recipe == default_recipe(recipe.optimizer) else "runner-up"
