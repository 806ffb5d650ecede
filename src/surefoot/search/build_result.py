"""What a search measured -> its result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from surefoot.core.statistics import score
from surefoot.core.values import Json
from surefoot.recipe.recipe import Recipe
from surefoot.search.answer import FEWEST, Reader
from surefoot.search.budget_allocation import FULL
from surefoot.search.contestants import mean_metric, score_on_test, tied_with
from surefoot.search.engine import Engine
from surefoot.search.rate_range import usual_recipe
from surefoot.search.request import Command
from surefoot.search.result import Contestant, FrontierPoint, MomentumRow, Role, SearchResult
from surefoot.studies.measurements import Measurement

if TYPE_CHECKING:
    from torch import nn

# A difference of two trainings on one seed is clear beyond so many times its noise.
CLEAR = 1.5
NOTHING_LEARNED = "no learning rate was clearly better than the lowest one tried: this rests on little evidence."
SEED_IGNORED = (
    "all seeds ended at the same loss: the training does not use trial.seed, so that nothing is known of its noise."
)


def build_result(
    engine: Engine,
    *,
    command: Command,
    seconds: float,
    budget: str,
    plan: dict[str, Json] | None,
    study: str | None,
    trained: Callable[[Recipe, int, int], Callable[[], nn.Module] | None] | None = None,
) -> SearchResult:
    """Return what a search found, also where it was broken off.

    Args:
        engine: After its run.
        command: ``find`` or ``tune``.
        seconds: Wall clock.
        budget: As resolved.
        plan: How trials were run.
        study: Text that opens the study again.
        trained: (recipe, steps, seed) -> what returns the trained model, or ``None``.
    """
    if engine.recipe is None:
        engine.decide()
    aim, reader = engine.aim, engine.reader()
    contestants = _contestants(engine)
    recipe = contestants[0].recipe if contestants else engine.recipe
    if contestants and not math.isfinite(contestants[0].valid.mean):
        contestants, recipe = (), None
    measurements = tuple(engine.ledger.measurements)
    known = reader is not None and recipe is not None
    covered = known and reader is not None and recipe is not None and reader.coordinates.covers(recipe)
    best = next((found for found in contestants if found.role == "recommended"), None)
    seed = best.runs[0].trial.seed if best is not None else None
    return SearchResult(
        command=command,
        task=engine.trainer.name,
        full_steps=engine.trainer.steps,
        steps=engine.length,
        recipe=recipe,
        reason=None if recipe is not None else _reason(measurements),
        expected_loss=None
        if not covered or aim.goal == "metric"
        else reader.surrogate.scale.loss(reader.value(recipe, engine.length)[0]),  # type: ignore[union-attr,arg-type]
        contestants=contestants,
        good_range=reader.good_range(recipe, engine.length) if covered else None,  # type: ignore[union-attr,arg-type]
        limit=reader.limit(recipe) if covered else None,  # type: ignore[union-attr,arg-type]
        by_momentum=_by_momentum(engine, reader, recipe) if covered else (),  # type: ignore[arg-type]
        frontier=_frontier(engine, reader, recipe) if known else (),
        overfits_after=engine.overfits_after,
        boundary=reader.boundary(recipe) if covered else (),  # type: ignore[union-attr,arg-type]
        notes=_notes(engine, measurements, contestants),
        measurements=measurements,
        search_config_steps=engine.search_config_steps or engine.ledger.config_steps,
        config_steps=engine.ledger.config_steps,
        seconds=seconds,
        budget=budget,
        aim=aim,
        plan=plan,
        study=study,
        trained=None if trained is None or recipe is None or seed is None else trained(recipe, engine.length, seed),
    )


def _contestants(engine: Engine) -> tuple[Contestant, ...]:
    """Return the recipes of the full trainings, the one to recommend first; none that the search gave up."""
    runs: dict[Recipe, list[Measurement]] = {}
    for row in engine.ledger.measurements:
        in_full = row.stage.startswith(FULL) and row.trial.steps == engine.length
        if in_full and row.outcome.failure is None and not _given_up(engine, row.trial.recipe):
            runs.setdefault(row.trial.recipe, []).append(row)
    if not runs:
        return ()
    # Recipes are compared on the seeds that all of them have: the last seed may have been broken off half way. One that
    # diverged on any seed is out, and so is one that was given up after its first training or by an earlier answer.
    lost = {recipe for recipe, own in runs.items() if not all(row.outcome.ok for row in own)}
    asked = engine.compared or tuple(runs)
    sound = [recipe for recipe in runs if recipe in asked and recipe not in lost | engine.rejected]
    shared = set.intersection(*({row.trial.seed for row in runs[recipe]} for recipe in sound or runs))
    if not shared:  # trainings failed on different seeds: nothing can be compared
        sound = [engine.recipe if engine.recipe in sound else (sound or [*runs])[0]]
        runs = {recipe: runs[recipe] for recipe in sound}
        shared = {row.trial.seed for row in runs[sound[0]]}
    for recipe in sound:
        runs[recipe] = [row for row in runs[recipe] if row.trial.seed in shared]
    costs = {
        recipe: [engine.aim.cost(row.outcome) for row in own if row.trial.seed in shared] or [math.inf]
        for recipe, own in runs.items()
    }
    order = sorted(sound or [*runs], key=lambda recipe: float(np.mean(costs[recipe])))
    # The search's own answer stays where there is one seed, unless that seed speaks clearly against it.
    if engine.recipe in order and len(shared) < 2 and not _clearly(engine, costs[engine.recipe][0], costs[order[0]][0]):
        order.remove(engine.recipe)
        order.insert(0, engine.recipe)
    best = order[0]
    order += [recipe for recipe in runs if recipe not in order]
    return tuple(
        Contestant(
            recipe=recipe,
            role=_role(engine, recipe, best),
            steps=engine.length,
            valid=score([row.outcome.judged(engine.aim.judge) for row in runs[recipe]]),
            test=score_on_test(runs[recipe]),
            metric=mean_metric(runs[recipe]),
            runs=tuple(runs[recipe]),
            tied=recipe != best
            and recipe not in lost
            and len(shared) > 1
            and recipe in tied_with(best, {recipe: costs[recipe], best: costs[best]}),
        )
        for recipe in order
    )


def _given_up(engine: Engine, recipe: Recipe) -> bool:
    """Tell whether a recipe's first training in full made the search leave it, and nobody asked for it by name."""
    kept = (engine.recipe, *engine.compare, usual_recipe(recipe.optimizer))
    return recipe in engine.rejected and recipe not in kept


