"""The engine on trainings whose outcome is a formula: what it asks for, and what it makes of it."""

import math
import random
import re
import time

import numpy as np
import pytest
from tests.unit.checking.valley import Fixed

from surefoot.core.budget import Budget
from surefoot.core.errors import TaskError
from surefoot.core.progress import Interrupted
from surefoot.search.find import find
from surefoot.search.space.axes import Range
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.stored_result import read_result
from surefoot.search.tune import tune
from surefoot.studies.study import Study
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Curve, Outcome


def valley(trial, *, best=1.0, cliff=8.0, noise=0.02, floor=0.1):
    """A valley over the effective rate that ends in a cliff; longer trainings end lower."""
    rate = trial.recipe.effective_rate
    if rate > cliff:
        return math.inf
    draw = np.random.default_rng([trial.seed, trial.steps, round(1e6 * rate)])
    bend = 0.15 * math.log(rate / best) ** 2
    return floor * math.exp(min(bend, 4.0) + noise * draw.normal()) * (1000 / trial.steps) ** 0.3


def trainer(outcome=valley, steps=1000):
    return FunctionTrainer(outcome, steps=steps, name="valley")


def test_a_valley_s_floor_is_found_for_the_price_of_one_training():
    for seed in range(3):
        found = find(trainer(steps=4000), budget="1x", seed=seed)
        assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.8)
        assert found.config_steps <= 4000
        assert found.contestants == ()


def test_a_find_of_a_very_long_training_costs_less_than_a_third_of_it():
    found = find(trainer(steps=20_000))
    assert found.config_steps <= 0.3 * 20_000
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)


def test_the_good_range_holds_the_recommended_rate_and_nothing_that_broke():
    found = find(trainer())
    momentum = found.recipe.momentum.highest
    low, high = found.good_range.lr.low / (1 - momentum), found.good_range.lr.high / (1 - momentum)
    assert low <= found.recipe.effective_rate <= high < 8.0
    assert found.limit is None or found.limit / (1 - momentum) <= 8.0 * 1.01


def test_tune_trains_the_answer_in_full_and_compares_it_with_the_default():
    found = tune(trainer(), budget="6x", compare=["sgd(lr=cosine(0.001), momentum=0.9)"])
    assert found.contestants[0].role == "recommended"
    assert {"default", "compared"} <= {contestant.role for contestant in found.contestants}
    assert found.best.valid.mean <= found.default.valid.mean
    assert all(row.trial.steps == found.steps for row in found.best.runs)
    assert found.config_steps <= 6 * 1000


def test_where_longer_trainings_end_worse_the_shorter_one_is_recommended():
    def overfits(trial):
        """Best after 256 of 4096 steps."""
        return valley(trial, noise=0.01) * math.exp(
            0.4 * abs(math.log(trial.steps / 256)) + 0.3 * math.log(trial.steps / 1000)
        )

    found = find(trainer(overfits, steps=4096), budget="1x")
    assert found.overfits_after == 256
    assert found.steps == 256
    (point,) = [point for point in found.frontier if point.steps == 256]
    assert all(point.loss <= other.loss for other in found.frontier if other.trials)


def test_a_length_that_the_training_in_full_corrects_is_the_one_whose_training_is_final():
    """Nothing shorter than the whole shows that it overfits; the second training is the answer's, tested and kept."""

    seen = set()

    def overfits(trial):
        seen.add((trial.steps, one.final_steps))
        return valley(trial, noise=0.01) * (4.0 if trial.steps > 1024 else 1.0) * (1024 / trial.steps) ** 0.3

    one = Fixed(overfits, steps=4096)
    one.final_steps = None
    found = tune(one, budget="3x")
    assert (found.overfits_after, found.steps) == (1024, 1024)
    assert found.best.steps == 1024
    assert {(4096, 4096), (1024, 1024)} <= seen


