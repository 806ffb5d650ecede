"""Searches of which trials diverge, fail or are interrupted; their loss is a formula."""

import math
import re
import time

import numpy as np
import pytest
from tests.functional.test_search_engine import trainer, valley
from tests.made_up_trainers import MadeUpTrainer

from surefoot.core.progress import Interrupted
from surefoot.search.find import find
from surefoot.search.read_stored_result import read_result
from surefoot.search.tune import tune
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome


def test_a_recipe_whose_full_training_ends_too_high_is_not_recommended():
    """Rates that are best in short trials end badly in trainings in full."""

    def outcome(trial):
        breaks = trial.steps == 1000 and trial.recipe.effective_rate > 0.6
        loss = 0.9 if breaks else valley(trial, floor=0.05)
        return Outcome(loss, train=Curve((trial.steps,), (loss,)))

    for seed in range(3):
        found = tune(MadeUpTrainer(outcome, steps=1000), budget="7x", seed=seed)
        assert found.recipe.effective_rate <= 0.6
        assert found.best.valid.mean < 0.5
    found = tune(MadeUpTrainer(outcome, steps=1000), budget="12x")
    in_full = {row.trial.recipe for row in found.measurements if row.trial.steps == 1000}
    assert len({each.valid.seeds for each in found.trained_recipes}) == 1
    assert {each.recipe for each in found.trained_recipes} < in_full, "rejected recipes are left out"
    assert found.best.valid.mean < 0.5


def test_there_is_a_reason_instead_of_a_recipe_if_every_trial_diverges():
    found = find(trainer(lambda _: math.nan))
    assert found.recipe is None
    assert "diverged" in found.reason


def test_an_interrupted_search_has_a_result():
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 40

    with pytest.raises(Interrupted) as stopped:
        tune(trainer(), budget="18x", stop=stop)
    result = stopped.value.result
    assert result.measurements
    assert result.recipe is not None


def test_if_every_full_training_diverges_a_lower_rate_is_recommended_with_a_note():
    def outcome(trial):
        breaks = trial.steps == 1000 and trial.recipe.effective_rate > 0.01
        return math.inf if breaks else valley(trial, limit=1e9)

    found = tune(trainer(outcome), budget="4x")
    assert found.recipe is not None
    assert found.trained_recipes == ()
    assert any("given up" in note for note in found.notes)
    in_full = {row.trial.recipe for row in found.measurements if row.trial.steps == 1000}
    assert found.recipe not in in_full
    assert found.recipe.effective_rate < min(recipe.effective_rate for recipe in in_full)


def test_after_a_single_trial_its_recipe_is_recommended():
    calls = []

    def outcome(trial):
        calls.append(trial)
        return valley(trial)

    with pytest.raises(Interrupted) as stopped:
        tune(trainer(outcome), budget="3x", stop=lambda: len(calls) >= 1)
    found = stopped.value.result
    assert len(found.measurements) == 1
    assert found.recipe == found.measurements[0].trial.recipe
    assert found.good_range.lr.low == found.good_range.lr.high == found.recipe.lr.highest


def test_a_momentum_at_which_every_trial_diverged_has_no_row():
    def outcome(trial):
        broke = trial.recipe.momentum.highest < 0.7 and trial.recipe.effective_rate > 1e-4
        return math.inf if broke else valley(trial)

    found = find(trainer(outcome), budget="2x")
    assert all(row.limit is None or row.lr <= row.limit for row in found.by_momentum)
    assert found.by_momentum


def test_a_note_says_that_the_deadline_interrupted_a_training(monkeypatch):
    class Endless(MadeUpTrainer):
        """Its deadline passes during the full training."""

        def train(self, trials):
            if trials[0].steps == self.steps:
                monkeypatch.setattr(time, "monotonic", lambda: now + 1e6)
                raise Interrupted
            yield from super().train(trials)

    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    found = tune(Endless(valley), budget="3s")
    assert found.recipe is not None
    (note,) = found.notes
    assert re.fullmatch(r"the time was over before (one trial|\d trials) of 256 steps ended\.", note)


