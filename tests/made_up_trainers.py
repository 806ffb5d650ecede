"""Made-up trainers: a loss with one valley over learning rate and momentum, a cliff and seed noise, or any function."""

import math

import numpy as np

from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Outcome

STEPS = 256


def loss_at(lr, momentum, steps, *, best=0.1, cliff=20.0, bend=0.08, best_momentum=0.9):
    """The noise-free loss: a parabola over ln(effective rate) and ln(memory), falling with the length."""
    rate, memory = math.log(lr / (1 - momentum)), -math.log1p(-momentum)
    if rate > math.log(cliff * best / (1 - best_momentum)):
        return math.inf
    off = rate - math.log(best / (1 - best_momentum))
    lean = memory + math.log1p(-best_momentum)
    return math.exp(min(bend * off**2 + 0.02 * lean**2, 3.0)) * 0.2 * (STEPS / steps) ** 0.3


def trainer(*, noise=0.0, calls=None, **shape):
    """A training function with that loss."""

    def train(trial):
        recipe = trial.recipe
        lr, momentum = recipe.lr.highest, recipe.momentum.highest
        if calls is not None:
            calls.append((lr, momentum, trial.steps, trial.seed))
        key = [trial.seed, trial.steps, round(1e6 * lr), round(1e6 * momentum)]
        return loss_at(lr, momentum, trial.steps, **shape) * math.exp(noise * np.random.default_rng(key).normal())

    return FunctionTrainer(train, steps=STEPS, name="valley")


class MadeUpTrainer:
    """A trainer whose outcomes come from a function of the trial, which returns a loss or an outcome."""

    name, has_metric, exact, capacity = "made up", False, True, 8

    def __init__(self, outcome, *, steps=STEPS):
        self.outcome, self.steps, self.stop, self.trained = outcome, steps, lambda: False, []

    def describe(self):
        return {"kind": "made up", "steps": self.steps}

    def train(self, trials):
        for trial in trials:
            self.trained.append(trial)
            found = self.outcome(trial)
            yield trial, found if isinstance(found, Outcome) else Outcome(found)