def test_a_recipe_whose_training_in_full_disappoints_is_not_the_answer():
    """Rates that are best in short trials end badly in trainings in full."""

    def outcome(trial):
        breaks = trial.steps == 1000 and trial.recipe.effective_rate > 0.6
        loss = 0.9 if breaks else valley(trial, floor=0.05)
        return Outcome(loss, train=Curve((trial.steps,), (loss,)))

    for seed in range(3):
        found = tune(Fixed(outcome, steps=1000), budget="7x", seed=seed)
        assert found.recipe.effective_rate <= 0.6
        assert found.best.valid.mean < 0.5
    found = tune(Fixed(outcome, steps=1000), budget="12x")
    in_full = {row.trial.recipe for row in found.measurements if row.trial.steps == 1000}
    assert len({each.valid.seeds for each in found.contestants}) == 1
    assert {each.recipe for each in found.contestants} < in_full, "what was given up is no contestant"
    assert found.best.valid.mean < 0.5


def test_where_no_trial_tells_anything_the_usual_rate_is_recommended():
    found = find(trainer(lambda trial: 2.3 + 1e-3 * math.sin(1e4 * trial.recipe.effective_rate)), budget="1x")
    assert 0.09 < found.recipe.effective_rate < 1.01
    assert any("no learning rate was clearly better" in note for note in found.notes)


def test_a_window_far_from_the_usual_rates_is_found():
    def narrow(trial):
        return valley(trial, best=3e-6, cliff=1e-5)

    found = find(trainer(narrow), budget="3x")
    assert found.recipe.effective_rate == pytest.approx(3e-6, rel=1.5)


def test_losses_below_zero_are_searched_like_others():
    found = find(trainer(lambda trial: valley(trial) - 1.5))
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)
    assert found.expected_loss < 0


def test_where_everything_diverges_there_is_a_reason_instead_of_a_recipe():
    found = find(trainer(lambda _: math.nan))
    assert found.recipe is None
    assert "diverged" in found.reason


def test_where_nothing_learns_that_is_said():
    found = find(trainer(lambda _: 0.7))
    assert any("no learning rate was clearly better" in note for note in found.notes)


def test_a_longer_rung_is_taken_where_the_lowest_tells_nothing():
    def slow(trial):
        """Nothing is learned in fewer than 100 steps."""
        return valley(trial) if trial.steps >= 100 else 0.7

    found = find(trainer(slow), budget="4x")
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=1.0)
    assert found.notes == ()


@pytest.mark.parametrize("budget", ["0.1x", "0.5x", "1x", "3x"])
def test_every_budget_gives_an_answer_and_is_kept(budget):
    found = tune(trainer(), budget=budget)
    assert found.recipe is not None
    assert found.config_steps <= Budget.parse(budget).trainings * 1000 + 1


def test_the_same_seed_gives_the_same_trials_and_another_seed_others():
    first, second, other = (find(trainer(), seed=seed) for seed in (4, 4, 5))
    assert [row.trial for row in first.measurements] == [row.trial for row in second.measurements]
    assert first.recipe == second.recipe
    assert {row.trial for row in first.measurements}.isdisjoint(row.trial for row in other.measurements)


def test_a_search_that_is_stopped_brings_what_it_knows():
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 40

    with pytest.raises(Interrupted) as stopped:
        tune(trainer(), budget="18x", stop=stop)
    result = stopped.value.result
    assert result.measurements
    assert result.recipe is not None


def test_several_optimizers_and_schedules_are_searched_together():
    space = SearchSpace(optimizers=("sgd", "adam"), schedules=("cosine", "linear"), warmup=Range(0.0, 0.2))

    def outcome(trial):
        if trial.recipe.optimizer == "adam":
            return 1.0 + abs(math.log(trial.recipe.lr.highest / 1e-3))
        return valley(trial)

    found = find(trainer(outcome), space=space)
    assert found.recipe.optimizer == "sgd"
    assert {row.trial.recipe.optimizer for row in found.measurements} == {"sgd", "adam"}


def test_the_default_is_of_the_optimizer_that_was_searched():
    found = tune(trainer(lambda trial: 1.0 + math.log(trial.recipe.lr.highest / 3e-3) ** 2), budget="5x",
                 space=SearchSpace(optimizers=("adamw",)))  # fmt: skip
    assert {contestant.recipe.optimizer for contestant in found.contestants} == {"adamw"}


def test_the_user_s_own_bounds_are_kept():
    found = find(trainer(), space=SearchSpace(lr=Range(0.001, 0.01), momentum=Range(0.5, 0.6)))
    for row in found.measurements:
        assert 0.001 * 0.999 <= row.trial.recipe.lr.highest <= 0.01 * 1.001
        assert 0.5 - 1e-3 <= row.trial.recipe.momentum.highest <= 0.6 + 1e-3
    assert "lr" in found.boundary


