"""Verdicts on outcomes whose truth is known."""

import math
import time

import pytest
from tests.unit.checking.valley import STEPS, Fixed, loss_at, trainer

from surefoot.checking.check import check
from surefoot.checking.evidence import CheckTrial, Evidence
from surefoot.checking.judgement import judge
from surefoot.checking.neighbourhood import Neighbourhood
from surefoot.checking.rounds import auto_trainings
from surefoot.core.errors import BudgetError, RecipeError, TaskError
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Curve, Outcome


def sgd(lr, momentum=0.9):
    return f"sgd(lr={lr}, momentum={momentum})"


@pytest.mark.parametrize(
    ("lr", "verdict"), [(0.0002, "lr_too_low"), (0.005, "lr_too_low"), (0.8, "lr_too_high"), (40.0, "diverged")]
)
@pytest.mark.parametrize("seed", range(3))
def test_the_learning_rate_is_blamed_in_the_right_direction(lr, verdict, seed):
    result = check(trainer(noise=0.03), sgd(lr), seed=seed)
    assert result.verdict == verdict
    better = result.advice.lr.highest
    assert abs(math.log(better / 0.1)) < abs(math.log(lr / 0.1))
    assert result.stake > 0.05
    assert result.findings[0].advice == {"lr": better}


def test_a_momentum_is_blamed_where_no_learning_rate_recovers_what_it_costs():
    def loss(trial):
        recipe = trial.recipe
        memory, rate = -math.log1p(-recipe.momentum.highest), math.log(recipe.lr.highest)
        return 0.2 * math.exp(0.15 * (memory - math.log(10)) ** 2 + 0.08 * rate**2)

    result = check(Fixed(loss), sgd(1.0, 0.0), budget="6x")
    assert result.verdict == "momentum_too_low"
    assert result.advice.momentum.highest > 0.5


def test_the_best_setting_is_healthy_where_seeds_agree():
    result = check(trainer(noise=0.01, bend=0.3), sgd(0.1), budget="8x")
    assert result.verdict == "healthy"
    assert result.confidence >= 0.9
    assert result.advice == result.recipe
    assert result.stake == 0.0
    assert max(trial.steps for trial in result.trials if trial.setting == result.own) == STEPS


def test_where_the_budget_is_short_of_a_verdict_it_is_unknown_and_says_what_would_settle_it():
    result = check(trainer(noise=0.1), sgd(0.1), budget="0.7x")
    assert result.verdict == "unknown"
    assert "x would settle it" in result.findings[0].why or "x would do it" in result.findings[0].why


def test_a_loss_that_hardly_falls_is_too_low_and_no_divergence():
    """A fine-tuning at a rate so low that all ends at ln 3, and a hundredth of it as well."""

    def loss(trial):
        learnt = min(1.0, trial.recipe.lr.highest * trial.steps / 0.5)
        return math.log(3.0) * (1.0 - 0.8 * learnt) * (1.0 + 0.002 * math.sin(1e5 * trial.recipe.lr.highest))

    result = check(Fixed(loss), "adamw(lr=linear(5e-5, warmup=30), weight_decay=0.01)")
    assert result.verdict == "lr_too_low"
    assert result.advice.lr.highest > 5e-5


def test_the_winner_of_a_short_trial_that_fails_later_does_not_end_the_check():
    """From 40 times the best rate on a short trial ends lowest of all and a longer one in ruins."""

    def loss(trial):
        rate = math.log(trial.recipe.lr.highest / 0.5)
        ruined = trial.recipe.lr.highest > 20.0
        if ruined:
            return 0.001 if trial.steps < 64 else 9.0
        return 0.2 * math.exp(min(0.08 * rate**2, 2.0))

    result = check(Fixed(loss), sgd(0.004), budget="4x")
    assert result.verdict == "lr_too_low"
    assert result.advice.lr.highest < 20.0
    advised = [trial for trial in result.trials if trial.setting == result.advised]
    assert advised
    assert not any(trial.diverged for trial in advised)


