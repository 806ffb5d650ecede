"""The contract of every trainer: the outcome of a trial depends neither on the trainer nor on other trials.

All trainers here train the same network from the same weights on the same batches.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from surefoot.core.progress import Interrupted, never_stop
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task_or_function
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.script_trainer import ScriptTrainer
from surefoot.trainers.trial import Curve, Trial

SMALL = Path(__file__).with_name("small_training.py")

GOOD, HIGH = (Recipe.parse(f"sgd(lr=cosine({lr}), momentum=0.9)") for lr in ("0.03", "1e30"))
ADAM = Recipe.parse("adamw(lr=linear(0.01, warmup=10%))")
TRIALS = (Trial(GOOD, 40, 0), Trial(HIGH, 40, 0), Trial(ADAM, 15, 0), Trial(GOOD, 40, 3))
DIVERGES = TRIALS[1]


def fleet():
    from surefoot.tasks.loader import load_task

    return FleetTrainer(load_task(f"{SMALL}:task"), Plan("stacked", 8))


MAKERS = {
    "fleet": fleet,
    "function": lambda: FunctionTrainer(load_task_or_function(f"{SMALL}:train"), steps=40),
    "workers": lambda: FunctionTrainer(load_task_or_function(f"{SMALL}:train"), steps=40, workers=2),
    "script": lambda: ScriptTrainer([sys.executable, str(SMALL)], steps=40, workers=2),
}


@pytest.fixture(scope="module")
def reference():
    """Return the outcomes of each trial alone in a fleet."""
    trainer = fleet()
    return {trial: outcome for trial in TRIALS for trial, outcome in trainer.train([trial])}


@pytest.fixture(scope="module", params=MAKERS)
def trainer(request):
    trainer = MAKERS[request.param]()
    yield trainer
    if isinstance(trainer, FunctionTrainer):
        trainer.close()


@pytest.fixture(scope="module")
def outcomes(trainer):
    return dict(trainer.train(TRIALS))


def test_every_trial_has_the_outcome_of_that_trial_alone_in_a_fleet(outcomes, reference):
    assert outcomes.keys() == {*TRIALS}
    assert not [outcome.failure for outcome in outcomes.values() if outcome.failure]
    losses = {trial: outcome.loss for trial, outcome in outcomes.items()}
    assert losses == pytest.approx({trial: reference[trial].loss for trial in TRIALS}, rel=1e-4)


def test_only_the_trial_that_diverges_has_an_infinite_loss(outcomes):
    assert {trial for trial, outcome in outcomes.items() if outcome.loss == math.inf} == {DIVERGES}


def test_an_interrupted_call_is_continued_by_a_second_call(trainer, outcomes):
    """In another order, with each trial given twice; trials that had ended are still yielded."""
    trials = [TRIALS[3], TRIALS[2], TRIALS[0]] * 2
    before, running = {}, trainer.train(trials)
    first, before[first] = next(running)
    trainer.stop = lambda: True
    try:
        with pytest.raises(Interrupted):
            before.update(running)
    finally:
        trainer.stop = never_stop
    rest = dict(trainer.train([trial for trial in trials if trial not in before]))
    assert before.keys() | rest.keys() == {*trials}
    assert not before.keys() & rest.keys()
    tolerance = {"rel": 0.0, "abs": 0.0} if trainer.exact else {"rel": 1e-4}
    for trial, outcome in (before | rest).items():
        assert outcome.loss == pytest.approx(outcomes[trial].loss, **tolerance)


def test_a_trainer_describes_itself(trainer):
    description = trainer.describe()
    assert trainer.steps == description["steps"] == 40
    assert description == trainer.describe()
    assert trainer.capacity >= 1
    assert trainer.name
    assert not trainer.has_metric
    assert list(trainer.train([])) == []


WITH_REPORTS = """\
import surefoot
trial = surefoot.trial(steps=60)
for step in (10, 20):
    trial.report(1 / step, step=step, metric=0.5)
if trial.seed == 1:
    trial.report("0.5")
trial.report(float(trial.recipe.lr.value(0, trial.steps)) * trial.steps, metric=0.9, test_loss=0.7)
"""


def test_a_script_states_its_length_and_reports_its_losses(tmp_path):
    (tmp_path / "train.py").write_text(WITH_REPORTS)
    trainer = ScriptTrainer([sys.executable, str(tmp_path / "train.py")], workers=2)
    assert trainer.steps == 60
    trials = [Trial(Recipe(), 10, seed) for seed in (0, 1)]
    outcomes = dict(trainer.train(trials))
    good, wrong = (outcomes[trial] for trial in trials)
    assert (good.loss, good.metric, good.test_loss, good.valid) == (0.1, 0.9, 0.7, Curve((10, 20), (0.1, 0.05)))
    assert wrong.failure == (
        "train: the script ended with exit code 1: surefoot.core.errors.TaskError: "
        "a loss must be a number; given '0.5' (str)."
    )
    assert trainer.has_metric