def test_by_the_best_moment_a_training_that_overfits_is_judged_by_that():
    def train(trial):
        loss = valley(trial)
        for part in (1, 2, 3):
            trial.report(loss * (1.0 if part == 2 else 2.0), step=trial.steps * part // 4)
        return loss * 3.0

    final, best = (tune(trainer(train), budget="4x", judge=judge).best.valid.mean for judge in ("final", "best"))
    assert best == pytest.approx(final / 3.0, rel=0.5)


def test_where_every_training_in_full_diverges_the_answer_is_one_that_was_not_and_says_so():
    def outcome(trial):
        breaks = trial.steps == 1000 and trial.recipe.effective_rate > 0.01
        return math.inf if breaks else valley(trial, cliff=1e9)

    found = tune(trainer(outcome), budget="4x")
    assert found.recipe is not None
    assert found.contestants == ()
    assert any("given up" in note for note in found.notes)
    in_full = {row.trial.recipe for row in found.measurements if row.trial.steps == 1000}
    assert found.recipe not in in_full
    assert found.recipe.effective_rate < min(recipe.effective_rate for recipe in in_full)


def test_no_trial_is_trained_or_counted_twice():
    def outcome(trial):
        return 0.9 if trial.steps == 1000 else valley(trial, floor=0.05)

    found = tune(trainer(outcome), budget="8x")
    trials = [row.trial for row in found.measurements]
    assert len(trials) == len(set(trials))
    assert found.config_steps == sum(trial.steps for trial in trials)


def test_a_single_trial_is_no_ground_to_recommend_another_recipe():
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


def test_no_length_promises_what_its_own_trials_did_not_reach():
    """A loss that stays where it is until the very end of the full training."""

    def outcome(trial):
        late = trial.steps == 1000 and trial.recipe.effective_rate > 0.3
        return 0.001 if late else valley(trial, floor=2.0, noise=0.01)

    found = tune(trainer(outcome), budget="8x")
    assert found.best.valid.mean == pytest.approx(0.001)
    for point in found.frontier:
        reached = [row.outcome.loss for row in found.measurements if row.trial.steps == point.steps]
        assert not reached or point.loss > 0.7 * min(reached)


def test_losses_that_are_noise_overfit_nowhere():
    """No length is better than another: the lowest of many short trials is lucky."""

    def outcome(trial):
        draw = np.random.default_rng([trial.seed, trial.steps, round(1e6 * trial.recipe.effective_rate)])
        return 2.0 * math.exp(0.1 * draw.normal())

    found = [tune(trainer(outcome, steps=400), budget="3x", seed=seed) for seed in range(8)]
    assert sum(each.overfits_after is not None for each in found) <= 1


def test_a_length_shows_its_lowest_trial_where_the_setting_for_more_steps_ends_far_above_it():
    """High rates are best in few steps and break in many: a row of few steps is no worse than what was seen there."""

    def outcome(trial):
        rate = trial.recipe.effective_rate
        return valley(trial, best=4.0, noise=0.01) ** 3 if trial.steps < 1000 or rate < 1.0 else 40.0

    found = tune(trainer(outcome), budget="3x")
    for point in found.frontier:
        seen = [row.outcome.loss for row in found.measurements if row.trial.steps == point.steps]
        assert not seen or point.loss < 1.6 * min(seen)


def test_a_recipe_that_the_budget_did_not_reach_is_named():
    asked = ["sgd(lr=cosine(0.001), momentum=0.9)", "sgd(lr=cosine(0.002), momentum=0.9)"]
    found = tune(trainer(), budget="2x", compare=asked)
    (note,) = (note for note in found.notes if "compare" in note)
    assert asked[1] in note
    needed = re.search(r"; (\d+)x would", note)[1]
    enough = tune(trainer(), budget=f"{needed}x", compare=asked)
    assert not any("compare" in note for note in enough.notes)


def test_a_metric_of_a_function_is_known_from_its_trials():
    found = tune(
        trainer(lambda trial: {"loss": 5.0, "metric": 1.0 - min(valley(trial), 1.0)}), budget="2x", goal="metric"
    )
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)
    with pytest.raises(TaskError, match=r"no metric to maximise.*metric': \.\.\."):
        tune(trainer(), budget="2x", goal="metric")


