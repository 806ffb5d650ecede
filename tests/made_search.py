"""A search result from real trials of a small task, without a search: a grid of recipes, three trained in full."""

import math
from collections import defaultdict
from dataclasses import replace

from surefoot.core.statistics import mean_score
from surefoot.core.values import Interval, Score
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.result import FrontierPoint, GoodRange, MomentumRow, SearchResult
from surefoot.search.trained_recipe import TrainedRecipe
from surefoot.studies.measurements import Measurement
from surefoot.tasks.loader import load_task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Curve, Trial

RATES, MOMENTA = (0.003, 0.02, 0.1, 0.5, 2.0, 10.0), (0.0, 0.9, 0.97)
PLAN = Plan("stacked", 16)


def made_search(command="tune", task="wine"):
    """Return a result with real measurements, and expected losses made up from them."""
    task = load_task(task)
    full = task.total_steps
    trainer = FleetTrainer(task, PLAN, follow_valid=True, evaluate_test=True, probe_full=True)
    grid = [Recipe.parse(f"sgd(lr=cosine({lr}), momentum={m})") for lr in RATES for m in MOMENTA]
    found = _train(trainer, "map/0", [Trial(recipe, full // 8, 0) for recipe in grid])
    for steps in (full // 4, full // 2):
        better = sorted({row.trial.recipe: row.outcome.loss for row in found}.items(), key=lambda each: each[1])[:5]
        found += _train(trainer, f"climb/{steps}", [Trial(recipe, steps, 0) for recipe, _ in better])
    rows = {steps: [row for row in found if row.trial.steps == steps] for steps in (full // 8, full // 4, full // 2)}
    best = {steps: min(each, key=lambda row: row.outcome.loss) for steps, each in rows.items()}
    recipe, second = (row.trial.recipe for row in sorted(rows[full // 2], key=lambda row: row.outcome.loss)[:2])
    trained_recipes = ()
    if command == "tune":
        roles = {"recommended": recipe, "runner-up": second, "default": DEFAULT_RECIPE}
        trials = [Trial(each, full, seed) for seed in (11, 12, 13) for each in roles.values()]
        runs = _train(trainer, "full/0", trials)
        found += runs
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
    search_steps = sum(row.taken for row in found if not row.stage.startswith("full"))
    return SearchResult(
        command=command,
        task=task.name,
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
        measurements=tuple(found),
        search_config_steps=search_steps,
        config_steps=sum(row.taken for row in found),
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


def _train(trainer, stage, trials):
    outcomes = defaultdict(dict)
    for trial, outcome in trainer.train(trials):
        outcomes[trial] = outcome
    return [Measurement(stage, trial, outcomes[trial]) for trial in trials]


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
