"""A study of Optuna over learning rate and momentum; what its contestants have in common."""

from __future__ import annotations

import math

import optuna

from benchmarks.contestants.plain_loop import sgd_loop
from benchmarks.contestants.program import Call, Trials
from benchmarks.contestants.space import MOMENTUM, RATE, recipe_text
from benchmarks.entries import ENTRIES

# Optuna's documentation has no rule when to stop; its tutorials take 100 trials. Answers at 25, 50 and 100 are shown.
MOST_TRIALS = 100
# With pruning most of them are cheap.
MOST_PRUNED_TRIALS = 200
# How often a training reports its validation loss, so that Hyperband can prune it.
REPORTS = 9


def search(
    call: Call, sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner, *, trials: int = MOST_TRIALS
) -> None:
    """Search until the trials or the time are over."""
    task, log = ENTRIES[call.task].load(), Trials()

    def objective(trial: optuna.Trial) -> float:
        lr, momentum = trial.suggest_float("lr", *RATE, log=True), trial.suggest_float("momentum", *MOMENTUM)
        loop, loss = sgd_loop(task, lr=lr, momentum=momentum, seed=call.seed), math.inf
        for report in range(1, REPORTS + 1):
            loop.train_to(round(task.total_steps * report / REPORTS))
            loss = loop.valid_loss()
            trial.report(loss, report)
            if trial.should_prune() or not math.isfinite(loss):
                raise optuna.TrialPruned
        return loss

    def tell(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        complete = trial.state == optuna.trial.TrialState.COMPLETE
        log.ended(recipe_text(**trial.params), trial.value if complete else math.inf, complete=complete)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=trials, timeout=call.seconds_left, callbacks=[tell])
