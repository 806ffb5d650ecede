"""Builds the result of a search from its trials: the recipes compared, what to recommend, and notes in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.optimizers import RULES
from surefoot.recipe.recipe import Recipe
from surefoot.search.best_recipe_by_length import MIN_TRIALS, TrialAnalysis, frontier, frontier_point
from surefoot.search.full_training_scores import RecipeRole, TrainedRecipe, tied_with
from surefoot.search.good_range import good_range, momentum_rows
from surefoot.search.rate_bracketing import default_recipe
from surefoot.search.request import Command
from surefoot.search.result import FULL_TRAINING, FrontierPoint, SearchResult
from surefoot.search.search_setup import trained_model_of
from surefoot.search.search_state import SearchState
from surefoot.studies.recorded_trials import Measurement


def build_result(search: SearchState, *, command: Command, seconds: float, budget: str) -> SearchResult:
    """Return the result of a search.

    Args:
        search: The search, after its last stage or interrupted.
        command: ``find`` or ``tune``.
        seconds: Wall-clock seconds of the search.
        budget: Resolved budget, as text.
    """
    if search.recipe is None:
        search.decide()
    trained_recipes = compare_recipes(search)
    recipe = trained_recipes[0].recipe if trained_recipes else search.recipe
    if trained_recipes and not math.isfinite(trained_recipes[0].valid.mean):
        trained_recipes, recipe = (), None
    measurements = tuple(search.recorder.measurements)
    plan, study = getattr(search.trainer, "plan", None), search.recorder.study
    best = next((each for each in trained_recipes if each.role == "recommended"), None)
    trained_model = None
    if best is not None:
        seed = best.runs[0].trial.seed
        trained_model = trained_model_of(search.trainer, best.recipe, steps=search.length, seed=seed)
    return SearchResult(
        command=command,
        task=search.trainer.name,
        full_steps=search.trainer.steps,
        steps=search.length,
        recipe=recipe,
        reason=None if recipe is not None else why_no_recipe(measurements),
        trained_recipes=trained_recipes,
        overfits_after=search.overfits_after,
        notes=tuple(notes_of(search, trained_recipes)),
        measurements=measurements,
        search_config_steps=search.search_config_steps or search.recorder.config_steps,
        config_steps=search.recorder.config_steps,
        seconds=seconds,
        budget=budget,
        criterion=search.criterion,
        plan=None if plan is None else plan.to_json(),
        study=None if study is None else study.name,
        trained_model=trained_model,
        **_expectations(search, recipe),
    )


def _expectations(search: SearchState, recipe: Recipe | None) -> dict[str, Any]:
    """Return the fields of the result that come from the surrogate: what is expected of a recipe and of others.

    A recipe of the user's that is not in the search space has a frontier, and nothing else.
    """
    analysis = search.analysis()
    nothing = {"expected_loss": None, "good_range": None, "limit": None, "by_momentum": (), "boundary": ()}
    if analysis is None or recipe is None:
        return {**nothing, "frontier": ()}
    if not analysis.coordinates.covers(recipe):
        return {**nothing, "frontier": _frontier(search, analysis, recipe)}
    minimises_loss = search.criterion.goal == "loss"
    expected = analysis.surrogate.scale.loss(analysis.value(recipe, search.length)[0]) if minimises_loss else None
    # The good range comes first: it draws from the random generator of the analysis.
    good = good_range(analysis, recipe, steps=search.length)
    rows = momentum_rows(analysis, recipe, steps=search.length)
    return {
        "expected_loss": expected,
        "good_range": good,
        "limit": analysis.largest_usable_rate(recipe),
        # With a metric as the goal the surrogate models its negative.
        "by_momentum": rows if minimises_loss else tuple(replace(row, loss=-row.loss) for row in rows),
        "frontier": _frontier(search, analysis, recipe),
        "boundary": analysis.coordinates.at_boundary(recipe),
    }


def _frontier(search: SearchState, analysis: TrialAnalysis, recipe: Recipe) -> tuple[FrontierPoint, ...]:
    """Return the frontier, with the recommended recipe at its length; with a metric as the goal, of the metric."""
    points = frontier(analysis, search.lengths())
    if analysis.coordinates.covers(recipe):
        points = tuple(
            frontier_point(analysis, recipe, steps=each.steps) if each.steps == search.length else each
            for each in points
        )
    if search.criterion.goal == "loss":
        return points
    return tuple(replace(each, loss=-each.loss, low=-each.high, high=-each.low) for each in points)


# On a single seed, one recipe is clearly better than another if their losses differ by this many times the noise of a
# difference.
MIN_SINGLE_SEED_GAP = 1.5


def compare_recipes(search: SearchState) -> tuple[TrainedRecipe, ...]:
    """Return the recipes of the full trainings, the one to recommend first, without those that the search rejected.

    Recipes are compared by their mean cost over the seeds that all of them have; an interrupted search may lack some
    recipes on its last seed. A recipe that diverged on any seed ranks last.
    """
    runs = _full_trainings_by_recipe(search)
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


def _full_trainings_by_recipe(search: SearchState) -> dict[Recipe, list[Measurement]]:
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


NOTHING_LEARNED = "no learning rate was clearly better than the lowest one tried: this rests on little evidence."
SEED_IGNORED = (
    "all seeds ended at the same loss: the training does not use trial.seed, so that nothing is known of its noise."
)


def why_no_recipe(measurements: Sequence[Measurement]) -> str:
    """Return the reason why nothing can be recommended, in one line."""
    if not measurements:
        return "the budget was over before the first trial ended."
    failures = _failures(measurements)
    if len(failures) == len(measurements):
        return f"all {len(failures)} trials failed: {failures[0]}"
    if failures_in_full := _failures(_full_trainings(measurements)):
        return f"every training in full failed, though shorter trials did not: {failures_in_full[0]}"
    if any(row.outcome.ok for row in measurements):
        return "every training in full diverged, though shorter trials did not; give a larger budget."
    rates = [row.trial.recipe.lr.highest for row in measurements]
    return (
        f"all {len(rates)} trials diverged, at learning rates from {min(rates):.3g} to {max(rates):.3g}; "
        "check the loss, the data and their scale."
    )


def notes_of(search: SearchState, trained_recipes: Sequence[TrainedRecipe]) -> Iterator[str]:
    """Yield restrictions and warnings, a line each.

    Args:
        search: The search, after its last stage.
        trained_recipes: Recipes of its full trainings.
    """
    measurements = search.recorder.measurements
    ended = sum(row.outcome.ok for row in measurements)
    if ended and not search.has_learned:
        yield NOTHING_LEARNED
    if 0 < ended < MIN_TRIALS:
        yield f"this rests on {_trials(ended)} only; a longer search may say something else."
    failures_in_full = _failures(_full_trainings(measurements))
    if failures_in_full and not trained_recipes:
        yield f"the training in full failed: {failures_in_full[0]}"
    yield from _rejected_note(search)
    yield from _missing_comparisons_note(search, trained_recipes)
    failures = _failures(measurements)
    if failures and len(failures) < len(measurements):
        yield f"{len(failures)} of {len(measurements)} trials failed; the first: {failures[0]}"
    if search.interrupted_trials is not None:
        count, steps = search.interrupted_trials
        yield f"the time was over before {_trials(count)} of {steps:,} steps ended."
    several = [[run.outcome.loss for run in each.runs] for each in trained_recipes if len(each.runs) > 1]
    if several and all(len({*losses}) == 1 and losses[0] != 0.0 for losses in several):
        yield SEED_IGNORED
    yield from unknown_momentum_notes(search.space.optimizers)


def unknown_momentum_notes(optimizers: Sequence[str]) -> Iterator[str]:
    """Yield what a plugin does not say of its optimizer and the search had to do without.

    Args:
        optimizers: Names of the optimizers that were searched.
    """
    for name in optimizers:
        rule = RULES[name]
        if rule.momentum is not None and rule.sums_gradients is None:
            yield (
                f"whether {rule.momentum} of {name} sums or averages past gradients is not known: its learning rates "
                "were compared as they are, not as lr / (1 - momentum)."
            )


def _rejected_note(search: SearchState) -> Iterator[str]:
    """Yield that recipes were given up, where the one recommended instead was not trained in full."""
    in_full = {row.trial.recipe for row in _full_trainings(search.recorder.measurements)}
    if search.recipe is None or not search.rejected or search.recipe in in_full:
        return
    many = len(search.rejected) > 1
    recipes, were = (f"{len(search.rejected)} recipes", "were") if many else ("a recipe", "was")
    yield (
        f"{recipes}, trained in full, ended far above the expected loss and {were} given up; the recommended one was "
        "not trained in full."
    )


def _missing_comparisons_note(search: SearchState, trained_recipes: Sequence[TrainedRecipe]) -> Iterator[str]:
    """Yield which of the user's recipes were not trained, and the budget that would suffice for them."""
    in_full = {row.trial.recipe for row in _full_trainings(search.recorder.measurements)}
    trained = {each.recipe for each in trained_recipes}
    missing = [str(recipe) for recipe in search.compare if recipe not in trained | in_full]
    if not missing:
        return
    full_steps = search.trainer.steps
    short_trials = max(search.search_config_steps, search.sizes.config_steps)
    spent = max(search.recorder.config_steps, short_trials + (1 + len(trained)) * full_steps)
    needed = math.ceil(spent / full_steps + len(missing))
    yield f"the budget was too small to compare {', '.join(missing)}; {needed}x would do."


def _full_trainings(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [row for row in measurements if row.stage.startswith(FULL_TRAINING)]


def _failures(measurements: Sequence[Measurement]) -> list[str]:
    return [row.outcome.failure for row in measurements if row.outcome.failure is not None]


def _trials(count: int) -> str:
    return "one trial" if count == 1 else f"{count} trials"