def test_a_trainer_is_given_back_as_it_was():
    own = trainer()
    before = own.stop, own.output, own.progress
    find(own, budget="0.5x")
    assert (own.stop, own.output, own.progress) == before


def test_a_momentum_at_which_everything_broke_has_no_best_rate():
    def outcome(trial):
        broke = trial.recipe.momentum.highest < 0.7 and trial.recipe.effective_rate > 1e-4
        return math.inf if broke else valley(trial)

    found = find(trainer(outcome), budget="2x")
    assert all(row.limit is None or row.lr <= row.limit for row in found.by_momentum)
    assert found.by_momentum


def test_a_trainer_has_a_length_and_workers_of_its_own():
    with pytest.raises(TaskError, match=r"steps, workers: a trainer has its own\. Hint: "):
        tune(trainer(), steps=10, workers=2)


@pytest.mark.parametrize("seed", range(3))
def test_the_good_range_of_a_metric_is_within_the_tolerance_of_the_metric(seed):
    """95 % at the best rate; 5 % of that are lost where the rate is e times too high or too low."""

    def outcome(trial):
        return {"loss": 1.0, "metric": 0.95 - 0.0475 * math.log(trial.recipe.effective_rate) ** 2}

    found = find(trainer(outcome), budget="2x", goal="metric", seed=seed)
    momentum = found.recipe.momentum.highest
    low, high = found.good_range.lr.low / (1 - momentum), found.good_range.lr.high / (1 - momentum)
    assert math.exp(-1.8) < low < 1.0 < high < math.exp(1.8)
    assert high / low > 2.0


def test_a_training_that_the_deadline_cut_off_is_said(monkeypatch):
    class Endless(Fixed):
        """While it trains in full the time is over."""

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


def test_trainings_that_ignore_their_seed_are_said():
    def same(trial):
        return valley(trial, noise=0.0)

    (note,) = tune(trainer(same), budget="12x").notes
    assert note.startswith("all seeds ended at the same loss")
    assert tune(trainer(), budget="12x").notes == ()


def test_a_last_seed_that_was_broken_off_half_way_chooses_nothing():
    class Broken(Fixed):
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
    assert len(found.contestants) > 1
    assert {len(each.runs) for each in found.contestants} == {2}
    assert found.best.valid.mean == min(each.valid.mean for each in found.contestants)


def test_the_largest_usable_rate_is_no_lower_than_the_recommended_one():
    def outcome(trial):
        return abs(random.Random(f"{trial.seed}{trial.recipe}{trial.steps}").gauss(1, 0.3))

    for seed in range(4):
        found = tune(trainer(outcome, steps=100), budget="10x", seed=seed)
        assert found.limit is None or found.limit >= found.recipe.lr.highest * (1 - 1e-9)


def test_from_two_trials_the_better_one_is_recommended():
    calls = []

    def outcome(trial):
        calls.append(trial)
        return 0.5 + 0.005 * trial.recipe.lr.highest

    with pytest.raises(Interrupted) as stopped:
        tune(trainer(outcome), budget="3x", stop=lambda: len(calls) >= 2)
    found = stopped.value.result
    assert found.recipe == min((row.trial.recipe for row in found.measurements), key=lambda each: each.lr.highest)
    assert any("this rests on 2 trials only" in note for note in found.notes)


def test_where_trainings_in_full_fail_that_is_the_reason():
    def outcome(trial):
        if trial.steps == 256:
            return Outcome(math.inf, failure="RuntimeError: out of memory")
        return valley(trial)

    found = tune(Fixed(outcome), budget="3x")
    assert found.recipe is None or found.contestants == ()
    assert found.reason is None or "failed" in found.reason
    assert "diverged" not in str(found.reason)


def test_a_training_that_fails_from_some_trial_on_is_not_tried_for_ever():
    calls = []

    def outcome(trial):
        calls.append(trial)
        return valley(trial) if len(calls) <= 6 else Outcome(math.inf, failure="OSError: the disk is full")

    found = tune(Fixed(outcome), budget="18x")
    assert len(calls) <= 6 + 12 + 4
    assert any("OSError: the disk is full" in note for note in found.notes)
    assert found.recipe is not None