def _clearly(engine: Engine, cost: float, other: float) -> bool:
    """Tell whether a cost is above another by more than a training's noise explains."""
    reader = engine.reader()
    if reader is None or not (math.isfinite(cost) and math.isfinite(other)):
        return math.isfinite(other)
    scale, noise = reader.surrogate.scale, reader.surrogate.noise
    return scale.value(cost) - scale.value(other) > CLEAR * math.sqrt(2.0) * noise


def _role(engine: Engine, recipe: Recipe, best: Recipe) -> Role:
    if recipe == best:
        return "recommended"
    if recipe in engine.compare:
        return "compared"
    return "default" if recipe == usual_recipe(recipe.optimizer) else "runner-up"


def _frontier(engine: Engine, reader: Reader | None, recipe: Recipe | None) -> tuple[FrontierPoint, ...]:
    """Return the frontier, with the recommended recipe at its length; of a metric, its values are the metric's."""
    if reader is None:
        return ()
    points = reader.frontier(engine.lengths())
    if recipe is not None and reader.coordinates.covers(recipe):
        points = tuple(reader.point(recipe, at.steps) if at.steps == engine.length else at for at in points)
    if engine.aim.goal == "loss":
        return points
    return tuple(
        FrontierPoint(point.steps, point.recipe, -point.loss, -point.high, -point.low, point.trials) for point in points
    )


