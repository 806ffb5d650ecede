"""Optuna: multivariate TPE with Hyperband, the pair its documentation recommends for few parallel resources."""

from __future__ import annotations

from optuna.pruners import HyperbandPruner
from optuna.samplers import TPESampler

from benchmarks.contestants.optuna_study import MOST_PRUNED_TRIALS, REPORTS, search
from benchmarks.contestants.program import Call

if __name__ == "__main__":
    call = Call.read()
    pruner = HyperbandPruner(min_resource=1, max_resource=REPORTS, reduction_factor=3)
    search(call, TPESampler(seed=call.seed, multivariate=True), pruner, trials=MOST_PRUNED_TRIALS)
