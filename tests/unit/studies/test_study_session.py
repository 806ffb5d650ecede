"""The ledger: nothing is trained twice, and stages are recorded by what is in them."""

from __future__ import annotations

import pytest

from surefoot.core.progress import Interrupted
from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.study import Study
from surefoot.studies.study_session import TrialRecorder
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Trial

TRIALS = [Trial(Recipe.of("sgd", lr=rate), 10, 0) for rate in (0.1, 0.2, 0.3)]


@pytest.fixture
def study(tmp_path):
    return Study.create(Database(tmp_path / "s.db"), task="t", settings={}, seed=0)


def trainer_of(calls: list, *, stop_at: int | None = None) -> FunctionTrainer:
    def train(trial):
        calls.append(trial)
        return trial.recipe.lr.highest

    trainer = FunctionTrainer(train, steps=10)
    trainer.stop = lambda: len(calls) == stop_at
    return trainer


def test_recorded_trials_are_not_trained_again(study):
    calls: list = []
    study.take_lease()
    assert [outcome.loss for outcome in TrialRecorder(trainer_of(calls), study).run("map", TRIALS[:2])] == [0.1, 0.2]
    again = TrialRecorder(trainer_of(calls), study)
    assert again.recorded_steps == 20
    assert again.knows(TRIALS[0])
    assert not again.asked(TRIALS[0])
    assert [outcome.loss for outcome in again.run("map", TRIALS)] == [0.1, 0.2, 0.3]
    assert len(calls) == 3
    assert again.asked(TRIALS[0])
    assert again.config_steps == 30
    (stage,) = again.stages
    assert [row.trial for row in study.measurements(stage=stage)] == TRIALS
    assert len(study.costs()) == 2


def test_an_interrupted_stage_trains_the_missing_trials_only(study):
    calls: list = []
    study.take_lease()
    broken = TrialRecorder(trainer_of(calls, stop_at=2), study)
    with pytest.raises(Interrupted):
        broken.run("map", TRIALS)
    assert [row.trial for row in broken.measurements] == TRIALS[:2]  # the answer knows them
    assert study.measurements() == ()
    TrialRecorder(trainer_of(calls), study).run("map", TRIALS)
    assert len(calls) == 3
    assert [row.trial for row in study.measurements()] == TRIALS
    assert [*study.costs().values()] == [30]


def test_a_trial_that_ran_before_is_recorded_by_the_stage_that_asks_for_it(study):
    calls: list = []
    study.take_lease()
    trainer = trainer_of(calls)
    ((trial, outcome),) = trainer.train(TRIALS[:1])
    recorder = TrialRecorder(trainer, study)
    recorder.add(trial, outcome)
    recorder.run("map", TRIALS)
    assert len(calls) == 3
    assert len(study.measurements()) == 3
