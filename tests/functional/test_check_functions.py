"""Checks of made-up losses whose right verdict is known."""

import math
import time

import pytest
from tests.made_up_trainers import STEPS, MadeUpTrainer, loss_at, trainer

from surefoot.checking.check import check
from surefoot.checking.trial_choice import auto_trainings
from surefoot.core.errors import BudgetError, RecipeError, TaskError
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Curve, Outcome


def sgd(lr, momentum=0.9):
    return f"sgd(lr={lr}, momentum={momentum})"


@pytest.mark.parametrize(
    ("lr", "verdict"), [(0.0002, "lr_too_low"), (0.005, "lr_too_low"), (0.8, "lr_too_high"), (40.0, "diverged")]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_learning_rate_is_named_with_its_direction(lr, verdict, seed):
    result = check(trainer(noise=0.03), sgd(lr), seed=seed)
    assert result.verdict == verdict
    better = result.recipe.lr.highest
    assert abs(math.log(better / 0.1)) < abs(math.log(lr / 0.1))
    assert result.expected_saving > 0.05
    assert result.findings[0].advice == {"lr": better}


def test_a_wrong_momentum_is_named_where_no_learning_rate_makes_up_for_it():
    def loss(trial):
        recipe = trial.recipe
        memory, rate = -math.log1p(-recipe.momentum.highest), math.log(recipe.lr.highest)
        return 0.2 * math.exp(0.15 * (memory - math.log(10)) ** 2 + 0.08 * rate**2)

    result = check(MadeUpTrainer(loss), sgd(1.0, 0.0), budget="6x")
    assert result.verdict == "momentum_too_low"
    assert result.recipe.momentum.highest > 0.5


def test_the_best_recipe_is_healthy_where_seeds_agree():
    result = check(trainer(noise=0.01, bend=0.3), sgd(0.1), budget="8x")
    assert result.verdict == "healthy"
    assert result.confidence >= 0.9
    assert result.recipe == result.checked_recipe
    assert result.expected_saving == 0.0
    assert max(trial.steps for trial in result.trials if trial.hyperparameters == result.current) == STEPS


def test_a_budget_too_small_for_a_verdict_is_unknown_and_names_one_that_suffices():
    result = check(trainer(noise=0.1), sgd(0.1), budget="0.7x")
    assert result.verdict == "unknown"
    assert "x would settle it" in result.findings[0].why or "x would do it" in result.findings[0].why


def test_a_loss_that_hardly_falls_means_a_low_rate_and_not_divergence():
    """A fine-tuning at a rate so low that all ends at ln 3, and a hundredth of it as well."""

    def loss(trial):
        learnt = min(1.0, trial.recipe.lr.highest * trial.steps / 0.5)
        return math.log(3.0) * (1.0 - 0.8 * learnt) * (1.0 + 0.002 * math.sin(1e5 * trial.recipe.lr.highest))

    result = check(MadeUpTrainer(loss), "adamw(lr=linear(5e-5, warmup=30), weight_decay=0.01)")
    assert result.verdict == "lr_too_low"
    assert result.recipe.lr.highest > 5e-5


def test_the_check_goes_on_where_the_winner_of_a_short_trial_fails_in_a_longer_one():
    """From 40 times the best rate on a short trial ends lowest of all and a longer one in ruins."""

    def loss(trial):
        rate = math.log(trial.recipe.lr.highest / 0.5)
        ruined = trial.recipe.lr.highest > 20.0
        if ruined:
            return 0.001 if trial.steps < 64 else 9.0
        return 0.2 * math.exp(min(0.08 * rate**2, 2.0))

    result = check(MadeUpTrainer(loss), sgd(0.004), budget="4x")
    assert result.verdict == "lr_too_low"
    assert result.recipe.lr.highest < 20.0
    advised = [trial for trial in result.trials if trial.hyperparameters == result.advised]
    assert advised
    assert not any(trial.diverged for trial in advised)


@pytest.mark.parametrize("seed", range(3))
def test_a_change_is_compared_in_full_before_it_is_advised_where_the_budget_allows(seed):
    """Somewhat higher rates end lower in every trial but those in full, in which they overfit."""

    def loss(trial):
        octaves = math.log2(trial.recipe.lr.highest / 0.1)
        valley = 0.05 * (octaves - 2.5) ** 2 if trial.steps < STEPS else 0.1 * octaves**2
        return 0.5 * math.exp(min(valley, 2.0))

    result = check(MadeUpTrainer(loss), sgd(0.1), budget="6x", seed=seed)
    in_full = {trial.hyperparameters.lr for trial in result.trials if trial.steps == STEPS}
    assert max(in_full) > 0.1, "a higher rate was followed to its end"
    assert result.verdict != "lr_too_low"
    assert result.recipe == result.checked_recipe


def test_a_loss_that_rises_first_and_ends_lower_has_not_diverged():
    def outcome(trial):
        rate = math.log(trial.recipe.lr.highest / 0.1)
        end = 0.2 * math.exp(min(0.1 * rate**2, 2.0))
        steps = tuple(trial.steps * part // 4 for part in (1, 2, 3, 4))
        return Outcome(end, train=Curve(steps, (0.5, 5.0, 2.0, end)), valid=Curve(steps[:3], (0.6, 6.0, 2.0)))

    assert check(MadeUpTrainer(outcome), sgd(0.4)).verdict != "diverged"


def test_a_finite_loss_above_the_one_before_training_has_diverged():
    def outcome(trial):
        lr = trial.recipe.lr.highest
        end = 2.3 - 2.0 * math.exp(-0.1 * math.log(lr / 0.05) ** 2) if lr < 1.0 else 5.0 + lr
        return Outcome(end, train=Curve((trial.steps,), (end,)), valid=Curve((1,), (max(end, 2.4),)))

    result = check(MadeUpTrainer(outcome), sgd(6.0), budget="4x")
    assert result.verdict == "diverged"
    assert result.recipe.lr.highest < 1.0
    assert "above the 2.30 that it begins at" in result.findings[0].why


def test_memorised_noise_is_overfitting_and_not_divergence():
    """The training loss falls to nothing, the validation loss above where it began."""

    def outcome(trial):
        lr = trial.recipe.lr.highest
        fitted = min(1.0, lr * trial.steps / 10.0)
        rows = tuple(range(1, trial.steps + 1))
        train = Curve(rows, tuple(0.7 - 0.69 * fitted * row / trial.steps for row in rows))
        valid = tuple(0.7 + fitted * row / trial.steps for row in rows)
        return Outcome(valid[-1], train=train, valid=Curve(rows[:-1], valid[:-1]))

    result = check(MadeUpTrainer(outcome), sgd(0.1), budget="4x")
    assert result.verdict in ("overfitting", "lr_too_high")
    overfits = next(finding for finding in result.findings if finding.verdict == "overfitting")
    assert overfits.advice["steps"] < 30


def test_short_trials_that_memorised_the_data_do_not_make_the_rate_too_low():
    """With a fixed rate times steps everything is as it is; past what is memorised the validation loss only rises."""

    def outcome(trial):
        gone = trial.recipe.lr.highest * trial.steps / 25.6
        train, excess = 2.3 * math.exp(-4.0 * gone), 0.1 * max(gone - 1.0, 0.0)
        return Outcome(0.6 + 0.7 * train + excess, train=Curve((trial.steps,), (train,)))

    result = check(MadeUpTrainer(outcome), sgd(0.1))
    assert max(trial.hyperparameters.lr for trial in result.trials) > 0.1
    shortest = {trial.hyperparameters.lr: trial.loss for trial in result.trials if trial.steps == 32}
    assert min(shortest, key=shortest.get) > 0.1, "short trials ask for a higher rate"
    assert result.verdict in ("healthy", "unknown")
    assert check(MadeUpTrainer(outcome), sgd(0.001)).verdict == "lr_too_low"


def test_lower_rates_are_tried_before_equal_losses_are_called_a_plateau():
    def loss(trial):
        lr = trial.recipe.lr.highest
        return 1.0 if lr > 0.01 else min(1.0, 0.5 + 0.25 * abs(math.log10(lr / 0.001)))

    result = check(MadeUpTrainer(loss), sgd(1.0))
    assert result.verdict == "lr_too_high"
    assert result.recipe.lr.highest < 0.01


def test_no_rate_is_advised_that_ends_above_the_loss_before_training():
    """The recipe and what lies near it diverge slowly; a rate that is far lower learns."""

    def loss(trial):
        lr = trial.recipe.lr.highest
        return 2.4 + lr if lr > 0.2 else 2.3 - 2.0 * math.exp(-0.1 * math.log(lr / 0.02) ** 2)

    result = check(MadeUpTrainer(loss), sgd(8.0), budget="4x")
    assert result.verdict == "diverged"
    assert result.recipe.lr.highest < 0.2


def test_the_longer_of_two_comparisons_is_run_where_the_budget_allows_only_one():
    result = check(trainer(noise=0.05), sgd(0.02), budget="2x")
    lengths = {trial.steps for trial in result.trials}
    assert lengths == {32, 128}
    assert result.config_steps <= 2 * STEPS


def test_a_model_that_learns_nothing_is_a_plateau():
    result = check(MadeUpTrainer(lambda trial: 1.0), sgd(0.1))
    assert result.verdict == "plateau"
    assert result.recipe == result.checked_recipe


def test_nothing_is_advised_where_every_trial_diverges():
    result = check(MadeUpTrainer(lambda trial: Outcome(math.inf, diverged_at=0)), sgd(0.1))
    assert (result.verdict, result.recipe) == ("diverged", result.checked_recipe)
    assert result.curvature is None


def test_negative_losses_are_compared_by_their_size():
    def loss(trial):
        return -3.0 + 0.5 * math.log(trial.recipe.lr.highest / (1 - trial.recipe.momentum.highest)) ** 2 / 2.0

    result = check(MadeUpTrainer(loss), sgd(0.001), budget="4x")
    assert result.verdict == "lr_too_low"
    assert 0.0 < result.expected_saving <= 1.0


@pytest.mark.parametrize("steps", [60, 220, 1000, 4000])
def test_the_default_budget_is_kept_and_announced(steps):
    messages = []

    class Recorder:
        def begin(self, *, config_steps, done=0):
            self.ceiling = config_steps

        def stage(self, name, *, config_steps):
            pass

        def advance(self, config_steps):
            pass

        def best(self, recipe, loss):
            pass

        def message(self, line):
            messages.append(line)

    def loss(trial):
        return 0.2 * math.exp(0.1 * math.log(trial.recipe.lr.highest / 0.1) ** 2)

    progress, fixed = Recorder(), MadeUpTrainer(loss, steps=steps)
    result = check(fixed, sgd(0.05), progress=progress)
    assert sum(trial.steps for trial in fixed.trained) == result.config_steps <= progress.ceiling
    assert result.config_steps <= auto_trainings(steps) * steps
    assert messages[0].startswith(f"at most {progress.ceiling:,} config-steps")
    if steps == 4000:
        assert progress.ceiling <= 0.5 * steps
        assert all(trial.steps < steps for trial in fixed.trained)


def test_the_schedule_is_scaled_and_all_other_hyperparameters_stay():
    seen = []

    def loss(trial):
        seen.append(trial.recipe)
        return abs(math.log(trial.recipe.lr.highest)) + 1.0

    check(MadeUpTrainer(loss), "sgd(lr=cosine(0.01, warmup=10%), momentum=0.9, weight_decay=0.001, clip=1)")
    assert len(seen) > 5
    assert all("warmup=10%" in str(recipe) and "weight_decay=0.001" in str(recipe) for recipe in seen)
    assert {recipe.clip for recipe in seen} == {1.0}


def test_a_scheduled_momentum_is_not_changed():
    seen = set()

    def loss(trial):
        seen.add(str(trial.recipe.schedule("momentum")))
        return abs(math.log(trial.recipe.lr.highest)) + 1.0

    check(MadeUpTrainer(loss), "sgd(lr=0.1, momentum=linear(0.95, final=0.85))")
    assert len(seen) == 1


def test_a_function_needs_a_number_of_steps():
    with pytest.raises(TaskError, match="pass steps"):
        check(lambda trial: 1.0, sgd(0.1))
    assert check(lambda trial: 1.0, sgd(0.1), steps=64).steps == 64


def test_an_error_in_the_recipes_trial_is_an_error_and_not_divergence():
    def broken(trial):
        raise ValueError("no such column")

    with pytest.raises(TaskError, match="no such column"):
        check(broken, sgd(0.1), steps=64)


@pytest.mark.parametrize(("budget", "trainings"), [("10s", 10.0), ("128s", 128.0)])
def test_a_budget_in_seconds_is_converted_by_the_duration_of_the_first_trial(budget, trainings):
    paced = MadeUpTrainer(lambda trial: Outcome(1.0, seconds=trial.steps / STEPS))  # a second a training
    assert check(paced, sgd(0.1), budget=budget).budget == pytest.approx(trainings)
    assert len({*paced.trained}) == len(paced.trained)
    with pytest.raises(BudgetError, match="a check needs 5 short trials"):
        check(paced, sgd(0.1), budget="0.5s")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"recipe": "sgd(lr=0)"}, RecipeError),
        ({"budget": "0.1x"}, BudgetError),
        ({"checkpoint": "weights.pt"}, TaskError),
    ],
)
def test_wrong_arguments_are_refused_before_any_trial(arguments, error):
    fixed = MadeUpTrainer(lambda trial: 1.0)
    with pytest.raises(error):
        check(fixed, **({"recipe": sgd(0.1)} | arguments))
    assert fixed.trained == []


