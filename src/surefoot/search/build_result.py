"""Builds the result of a search from its trials, also where it was interrupted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from surefoot.recipe.recipe import Recipe
from surefoot.search.compare_recipes import compare_recipes
from surefoot.search.frontier import frontier, frontier_point
from surefoot.search.good_range import good_range, momentum_rows
from surefoot.search.request import Command
from surefoot.search.result import FrontierPoint, SearchResult
from surefoot.search.result_notes import notes_of, why_no_recipe
from surefoot.search.search_state import SearchState
from surefoot.search.search_trainer import trained_model_of
from surefoot.search.trial_analysis import TrialAnalysis


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
