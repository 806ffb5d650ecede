"""Optuna: Gaussian process, every trial trained in full."""

from __future__ import annotations

from optuna.pruners import NopPruner
from optuna.samplers import GPSampler

from benchmarks.contestants.optuna_study import search
from benchmarks.contestants.program import Call

if __name__ == "__main__":
    call = Call.read()
    search(call, GPSampler(seed=call.seed), NopPruner())