def test_an_incomplete_last_seed_does_not_count():
    class Broken(MadeUpTrainer):
        """Stops after the first recipe of the third seed."""

        asked_to_stop = False

        def train(self, trials):
            third = trials[0].steps == self.steps and trials[0].seed % 1000 == 2
            for number, each in enumerate(super().train(trials)):
                if third and number == 1:
                    self.asked_to_stop = True
                    raise Interrupted
                yield each

    training = Broken(valley)
    with pytest.raises(Interrupted) as broken_off:
        tune(training, budget="18x", stop=lambda: training.asked_to_stop)
    found = broken_off.value.result
    assert len(found.trained_recipes) > 1
    assert {len(each.runs) for each in found.trained_recipes} == {2}
    assert found.best.valid.mean == min(each.valid.mean for each in found.trained_recipes)


def test_after_two_trials_the_better_one_is_recommended():
    calls = []

    def outcome(trial):
        calls.append(trial)
        return 0.5 + 0.005 * trial.recipe.lr.highest

    with pytest.raises(Interrupted) as stopped:
        tune(trainer(outcome), budget="3x", stop=lambda: len(calls) >= 2)
    found = stopped.value.result
    assert found.recipe == min((row.trial.recipe for row in found.measurements), key=lambda each: each.lr.highest)
    assert any("this rests on 2 trials only" in note for note in found.notes)


def test_failed_full_trainings_are_the_reason():
    def outcome(trial):
        if trial.steps == 256:
            return Outcome(math.inf, failure="RuntimeError: out of memory")
        return valley(trial)

    found = tune(MadeUpTrainer(outcome), budget="3x")
    assert found.recipe is None or found.trained_recipes == ()
    assert found.reason is None or "failed" in found.reason
    assert "diverged" not in str(found.reason)


def test_the_search_ends_after_many_failures_in_a_row():
    calls = []

    def outcome(trial):
        calls.append(trial)
        return valley(trial) if len(calls) <= 6 else Outcome(math.inf, failure="OSError: the disk is full")

    found = tune(MadeUpTrainer(outcome), budget="18x")
    assert len(calls) <= 6 + 12 + 4
    assert any("OSError: the disk is full" in note for note in found.notes)
    assert found.recipe is not None


def test_failed_full_trainings_do_not_count_as_cost_of_the_short_trials():
    def outcome(trial):
        if trial.steps == 1000:
            raise ValueError("no room")
        return valley(trial)

    found = tune(
        trainer(outcome), budget="18x", compare=[f"sgd(lr={lr}, momentum=0.9)" for lr in np.geomspace(0.01, 0.2, 14)]
    )
    assert found.search_config_steps < found.config_steps
    assert found.search_config_steps <= 0.5 * found.config_steps


def flaky(trial, share=0.2):
    """Raises in some trials, whatever the recipe."""
    if np.random.default_rng([trial.seed, trial.steps, round(1e6 * trial.recipe.effective_rate)]).random() < share:
        raise OSError("the file server is away")
    return valley(trial)


def test_failures_that_do_not_depend_on_the_rate_set_no_limit():
    for seed in range(4):
        found = tune(trainer(flaky), budget="3x", seed=seed)
        assert any(row.outcome.failure for row in found.measurements)
        assert found.recipe.effective_rate > 0.3
        assert found.limit is None or found.limit / (1 - found.recipe.momentum.highest) > 1.0


def test_a_full_training_that_times_out_does_not_reject_its_recipe():
    def outcome(trial):
        return Outcome(math.inf, failure="it took longer than the timeout") if trial.steps == 1000 else valley(trial)

    found = tune(MadeUpTrainer(outcome, steps=1000), budget="3x")
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)
    assert any("the training in full failed: it took longer than the timeout" in note for note in found.notes)
    assert not any("far above" in note for note in found.notes)


def test_no_range_is_given_if_nearly_all_trials_fail():
    calls = []

    def outcome(trial):
        calls.append(trial)
        if len(calls) > 2:
            raise ValueError("no space left")
        return valley(trial)

    found = tune(trainer(outcome), budget="3x")
    assert found.by_momentum == ()
    assert found.good_range.lr.low == found.good_range.lr.high
    assert any("rests on 2 trials only" in note for note in found.notes)


def test_trained_recipes_are_read_back_from_a_study_with_failures(tmp_path):
    failed = 0
    for seed in range(3):
        found = tune(flaky, steps=1000, budget="14x", seed=seed, study=tmp_path / f"{seed}.db")
        failed += sum(row.outcome.failure is not None for row in found.measurements if row.stage.startswith("full"))
        assert read_result(Study.open(found.study)).trained_recipes == found.trained_recipes
    assert failed, "otherwise the test shows nothing"
