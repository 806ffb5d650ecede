"""Notes of a search result, in words: why nothing is recommended, and what restricts the recommendation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from surefoot.search.result import FULL_TRAINING
from surefoot.search.search_state import SearchState
from surefoot.search.trained_recipe import TrainedRecipe
from surefoot.search.trial_analysis import MIN_TRIALS
from surefoot.studies.measurements import Measurement

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
