"""Random search: settings drawn blindly, every one trained in full."""

from __future__ import annotations

import numpy as np

from benchmarks.contestants.plain_loop import sgd_loop
from benchmarks.contestants.program import Call, Trials
from benchmarks.contestants.space import MOMENTUM, RATE, recipe_text
from benchmarks.entries import ENTRIES

MOST_TRIALS = 100

if __name__ == "__main__":
    call = Call.read()
    task, trials, generator = ENTRIES[call.task].load(), Trials(), np.random.default_rng(call.seed)
    while trials.count < MOST_TRIALS and call.seconds_left > 0:
        lr, momentum = float(np.exp(generator.uniform(*np.log(RATE)))), float(generator.uniform(*MOMENTUM))
        trials.ended(recipe_text(lr, momentum), sgd_loop(task, lr=lr, momentum=momentum, seed=call.seed).train())