def _by_momentum(engine: Engine, reader: Reader, recipe: Recipe) -> tuple[MomentumRow, ...]:
    """Return what is known of several momenta; of a metric, its values are the metric's."""
    rows = reader.by_momentum(recipe, engine.length)
    return rows if engine.aim.goal == "loss" else tuple(replace(row, loss=-row.loss) for row in rows)


def _reason(measurements: tuple[Measurement, ...]) -> str:
    """Return why nothing can be recommended."""
    rates = [row.trial.recipe.lr.highest for row in measurements]
    if not rates:
        return "the budget was over before the first trial ended."
    tried = f"{len(rates)} trials at learning rates from {min(rates):.3g} to {max(rates):.3g}"
    failures = [row.outcome.failure for row in measurements if row.outcome.failure is not None]
    if len(failures) == len(measurements):
        return f"all {len(failures)} trials failed: {failures[0]}"
    full = [row.outcome.failure for row in measurements if row.stage.startswith(FULL) and row.outcome.failure]
    if full:
        return f"every training in full failed, though shorter trials did not: {full[0]}"
    if any(row.outcome.ok for row in measurements):
        return "every training in full diverged, though shorter trials did not; give a larger budget."
    return f"{tried} diverged, every one; check the loss, the data and their scale."


def _notes(
    engine: Engine, measurements: tuple[Measurement, ...], contestants: tuple[Contestant, ...]
) -> tuple[str, ...]:
    ended = any(row.outcome.ok for row in measurements)
    notes = [] if engine.learned or not ended else [NOTHING_LEARNED]
    count = sum(row.outcome.ok for row in measurements)
    if 0 < count < FEWEST:
        rests = "one trial" if count == 1 else f"{count} trials"
        notes.append(f"this rests on {rests} only; a longer search may say something else.")
    lost = [row.outcome.failure for row in measurements if row.stage.startswith(FULL) and row.outcome.failure]
    if lost and not contestants:
        notes.append(f"the training in full failed: {lost[0]}")
    in_full = {row.trial.recipe for row in measurements if row.stage.startswith(FULL)}
    if engine.recipe is not None and engine.rejected and engine.recipe not in in_full:
        many = len(engine.rejected)
        notes.append(
            f"{'a recipe' if many == 1 else f'{many} recipes'}, trained in full, ended far above what was expected and "
            f"{'was' if many == 1 else 'were'} given up; the recommended one was not trained in full."
        )
    trained = {found.recipe for found in contestants}
    if waiting := [str(recipe) for recipe in engine.compare if recipe not in trained | in_full]:
        search = max(engine.search_config_steps, engine.stages.config_steps)
        spent = max(engine.ledger.config_steps, search + (1 + len(trained)) * engine.trainer.steps)
        needs = math.ceil(spent / engine.trainer.steps + len(waiting))
        notes.append(f"the budget was too small to compare {', '.join(waiting)}; {needs}x would do.")
    failures = [row.outcome.failure for row in measurements if row.outcome.failure is not None]
    if failures and len(failures) < len(measurements):
        notes.append(f"{len(failures)} of {len(measurements)} trials failed; the first: {failures[0]}")
    if engine.cut_by_time is not None:
        count, steps = engine.cut_by_time
        trials = f"one trial of {steps:,} steps" if count == 1 else f"{count} trials of {steps:,} steps"
        notes.append(f"the time was over before {trials} ended.")
    several = [[run.outcome.loss for run in found.runs] for found in contestants if len(found.runs) > 1]
    if several and all(len({*losses}) == 1 and losses[0] != 0.0 for losses in several):
        notes.append(SEED_IGNORED)
    return tuple(notes)
