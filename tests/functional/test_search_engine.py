"""Searches of trainings whose loss is a formula: the recommended recipe, length and ranges."""

import math
import random
import re

import numpy as np
import optuna
import pytest
from tests.made_up_trainers import MadeUpTrainer

from surefoot.core.budget import Budget
from surefoot.core.errors import TaskError
from surefoot.search.find import find
from surefoot.search.space.axes import Range
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.tune import tune
from surefoot.trainers.function_trainer import FunctionTrainer


def valley(trial, *, best=1.0, limit=8.0, noise=0.02, floor=0.1):
    """A parabola over the logarithm of the effective rate, divergence above a limit, and lower losses in more steps."""
    rate = trial.recipe.effective_rate
    if rate > limit:
        return math.inf
    draw = np.random.default_rng([trial.seed, trial.steps, round(1e6 * rate)])
    bend = 0.15 * math.log(rate / best) ** 2
    return floor * math.exp(min(bend, 4.0) + noise * draw.normal()) * (1000 / trial.steps) ** 0.3


def trainer(outcome=valley, steps=1000):
    return FunctionTrainer(outcome, steps=steps, name="valley")


def test_the_best_rate_is_found_for_the_cost_of_one_training():
    for seed in range(3):
        found = find(trainer(steps=4000), budget="1x", seed=seed)
        assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.8)
        assert found.config_steps <= 4000
        assert found.trained_recipes == ()


def test_find_costs_less_than_a_third_of_a_very_long_training():
    found = find(trainer(steps=20_000))
    assert found.config_steps <= 0.3 * 20_000
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)


def test_the_good_range_contains_the_recommended_rate_and_no_unstable_one():
    found = find(trainer())
    momentum = found.recipe.momentum.highest
    low, high = found.good_range.lr.low / (1 - momentum), found.good_range.lr.high / (1 - momentum)
    assert low <= found.recipe.effective_rate <= high < 8.0
    assert found.limit is None or found.limit / (1 - momentum) <= 8.0 * 1.01


def test_tune_trains_the_recommended_recipe_and_the_default_in_full():
    found = tune(trainer(), budget="6x", compare=["sgd(lr=cosine(0.001), momentum=0.9)"])
    assert found.trained_recipes[0].role == "recommended"
    assert {"default", "compared"} <= {trained.role for trained in found.trained_recipes}
    assert found.best.valid.mean <= found.default.valid.mean
    assert all(row.trial.steps == found.steps for row in found.best.runs)
    assert found.config_steps <= 6 * 1000


def test_a_shorter_training_is_recommended_if_longer_ones_overfit():
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


def test_a_full_training_can_show_that_a_shorter_one_is_better():
    """No short trial shows that the full length overfits; the second training is the one that is tested and kept."""

    seen = set()

    def overfits(trial):
        seen.add((trial.steps, one.final_steps))
        return valley(trial, noise=0.01) * (4.0 if trial.steps > 1024 else 1.0) * (1024 / trial.steps) ** 0.3

    one = MadeUpTrainer(overfits, steps=4096)
    one.final_steps = None
    found = tune(one, budget="3x")
    assert (found.overfits_after, found.steps) == (1024, 1024)
    assert found.best.steps == 1024
    assert {(4096, 4096), (1024, 1024)} <= seen


def test_the_default_rate_is_recommended_if_no_trial_learns():
    found = find(trainer(lambda trial: 2.3 + 1e-3 * math.sin(1e4 * trial.recipe.effective_rate)), budget="1x")
    assert 0.09 < found.recipe.effective_rate < 1.01
    assert any("no learning rate was clearly better" in note for note in found.notes)


def test_a_good_range_far_from_the_default_rate_is_found():
    def narrow(trial):
        return valley(trial, best=3e-6, limit=1e-5)

    found = find(trainer(narrow), budget="3x")
    assert found.recipe.effective_rate == pytest.approx(3e-6, rel=1.5)


def test_negative_losses_are_searched_too():
    found = find(trainer(lambda trial: valley(trial) - 1.5))
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)
    assert found.expected_loss < 0


def test_a_note_says_that_no_rate_learned():
    found = find(trainer(lambda _: 0.7))
    assert any("no learning rate was clearly better" in note for note in found.notes)


def test_a_longer_rung_is_taken_if_the_lowest_cannot_rank_rates():
    def slow(trial):
        """Nothing is learned in fewer than 100 steps."""
        return valley(trial) if trial.steps >= 100 else 0.7

    found = find(trainer(slow), budget="4x")
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=1.0)
    assert found.notes == ()


@pytest.mark.parametrize("budget", ["0.1x", "0.5x", "1x", "3x"])
def test_every_budget_gives_a_recipe_and_is_not_exceeded(budget):
    found = tune(trainer(), budget=budget)
    assert found.recipe is not None
    assert found.config_steps <= Budget.parse(budget).trainings * 1000 + 1


