"""The recorded results, read as ``surefoot report`` reads a study, and results made up from recorded trials."""

import math
from dataclasses import replace

from tests.recorded.record import CHECK, DATABASE, FIND, GRID, PLAN, TUNE

from surefoot.checking.result import read_check
from surefoot.core.statistics import mean_score
from surefoot.core.value_types import Interval, Score
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.search.criterion import Criterion
from surefoot.search.full_training_scores import TrainedRecipe
from surefoot.search.read_stored_result import read_result
from surefoot.search.result import FrontierPoint, GoodRange, MomentumRow, SearchResult
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve


def recorded_results(folder):
    """Return the recorded tune, find and check, and a tune made of the recorded grid, by name.

    Args:
        folder: Where the database is copied to: reading it writes next to it.
    """
    database = folder / DATABASE.name
    database.write_bytes(DATABASE.read_bytes())

    def study(number):
        return Study.open(f"{database}#{number}")

    searches = {
        name: replace(read_result(study(number)), study=None) for name, number in (("tune", TUNE), ("find", FIND))
    }
    check = replace(read_check(study(CHECK)), study=None)
    return {**searches, "check": check, "grid": search_of_grid(study(GRID).measurements())}


def search_of_grid(measurements):
    """Return a tune with a runner-up and three seeds: measured losses, and expected ones made up from them."""
    full = max(row.trial.steps for row in measurements)
    rows = {
        steps: [row for row in measurements if row.trial.steps == steps] for steps in (full // 8, full // 4, full // 2)
    }
    best = {steps: min(each, key=lambda row: row.outcome.loss) for steps, each in rows.items()}
    recipe, second = (row.trial.recipe for row in sorted(rows[full // 2], key=lambda row: row.outcome.loss)[:2])
    roles = {"recommended": recipe, "runner-up": second, "default": DEFAULT_RECIPE}
    runs = [row for row in measurements if row.trial.steps == full]
    trained_recipes = tuple(_trained_recipe(role, each, runs) for role, each in roles.items())
    frontier = tuple(_point(steps, row, len(rows[steps])) for steps, row in best.items())
    last = frontier[-1]
    frontier += (replace(last, steps=full, loss=0.9 * last.loss, low=0.6 * last.loss, high=1.4 * last.loss, trials=0),)
    lr = recipe.lr.highest
    by_momentum = tuple(
        MomentumRow(
            momentum,
            lr=10 * lr * (1 - momentum),
            good=None if momentum < 0.5 else Interval(4 * lr * (1 - momentum), 20 * lr * (1 - momentum)),
            loss=last.loss * (1.2 if momentum < 0.5 else 1.0),
            limit=None if momentum > 0.9 else 60 * lr * (1 - momentum),
        )
        for momentum in (0.0, 0.5, 0.9, 0.97)
    )
    search_steps = sum(row.taken for row in measurements if not row.stage.startswith("full"))
    return SearchResult(
        command="tune",
        task="wine",
        full_steps=full,
        steps=full,
        recipe=recipe,
        reason=None,
        expected_loss=frontier[-1].loss,
        trained_recipes=trained_recipes,
        good_range=GoodRange(Interval(lr / 3, 2 * lr), Interval(0.5, 0.97), 0.05),
        limit=6 * lr,
        by_momentum=by_momentum,
        frontier=frontier,
        overfits_after=None,
        boundary=(),
        notes=(),
        measurements=tuple(measurements),
        search_config_steps=search_steps,
        config_steps=sum(row.taken for row in measurements),
        seconds=12.3,
        budget="6x",
        criterion=Criterion(),
        plan=PLAN.to_json(),
        study=None,
    )


def nothing_trained(result):
    """Return the same result as if every training had diverged."""

    def lost(run):
        return replace(run, outcome=replace(run.outcome, loss=math.inf, metric=None, diverged_at=1, valid=Curve()))

    def broken(found):
        nothing = Score(math.inf, math.inf, math.inf, found.valid.seeds)
        return replace(found, valid=nothing, metric=None, test=None, runs=tuple(map(lost, found.runs)))

    return replace(
        result,
        recipe=None,
        reason="every trial diverged: no learning rate trained this model; check the loss, the data and their scale.",
        expected_loss=None,
        trained_recipes=tuple(broken(found) for found in result.trained_recipes if found.role == "default"),
        good_range=None,
        limit=None,
        by_momentum=(),
        frontier=(),
        boundary=(),
        measurements=tuple(map(lost, result.measurements)),
    )


def _trained_recipe(role, recipe, runs):
    mine = tuple(run for run in runs if run.trial.recipe == recipe)
    return TrainedRecipe(
        recipe=recipe,
        role=role,
        steps=mine[0].trial.steps,
        valid=mean_score([run.outcome.loss for run in mine]),
        test=mean_score([run.outcome.test_loss for run in mine]) if mine[0].outcome.test_loss is not None else None,
        metric=sum(run.outcome.metric for run in mine) / len(mine),
        runs=mine,
        tied=role != "default",
    )


def _point(steps, row, trials):
    loss = row.outcome.loss
    return FrontierPoint(steps, row.trial.recipe, loss, 0.8 * loss, 1.3 * loss, trials)


def on_one_seed(found):
    """Return a trained recipe as if it had been trained on its first seed alone."""
    run = found.runs[0]
    return replace(found, valid=mean_score([run.outcome.loss]), runs=(run,), tied=False)