@pytest.mark.parametrize("seed", range(3))
def test_a_change_is_compared_as_far_as_the_budget_allows_before_it_is_advised(seed):
    """Somewhat higher rates end lower in every trial but those in full, in which they overfit."""

    def loss(trial):
        octaves = math.log2(trial.recipe.lr.highest / 0.1)
        valley = 0.05 * (octaves - 2.5) ** 2 if trial.steps < STEPS else 0.1 * octaves**2
        return 0.5 * math.exp(min(valley, 2.0))

    result = check(Fixed(loss), sgd(0.1), budget="6x", seed=seed)
    in_full = {trial.setting.lr for trial in result.trials if trial.steps == STEPS}
    assert max(in_full) > 0.1, "a higher rate was followed to its end"
    assert result.verdict != "lr_too_low"
    assert result.advice == result.recipe


def test_shorter_trials_advise_nothing_in_a_direction_that_a_longer_one_refuted():
    """Higher rates end lower in the shortest trials alone; without the longer one they are advised."""
    evidence = Evidence(Neighbourhood(Recipe.parse(sgd(0.1))), STEPS)
    short = {-4: 1.2, -2: 0.9, 0: 0.7, 1: 0.5, 2: 0.4, 3: 0.35, 4: 0.4}
    setting = evidence.neighbourhood.rate
    evidence.trials = [CheckTrial(setting(octave), STEPS // 8, 0, loss) for octave, loss in short.items()]
    before = judge(evidence, tried_only=True)
    assert before.verdict == "lr_too_low"
    evidence.trials += [CheckTrial(setting(octave), STEPS // 4, 0, loss) for octave, loss in ((0, 0.4), (3, 0.41))]
    after = judge(evidence, tried_only=True)
    assert after.verdict != "lr_too_low"
    assert after.chosen is None


def test_a_loss_that_rises_first_and_ends_below_is_no_divergence():
    def outcome(trial):
        rate = math.log(trial.recipe.lr.highest / 0.1)
        end = 0.2 * math.exp(min(0.1 * rate**2, 2.0))
        steps = tuple(trial.steps * part // 4 for part in (1, 2, 3, 4))
        return Outcome(end, train=Curve(steps, (0.5, 5.0, 2.0, end)), valid=Curve(steps[:3], (0.6, 6.0, 2.0)))

    assert check(Fixed(outcome), sgd(0.4)).verdict != "diverged"


def test_what_ends_above_the_loss_before_training_has_diverged_though_it_is_finite():
    def outcome(trial):
        lr = trial.recipe.lr.highest
        end = 2.3 - 2.0 * math.exp(-0.1 * math.log(lr / 0.05) ** 2) if lr < 1.0 else 5.0 + lr
        return Outcome(end, train=Curve((trial.steps,), (end,)), valid=Curve((1,), (max(end, 2.4),)))

    result = check(Fixed(outcome), sgd(6.0), budget="4x")
    assert result.verdict == "diverged"
    assert result.advice.lr.highest < 1.0
    assert "above the 2.30 that it begins at" in result.findings[0].why


def test_noise_that_is_learnt_by_heart_is_no_divergence():
    """The training loss falls to nothing, the validation loss above where it began."""

    def outcome(trial):
        lr = trial.recipe.lr.highest
        fitted = min(1.0, lr * trial.steps / 10.0)
        rows = tuple(range(1, trial.steps + 1))
        train = Curve(rows, tuple(0.7 - 0.69 * fitted * row / trial.steps for row in rows))
        valid = tuple(0.7 + fitted * row / trial.steps for row in rows)
        return Outcome(valid[-1], train=train, valid=Curve(rows[:-1], valid[:-1]))

    result = check(Fixed(outcome), sgd(0.1), budget="4x")
    assert result.verdict in ("overfitting", "lr_too_high")
    overfits = next(finding for finding in result.findings if finding.verdict == "overfitting")
    assert overfits.advice["steps"] < 30


def test_a_short_trial_that_has_memorised_its_data_is_no_reason_to_raise_the_rate():
    """With a fixed rate times steps everything is as it is; past what is memorised the validation loss only rises."""

    def outcome(trial):
        gone = trial.recipe.lr.highest * trial.steps / 25.6
        train, excess = 2.3 * math.exp(-4.0 * gone), 0.1 * max(gone - 1.0, 0.0)
        return Outcome(0.6 + 0.7 * train + excess, train=Curve((trial.steps,), (train,)))

    result = check(Fixed(outcome), sgd(0.1))
    assert max(trial.setting.lr for trial in result.trials) > 0.1
    shortest = {trial.setting.lr: trial.loss for trial in result.trials if trial.steps == 32}
    assert min(shortest, key=shortest.get) > 0.1, "short trials ask for a higher rate"
    assert result.verdict in ("healthy", "unknown")
    assert check(Fixed(outcome), sgd(0.001)).verdict == "lr_too_low"


def test_where_all_rates_above_end_alike_lower_ones_are_tried_before_it_is_called_a_plateau():
    def loss(trial):
        lr = trial.recipe.lr.highest
        return 1.0 if lr > 0.01 else min(1.0, 0.5 + 0.25 * abs(math.log10(lr / 0.001)))

    result = check(Fixed(loss), sgd(1.0))
    assert result.verdict == "lr_too_high"
    assert result.advice.lr.highest < 0.01


def test_no_change_is_made_to_what_ends_above_the_loss_before_training():
    """The recipe and what lies near it diverge slowly; a rate that is far lower learns."""

    def loss(trial):
        lr = trial.recipe.lr.highest
        return 2.4 + lr if lr > 0.2 else 2.3 - 2.0 * math.exp(-0.1 * math.log(lr / 0.02) ** 2)

    result = check(Fixed(loss), sgd(8.0), budget="4x")
    assert result.verdict == "diverged"
    assert result.advice.lr.highest < 0.2


def test_the_longer_of_two_comparisons_is_run_where_there_is_no_money_for_both():
    result = check(trainer(noise=0.05), sgd(0.02), budget="2x")
    lengths = {trial.steps for trial in result.trials}
    assert lengths == {32, 128}
    assert result.config_steps <= 2 * STEPS


def test_a_model_that_learns_nothing_is_a_plateau():
    result = check(Fixed(lambda trial: 1.0), sgd(0.1))
    assert result.verdict == "plateau"
    assert result.advice == result.recipe


def test_where_nothing_ends_it_has_diverged_and_nothing_is_advised():
    result = check(Fixed(lambda trial: Outcome(math.inf, diverged_at=0)), sgd(0.1))
    assert (result.verdict, result.advice) == ("diverged", result.recipe)
    assert result.curvature is None


def test_losses_below_zero_are_judged_by_their_own_size():
    def loss(trial):
        return -3.0 + 0.5 * math.log(trial.recipe.lr.highest / (1 - trial.recipe.momentum.highest)) ** 2 / 2.0

    result = check(Fixed(loss), sgd(0.001), budget="4x")
    assert result.verdict == "lr_too_low"
    assert 0.0 < result.stake <= 1.0


@pytest.mark.parametrize("steps", [60, 220, 1000, 4000])
def test_the_default_costs_what_it_may_and_says_so_first(steps):
    said = []

    class Listener:
        def begin(self, *, config_steps, done=0):
            self.ceiling = config_steps

        def stage(self, name, *, config_steps):
            pass

        def advance(self, config_steps):
            pass

        def best(self, recipe, loss):
            pass

        def tell(self, line):
            said.append(line)

    def loss(trial):
        return 0.2 * math.exp(0.1 * math.log(trial.recipe.lr.highest / 0.1) ** 2)

    listener, fixed = Listener(), Fixed(loss, steps=steps)
    result = check(fixed, sgd(0.05), progress=listener)
    assert sum(trial.steps for trial in fixed.trained) == result.config_steps <= listener.ceiling
    assert result.config_steps <= auto_trainings(steps) * steps
    assert said[0].startswith(f"at most {listener.ceiling:,} config-steps")
    if steps == 4000:
        assert listener.ceiling <= 0.5 * steps
        assert all(trial.steps < steps for trial in fixed.trained)


def test_schedules_are_kept_and_scaled_and_all_else_stays():
    seen = []

    def loss(trial):
        seen.append(trial.recipe)
        return abs(math.log(trial.recipe.lr.highest)) + 1.0

    check(Fixed(loss), "sgd(lr=cosine(0.01, warmup=10%), momentum=0.9, weight_decay=0.001, clip=1)")
    assert len(seen) > 5
    assert all("warmup=10%" in str(recipe) and "weight_decay=0.001" in str(recipe) for recipe in seen)
    assert {recipe.clip for recipe in seen} == {1.0}


def test_a_momentum_with_a_schedule_of_its_own_is_left_alone():
    seen = set()

    def loss(trial):
        seen.add(str(trial.recipe.schedule("momentum")))
        return abs(math.log(trial.recipe.lr.highest)) + 1.0

    check(Fixed(loss), "sgd(lr=0.1, momentum=linear(0.95, final=0.85))")
    assert len(seen) == 1


def test_a_function_needs_a_length():
    with pytest.raises(TaskError, match="pass steps"):
        check(lambda trial: 1.0, sgd(0.1))
    assert check(lambda trial: 1.0, sgd(0.1), steps=64).steps == 64


def test_a_recipe_whose_own_trial_raises_is_no_divergence():
    def broken(trial):
        raise ValueError("no such column")

    with pytest.raises(TaskError, match="no such column"):
        check(broken, sgd(0.1), steps=64)


@pytest.mark.parametrize(("budget", "trainings"), [("10s", 10.0), ("128s", 128.0)])
def test_a_budget_in_seconds_is_timed_by_the_first_trial(budget, trainings):
    paced = Fixed(lambda trial: Outcome(1.0, seconds=trial.steps / STEPS))  # a second a training
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
def test_what_cannot_be_checked_is_refused_before_any_trial(arguments, error):
    fixed = Fixed(lambda trial: 1.0)
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
    found = check(FunctionTrainer(train, steps=STEPS, name="slower"), "sgd(lr=0.01, momentum=0.9)", budget="6s")
    assert found.seconds <= 1.2 * 6.0
    assert len(taken) > 5


def test_a_training_of_a_few_steps_has_a_default_budget_that_buys_something():
    assert check(Fixed(lambda trial: 1.0 + trial.recipe.lr.highest, steps=9), sgd(0.1)).trials


def test_a_fleet_of_the_user_s_own_follows_the_validation_loss_as_ours_does():
    task = load("wine", steps=40)
    plan = Plan("serial", 1)  # that says nothing of the time of a step
    own, ours = (check(each, sgd(0.01), budget="1x") for each in (FleetTrainer(task, plan), task))
    assert own.own_training.valid.steps
    assert own.own_training.valid.steps == ours.own_training.valid.steps
    assert check(task, sgd(0.01), budget="20s", plan=plan).trials


def test_a_momentum_that_cannot_be_changed_is_not_said_to_be_missing():
    found = check(Fixed(lambda trial: 1.0 + 1e-3 * trial.recipe.lr.highest), "adagrad(lr=0.01)", budget="0.7x")
    assert "omenta" not in found.findings[0].why


def test_where_most_trials_fail_nothing_is_judged():
    calls = []

    def train(trial):
        calls.append(trial)
        if len(calls) > 2:
            raise ValueError("no space left")
        return loss_at(trial.recipe.lr.highest, 0.9, trial.steps)

    with pytest.raises(TaskError, match=r"trials failed; the last: .*no space left"):
        check(train, sgd(0.1), steps=STEPS)
