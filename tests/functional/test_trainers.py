"""The contract of every trainer: a trial has the same outcome whoever trains it, when, and with which others.

The trainers here train the same network from the same weights on the same batches: only who runs it differs.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from surefoot.core.progress import Interrupted, never
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_subject
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.script_trainer import ScriptTrainer
from surefoot.trainers.trial import Trial

SMALL = Path(__file__).with_name("small_training.py")

GOOD, HIGH = (Recipe.parse(f"sgd(lr=cosine({lr}), momentum=0.9)") for lr in ("0.03", "1e30"))
ADAM = Recipe.parse("adamw(lr=linear(0.01, warmup=10%))")
TRIALS = (Trial(GOOD, 40, 0), Trial(HIGH, 40, 0), Trial(ADAM, 15, 0), Trial(GOOD, 40, 3))
DIVERGES = TRIALS[1]


def fleet():
    from surefoot.tasks.loader import load

    return FleetTrainer(load(f"{SMALL}:task"), Plan("stacked", 8))


MAKERS = {
    "fleet": fleet,
    "function": lambda: FunctionTrainer(load_subject(f"{SMALL}:train"), steps=40),
    "workers": lambda: FunctionTrainer(load_subject(f"{SMALL}:train"), steps=40, workers=2),
    "script": lambda: ScriptTrainer([sys.executable, str(SMALL)], steps=40, workers=2),
}


@pytest.fixture(scope="module")
def reference():
    """The outcomes of a fleet, each trial by itself."""
    trainer = fleet()
    return {trial: outcome for trial in TRIALS for trial, outcome in trainer.train([trial])}


@pytest.fixture(scope="module", params=MAKERS)
def trainer(request):
    made = MAKERS[request.param]()
    yield made
    if isinstance(made, FunctionTrainer):
        made.close()


@pytest.fixture(scope="module")
def outcomes(trainer):
    return dict(trainer.train(TRIALS))


def test_every_trial_has_the_outcome_that_it_has_by_itself_in_a_fleet(outcomes, reference):
    assert outcomes.keys() == {*TRIALS}
    assert not [outcome.failure for outcome in outcomes.values() if outcome.failure]
    losses = {trial: outcome.loss for trial, outcome in outcomes.items()}
    assert losses == pytest.approx({trial: reference[trial].loss for trial in TRIALS}, rel=1e-4)


def test_a_trial_that_diverges_is_infinite_and_the_others_are_not(outcomes):
    assert {trial for trial, outcome in outcomes.items() if outcome.loss == math.inf} == {DIVERGES}


def test_an_interrupted_call_is_gone_on_with_by_asking_again(trainer, outcomes):
    """In another order, with each trial given twice; what has ended when it is interrupted still comes."""
    trials = [TRIALS[3], TRIALS[2], TRIALS[0]] * 2
    found, running = {}, trainer.train(trials)
    first, found[first] = next(running)
    trainer.stop = lambda: True
    try:
        with pytest.raises(Interrupted):
            found.update(running)
    finally:
        trainer.stop = never
    rest = dict(trainer.train([trial for trial in trials if trial not in found]))
    assert found.keys() | rest.keys() == {*trials}
    assert not found.keys() & rest.keys()
    tolerance = {"rel": 0.0, "abs": 0.0} if trainer.exact else {"rel": 1e-4}
    for trial, outcome in (found | rest).items():
        assert outcome.loss == pytest.approx(outcomes[trial].loss, **tolerance)


def test_a_trainer_says_what_it_is(trainer):
    about = trainer.describe()
    assert trainer.steps == about["steps"] == 40
    assert about == trainer.describe()
    assert trainer.capacity >= 1
    assert trainer.name
    assert not trainer.has_metric
    assert list(trainer.train([])) == []