@pytest.mark.parametrize(
    ("subject", "settings", "said"),
    [
        (trainer(), {"device": "cuda"}, "device: a trainer has its own"),
        (trainer(), {"output": "printed"}, "output: a trainer has its own"),
        (valley, {"steps": 1000, "device": "cuda"}, "device: a function chooses where it trains"),
        ("wine", {"workers": 2}, "workers: a task's trials are trained together"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(subject, settings, said):
    with pytest.raises(TaskError, match=said):
        find(subject, **settings)


def test_what_the_first_trial_prints_is_kept_though_it_is_trained_before_there_is_a_study(tmp_path):
    def talks(trial):
        print(f"training {trial.steps} steps")  # noqa: T201  (what a function prints is kept)
        return valley(trial)

    found = find(talks, steps=1000, study=tmp_path / "s.db", output=None)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir() and [*path.glob("*.log")]]
    assert len([*folder.glob("*.log")]) == found.trials
    assert all("training" in path.read_text() for path in folder.glob("*.log"))


def test_trainings_in_full_that_all_fail_are_no_cost_of_the_search():
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
    """Raises now and then, whatever the recipe."""
    if np.random.default_rng([trial.seed, trial.steps, round(1e6 * trial.recipe.effective_rate)]).random() < share:
        raise OSError("the file server is away")
    return valley(trial)


def test_trials_that_fail_now_and_then_bound_no_rate():
    for seed in range(4):
        found = tune(trainer(flaky), budget="3x", seed=seed)
        assert any(row.outcome.failure for row in found.measurements)
        assert found.recipe.effective_rate > 0.3
        assert found.limit is None or found.limit / (1 - found.recipe.momentum.highest) > 1.0


def test_a_training_in_full_whose_time_is_over_is_no_bad_recipe():
    def outcome(trial):
        return Outcome(math.inf, failure="it took longer than the timeout") if trial.steps == 1000 else valley(trial)

    found = tune(Fixed(outcome, steps=1000), budget="3x")
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)
    assert any("the training in full failed: it took longer than the timeout" in note for note in found.notes)
    assert not any("far above" in note for note in found.notes)


def test_where_nearly_all_fails_nothing_is_said_of_other_rates():
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


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_tenth_is_no_cliff(seed):
    found = tune(trainer(lambda trial: valley(trial, cliff=math.inf, noise=0.1)), budget="6x", seed=seed)
    assert found.limit is None or found.limit / (1 - found.recipe.momentum.highest) > 1.0


def test_a_loss_that_never_changes_leaves_room_for_the_training_in_full():
    found = tune(trainer(lambda trial: 1.0), budget="3x")
    assert found.best.valid.mean == 1.0


def test_rows_of_momenta_keep_to_the_rates_that_are_allowed():
    found = find(trainer(), space=SearchSpace(lr=Range(0.01, 0.02)))
    assert all(0.0099 <= row.lr <= 0.0201 for row in found.by_momentum)


def test_a_metric_is_not_judged_on_the_way():
    with pytest.raises(TaskError, match="only losses are followed"):
        tune(trainer(lambda trial: {"loss": 1.0, "metric": 0.5}), goal="metric", judge="best")


def test_a_length_is_not_the_best_where_longer_trials_ended_far_lower():
    """Trials of a middle length end lowest, one training in full is unlucky: no shorter one overfits for that."""

    def outcome(trial):
        if trial.steps == 1000:
            return 0.02
        return valley(trial, floor=0.01, noise=0.5) * (1e-3 if trial.steps > 64 else 1.0)

    for seed in range(3):
        found = tune(trainer(outcome), budget="3x", seed=seed)
        assert found.overfits_after is None or found.overfits_after > 64


def test_a_study_s_contestants_are_read_as_they_were_found_though_some_trainings_failed(tmp_path):
    failed = 0
    for seed in range(3):
        found = tune(flaky, steps=1000, budget="14x", seed=seed, study=tmp_path / f"{seed}.db")
        failed += sum(row.outcome.failure is not None for row in found.measurements if row.stage.startswith("full"))
        assert read_result(Study.open(found.study)).contestants == found.contestants
    assert failed, "else nothing was shown"