def test_the_trials_depend_on_the_seed_alone():
    first, second, other = (find(trainer(), seed=seed) for seed in (4, 4, 5))
    assert [row.trial for row in first.measurements] == [row.trial for row in second.measurements]
    assert first.recipe == second.recipe
    assert {row.trial for row in first.measurements}.isdisjoint(row.trial for row in other.measurements)


def test_several_optimizers_and_schedules_are_searched_together():
    space = SearchSpace(optimizers=("sgd", "adam"), schedules=("cosine", "linear"), warmup=Range(0.0, 0.2))

    def outcome(trial):
        if trial.recipe.optimizer == "adam":
            return 1.0 + abs(math.log(trial.recipe.lr.highest / 1e-3))
        return valley(trial)

    found = find(trainer(outcome), space=space)
    assert found.recipe.optimizer == "sgd"
    assert {row.trial.recipe.optimizer for row in found.measurements} == {"sgd", "adam"}


def test_the_default_has_the_optimizer_of_the_search():
    found = tune(trainer(lambda trial: 1.0 + math.log(trial.recipe.lr.highest / 3e-3) ** 2), budget="5x",
                 space=SearchSpace(optimizers=("adamw",)))  # fmt: skip
    assert {trained.recipe.optimizer for trained in found.trained_recipes} == {"adamw"}


def test_trials_stay_within_the_bounds_of_the_user():
    found = find(trainer(), space=SearchSpace(lr=Range(0.001, 0.01), momentum=Range(0.5, 0.6)))
    for row in found.measurements:
        assert 0.001 * 0.999 <= row.trial.recipe.lr.highest <= 0.01 * 1.001
        assert 0.5 - 1e-3 <= row.trial.recipe.momentum.highest <= 0.6 + 1e-3
    assert "lr" in found.boundary


