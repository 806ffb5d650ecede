"""The rivals' searches as generators: each asks for trainings and is told validation losses on their way.

A search yields a :class:`Start` to begin a training, and ``None`` to go on with the one that is running; it is sent the
validation loss at the next report, of which a training has nine. It never ends by itself. Whoever drives it counts the
steps; nothing here trains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from benchmarks.contestants.space import MOMENTUM, RATE, recipe_text

# How often a training reports its validation loss, so that it can be pruned: rungs at 1/9, 3/9 and 9/9.
REPORTS = 9
# What a search has spent, in full trainings, when its recommendation is read.
COSTS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 18.0)


@dataclass(frozen=True, slots=True)
class Start:
    """A training to begin: SGD with momentum under cosine annealing to zero, over the full length."""

    lr: float
    momentum: float

    @property
    def recipe(self) -> str:
        return recipe_text(self.lr, self.momentum)


Search: TypeAlias = Generator[Start | None, float, None]


@dataclass(frozen=True, slots=True)
class Ended:
    """A training of a search that ended, complete or pruned.

    Attributes:
        cost: What the search had spent by then, in full trainings.
        recipe: What was trained.
        loss: Validation loss at the end; ``inf`` where it was pruned or diverged.
    """

    cost: float
    recipe: str
    loss: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a contestant recommends after so many trainings' worth of config-steps.

    Attributes:
        cost: How many.
        recipe: The recipe, or ``None`` where it has none to recommend yet.
        steps: The length to train it for.
    """

    cost: float
    recipe: str | None
    steps: int


def recommendations(ended: Iterable[Ended], steps: int, costs: Iterable[float] = COSTS) -> list[Recommendation]:
    """Return what a search recommends at some costs: of the trainings complete by then the one with the lowest loss."""
    trainings = [*ended]
    found = []
    for cost in costs:
        complete = [each for each in trainings if each.cost <= cost * (1 + 1e-9) and math.isfinite(each.loss)]
        best = min(complete, key=lambda each: each.loss, default=None)
        found.append(Recommendation(cost, None if best is None else best.recipe, steps))
    return found


def boundaries(steps: int) -> list[int]:
    """Return the steps at which a training of a length reports; short trainings report less often.

    Example:
        >>> boundaries(20)
        [2, 4, 7, 9, 11, 13, 16, 18, 20]
    """
    return sorted({max(1, round(steps * report / REPORTS)) for report in range(1, REPORTS + 1)})


def tpe_hyperband(seed: int) -> Search:
    """Multivariate TPE with Hyperband, the pair that Optuna's documentation recommends for few parallel resources."""
    pruner = HyperbandPruner(min_resource=1, max_resource=REPORTS, reduction_factor=3)
    return optuna_search(TPESampler(seed=seed, multivariate=True), pruner, seed=seed)


def gaussian_process(seed: int) -> Search:
    """Optuna's Gaussian process, every trial trained in full."""
    return optuna_search(GPSampler(seed=seed), NopPruner(), seed=seed)


def random_median(seed: int) -> Search:
    """Random settings; those worse than the median of the earlier ones at the same report are pruned."""
    return optuna_search(RandomSampler(seed=seed), MedianPruner(), seed=seed)


def successive_halving(seed: int) -> Search:
    """Random settings with asynchronous successive halving, as Optuna has it."""
    pruner = SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    return optuna_search(RandomSampler(seed=seed), pruner, seed=seed)


SEARCHES: dict[str, Callable[[int], Search]] = {
    "optuna-tpe": tpe_hyperband,
    "optuna-gp": gaussian_process,
    "random-median": random_median,
    "asha": successive_halving,
}


def optuna_search(sampler: BaseSampler, pruner: BasePruner, *, seed: int) -> Search:
    """Search as a study of Optuna does; a training that diverges is pruned.

    The study has a name, for Hyperband draws the bracket of a trial from it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name=f"seed-{seed}", sampler=sampler, pruner=pruner)
    while True:
        trial = study.ask()
        loss = yield Start(trial.suggest_float("lr", *RATE, log=True), trial.suggest_float("momentum", *MOMENTUM))
        report = 1
        while math.isfinite(loss):
            trial.report(loss, report)
            if report == REPORTS or trial.should_prune():
                break
            loss = yield None
            report += 1
        if report == REPORTS and math.isfinite(loss):
            study.tell(trial, loss)
        else:
            study.tell(trial, state=TrialState.PRUNED)