def test_a_budget_in_seconds_is_kept_where_later_trials_are_slower(monkeypatch):
    clock, taken = [time.perf_counter()], []

    def train(trial):
        taken.append(trial.steps)
        clock[0] += (0.001 if len(taken) == 1 else 0.01) * trial.steps
        return loss_at(trial.recipe.lr.highest, trial.recipe.momentum.highest, trial.steps)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    result = check(FunctionTrainer(train, steps=STEPS, name="slower"), "sgd(lr=0.01, momentum=0.9)", budget="6s")
    assert result.seconds <= 1.2 * 6.0
    assert len(taken) > 5


def test_a_training_of_a_few_steps_has_a_sufficient_default_budget():
    assert check(MadeUpTrainer(lambda trial: 1.0 + trial.recipe.lr.highest, steps=9), sgd(0.1)).trials


def test_momenta_are_not_called_missing_where_the_optimizer_has_none():
    result = check(MadeUpTrainer(lambda trial: 1.0 + 1e-3 * trial.recipe.lr.highest), "adagrad(lr=0.01)", budget="0.7x")
    assert "omenta" not in result.findings[0].why


def test_the_check_stops_with_an_error_where_most_trials_raise_one():
    calls = []

    def train(trial):
        calls.append(trial)
        if len(calls) > 2:
            raise ValueError("no space left")
        return loss_at(trial.recipe.lr.highest, 0.9, trial.steps)

    with pytest.raises(TaskError, match=r"trials failed; the last: .*no space left"):
        check(train, sgd(0.1), steps=STEPS)