def test_the_best_loss_on_the_way_counts_if_the_user_wants_it():
    def train(trial):
        loss = valley(trial)
        for part in (1, 2, 3):
            trial.report(loss * (1.0 if part == 2 else 2.0), step=trial.steps * part // 4)
        return loss * 3.0

    final, best = (tune(trainer(train), budget="4x", score_at=score_at).best.valid.mean for score_at in ("end", "best"))
    assert best == pytest.approx(final / 3.0, rel=0.5)


def test_no_trial_is_trained_or_counted_twice():
    def outcome(trial):
        return 0.9 if trial.steps == 1000 else valley(trial, floor=0.05)

    found = tune(trainer(outcome), budget="8x")
    trials = [row.trial for row in found.measurements]
    assert len(trials) == len(set(trials))
    assert found.config_steps == sum(trial.steps for trial in trials)


def test_the_expected_loss_of_a_length_is_not_far_below_its_trials():
    """A loss that falls only at the very end of the full training."""

    def outcome(trial):
        late = trial.steps == 1000 and trial.recipe.effective_rate > 0.3
        return 0.001 if late else valley(trial, floor=2.0, noise=0.01)

    found = tune(trainer(outcome), budget="8x")
    assert found.best.valid.mean == pytest.approx(0.001)
    for point in found.frontier:
        reached = [row.outcome.loss for row in found.measurements if row.trial.steps == point.steps]
        assert not reached or point.loss > 0.7 * min(reached)


def test_pure_noise_is_not_called_overfitting():
    """No length is better than another; the lowest of many short trials is low by chance."""

    def outcome(trial):
        draw = np.random.default_rng([trial.seed, trial.steps, round(1e6 * trial.recipe.effective_rate)])
        return 2.0 * math.exp(0.1 * draw.normal())

    found = [tune(trainer(outcome, steps=400), budget="3x", seed=seed) for seed in range(8)]
    assert sum(each.overfits_after is not None for each in found) <= 1


def test_the_frontier_is_not_far_above_the_lowest_trial_of_a_length():
    """High rates are best in few steps and unstable in many."""

    def outcome(trial):
        rate = trial.recipe.effective_rate
        return valley(trial, best=4.0, noise=0.01) ** 3 if trial.steps < 1000 or rate < 1.0 else 40.0

    found = tune(trainer(outcome), budget="3x")
    for point in found.frontier:
        seen = [row.outcome.loss for row in found.measurements if row.trial.steps == point.steps]
        assert not seen or point.loss < 1.6 * min(seen)


def test_a_recipe_that_the_budget_could_not_compare_is_named():
    asked = ["sgd(lr=cosine(0.001), momentum=0.9)", "sgd(lr=cosine(0.002), momentum=0.9)"]
    found = tune(trainer(), budget="2x", compare=asked)
    (note,) = (note for note in found.notes if "compare" in note)
    assert asked[1] in note
    needed = re.search(r"; (\d+)x would", note)[1]
    enough = tune(trainer(), budget=f"{needed}x", compare=asked)
    assert not any("compare" in note for note in enough.notes)


def test_the_metric_of_a_function_is_known_after_its_trials():
    found = tune(
        trainer(lambda trial: {"loss": 5.0, "metric": 1.0 - min(valley(trial), 1.0)}), budget="2x", goal="metric"
    )
    assert found.recipe.effective_rate == pytest.approx(1.0, rel=0.9)
    with pytest.raises(TaskError, match=r"no metric to maximise.*metric': \.\.\."):
        tune(trainer(), budget="2x", goal="metric")


def test_the_trainer_of_the_user_is_left_unchanged():
    own = trainer()
    before = own.stop, own.output, own.progress
    find(own, budget="0.5x")
    assert (own.stop, own.output, own.progress) == before


def test_steps_and_workers_are_refused_for_a_trainer():
    with pytest.raises(TaskError, match=r"steps, workers: a trainer has its own setting\. Hint: "):
        tune(trainer(), steps=10, workers=2)


@pytest.mark.parametrize("seed", range(3))
def test_the_good_range_of_a_metric_is_within_the_tolerance(seed):
    """The metric is 95 % at the best rate, and 5 % less of that where the rate is too high or too low by a factor e."""

    def outcome(trial):
        return {"loss": 1.0, "metric": 0.95 - 0.0475 * math.log(trial.recipe.effective_rate) ** 2}

    found = find(trainer(outcome), budget="2x", goal="metric", seed=seed)
    momentum = found.recipe.momentum.highest
    low, high = found.good_range.lr.low / (1 - momentum), found.good_range.lr.high / (1 - momentum)
    assert math.exp(-1.8) < low < 1.0 < high < math.exp(1.8)
    assert high / low > 2.0


def test_a_note_says_that_trainings_ignore_their_seed():
    def same(trial):
        return valley(trial, noise=0.0)

    (note,) = tune(trainer(same), budget="12x").notes
    assert note.startswith("all seeds ended at the same loss")
    assert tune(trainer(), budget="12x").notes == ()


def test_the_largest_usable_rate_is_no_lower_than_the_recommended_one():
    def outcome(trial):
        return abs(random.Random(f"{trial.seed}{trial.recipe}{trial.steps}").gauss(1, 0.3))

    for seed in range(4):
        found = tune(trainer(outcome, steps=100), budget="10x", seed=seed)
        assert found.limit is None or found.limit >= found.recipe.lr.highest * (1 - 1e-9)


@pytest.mark.parametrize(
    ("subject", "settings", "said"),
    [
        (trainer(), {"device": "cuda"}, "device: a trainer has its own setting"),
        (trainer(), {"output": "printed"}, "output: a trainer has its own setting"),
        (valley, {"steps": 1000, "device": "cuda"}, "device: a function chooses its device itself"),
        ("wine", {"workers": 2}, "workers: a task's trials train together"),
    ],
)
def test_a_setting_without_effect_is_refused(subject, settings, said):
    with pytest.raises(TaskError, match=said):
        find(subject, **settings)


def test_the_output_of_the_first_trial_is_kept(tmp_path):
    def talks(trial):
        print(f"training {trial.steps} steps")  # noqa: T201  (what a function prints is kept)
        return valley(trial)

    found = find(talks, steps=1000, study=tmp_path / "s.db", output=None)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir() and [*path.glob("*.log")]]
    assert len([*folder.glob("*.log")]) == found.trials
    assert all("training" in path.read_text() for path in folder.glob("*.log"))


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_ten_percent_sets_no_limit(seed):
    found = tune(trainer(lambda trial: valley(trial, limit=math.inf, noise=0.1)), budget="6x", seed=seed)
    assert found.limit is None or found.limit / (1 - found.recipe.momentum.highest) > 1.0


def test_a_constant_loss_leaves_budget_for_the_full_training():
    found = tune(trainer(lambda trial: 1.0), budget="3x")
    assert found.best.valid.mean == 1.0


def test_rows_by_momentum_stay_within_the_bounds_of_the_user():
    found = find(trainer(), space=SearchSpace(lr=Range(0.01, 0.02)))
    assert all(0.0099 <= row.lr <= 0.0201 for row in found.by_momentum)


def test_a_metric_cannot_be_scored_on_the_way():
    with pytest.raises(TaskError, match="a metric is measured at the end"):
        tune(trainer(lambda trial: {"loss": 1.0, "metric": 0.5}), goal="metric", score_at="best")


def test_a_length_is_not_recommended_if_longer_trials_end_far_lower():
    """Trials of a middle length end lowest, and one full training is high by chance, which is not overfitting."""

    def outcome(trial):
        if trial.steps == 1000:
            return 0.02
        return valley(trial, floor=0.01, noise=0.5) * (1e-3 if trial.steps > 64 else 1.0)

    for seed in range(3):
        found = tune(trainer(outcome), budget="3x", seed=seed)
        assert found.overfits_after is None or found.overfits_after > 64


def test_a_search_takes_a_sampler_of_optuna():
    found = tune(trainer(), budget="2x", sampler=optuna.samplers.RandomSampler(seed=0))
    assert found.recipe is not None
