"""Diagnoses of made-up logs whose fault is certain."""

import math

import numpy as np
import pytest

from surefoot.core.errors import LogError
from surefoot.log_diagnosis.diagnose import diagnose, loss_curves
from surefoot.log_diagnosis.findings import fault_finding
from surefoot.logs.training_log import Series, TrainingLog


def series(values, every=1):
    values = np.asarray(values, dtype=np.float64)
    return Series(np.arange(1, len(values) + 1) * every, values)


@pytest.mark.parametrize("step", [0, 7, 30])
def test_losses_that_become_nan_diverged_at_that_step(step):
    losses = np.linspace(2.0, 1.0, 40)
    losses[step:] = math.nan
    found = diagnose(TrainingLog("log", train=series(losses)))
    assert (found.verdict, found.confidence) == ("diverged", 1.0)
    assert found.findings[0].evidence["diverged_at"] == step + 1
    assert str(step + 1) in found.findings[0].why
    assert found.symptoms == ("divergence",)
    # A loss that never was a number says nothing of the learning rate.
    assert ("lr" in found.findings[0].advice) == (step > 0)


def test_a_loss_that_ends_above_its_start_diverged():
    found = diagnose(TrainingLog("log", train=series(np.geomspace(2.0, 200.0, 50)), lr=series([0.4] * 50)))
    assert found.verdict == "diverged"
    assert found.findings[0].advice["lr"] == pytest.approx(0.1)


def test_a_validation_loss_that_rises_above_the_start_of_the_training_loss_is_overfitting():
    epochs = np.arange(1, 13)
    train = series(1.33 * np.exp(-epochs / 3.5))
    valid = series([1.1, 0.9, 0.82, 0.85, 0.9, 0.99, 1.1, 1.2, 1.3, 1.45, 1.55, 1.62])
    found = diagnose(TrainingLog("log", train=train, valid=valid))
    assert (found.verdict, found.findings[0].advice) == ("overfitting", {"steps": 3.0})
    assert "The learning rate is not the first thing to change" in found.findings[0].why
    assert {finding.verdict for finding in found.findings}.isdisjoint({"diverged"})


@pytest.mark.parametrize("rows", [1, 3, 4, 7])
def test_few_rows_are_no_divergence(rows):
    rises = series(np.linspace(1.0, 1.3, rows))
    assert diagnose(TrainingLog("log", train=series(np.linspace(1.0, 0.4, rows)), valid=rises)).verdict == "unknown"
    assert diagnose(TrainingLog("log", train=rises)).verdict == "unknown"
    assert diagnose(TrainingLog("log", valid=rises)).verdict == "unknown"


def test_a_validation_loss_alone_that_fell_and_rose_has_not_diverged():
    found = diagnose(TrainingLog("log", valid=series([*np.linspace(2.0, 0.8, 20), *np.linspace(0.8, 2.5, 20)])))
    assert "diverged" not in {finding.verdict for finding in found.findings}
    assert diagnose(TrainingLog("log", valid=series(np.geomspace(2.0, 50.0, 40)))).verdict == "diverged"


@pytest.mark.parametrize("first", [1, 21])
def test_gradients_of_nan_and_losses_logged_as_0_are_a_breakdown(first):
    losses, norms = np.linspace(2.5, 2.0, 60), np.ones(60)
    losses[first - 1 :], norms[first - 1 :] = 0.0, math.nan
    found = diagnose(TrainingLog("log", train=series(losses), grad_norm=series(norms), lr=series([5e-4] * 60)))
    assert (found.verdict, found.confidence, found.symptoms) == ("diverged", 1.0, ("divergence",))
    assert f"From step {first} on the norm of the gradient is NaN" in found.findings[0].why
    assert ("precision" in found.findings[0].why) == (first == 1) == (not found.findings[0].advice)


def test_a_few_gradients_of_nan_are_no_breakdown():
    losses, norms = 2.0 * np.exp(-np.arange(200) / 50) + 0.1, np.ones(200)
    norms[[3, 90]] = math.nan
    assert diagnose(TrainingLog("log", train=series(losses), grad_norm=series(norms))).verdict != "diverged"


def test_a_validation_loss_of_nan_beside_a_finite_training_loss_is_the_evaluations_fault():
    valid = [1.0, 0.8, math.nan, math.nan]
    losses = 2.0 * np.exp(-np.arange(200) / 50) + 0.1
    found = diagnose(TrainingLog("log", train=series(losses), valid=series(valid, every=50)))
    assert found.verdict != "diverged"
    assert any("check the evaluation" in note for note in found.log.notes)


def test_a_loss_beyond_float32_diverged_where_it_passed_it():
    found = diagnose(TrainingLog("log", train=series([1e308] * 20)))
    assert found.findings[0].evidence == {"diverged_at": 1}
    assert diagnose(TrainingLog("log", train=series(1.5 ** np.arange(300)))).findings[0].evidence["diverged_at"] == 220


def test_the_evidence_has_training_and_validation_losses_apart():
    log = TrainingLog("log", train=series(np.linspace(2.0, 0.5, 400)), valid=series([1.4, 1.2, 1.1], every=130))
    evidence = diagnose(log).findings[0].evidence
    assert evidence["final_loss"] == pytest.approx(0.57, abs=0.01)
    assert evidence["final_valid_loss"] == 1.1


@pytest.mark.parametrize("lost", [math.nan, math.inf, 1e300])
def test_a_loss_that_is_finite_again_has_not_diverged(lost):
    losses = 2.0 * np.exp(-np.arange(400) / 80) + 0.1
    whole = diagnose(TrainingLog("log", train=series(losses), valid=series(losses[::20] + 0.1, every=20)))
    losses[[150, 220]] = lost
    found = diagnose(TrainingLog("log", train=series(losses), valid=series(losses[::20] + 0.1, every=20)))
    assert found.verdict == whole.verdict != "diverged"
    assert "divergence" not in found.symptoms
    assert "2 of 400 values of train are NaN or inf and left out" in found.log.notes


def test_a_rise_below_the_third_digit_is_not_divergence():
    flat = np.full(400, 0.0012)
    flat[-10:] += 1e-7
    assert diagnose(TrainingLog("log", train=series(flat))).verdict == "plateau"


@pytest.mark.parametrize(
    "log",
    [TrainingLog("log"), TrainingLog("log", train=series([])), TrainingLog("log", lr=series([0.1] * 20))],
    ids=str,
)
def test_a_log_without_a_loss_is_refused(log):
    with pytest.raises(LogError, match="no loss"):
        diagnose(log)


@pytest.mark.parametrize("values", [[1.5] * 100, [math.nan] * 100])
def test_impossible_momenta_are_left_out(values):
    falls = 2.3 - 0.1 * np.linspace(0, 1, 100)
    odd, without = (diagnose(TrainingLog("log", train=series(falls), momentum=each)) for each in (series(values), None))
    assert odd.probabilities == without.probabilities
    assert odd.log.momentum is None
    partly = diagnose(TrainingLog("log", train=series(falls), momentum=series([*values[:1], *[0.9] * 99])))
    assert partly.log.momentum.values.tolist() == [0.9] * 99
    assert partly.log.notes == ("1 of 100 values of momentum is out of range and left out",)


@pytest.mark.parametrize(
    ("momentum", "verdict", "advised"),
    [
        (0.9, "momentum_too_high", 0.6),
        (0.0, "momentum_too_low", 0.75),
        (0.0, "momentum_too_high", None),
        (0.99, "momentum_too_low", None),
        (0.995, "momentum_too_low", None),
    ],
)
def test_a_momentum_is_advised_in_the_direction_of_the_verdict_or_not_at_all(momentum, verdict, advised):
    log = TrainingLog("log", train=series(np.geomspace(2.0, 0.5, 100)), momentum=series([momentum] * 100))
    found = fault_finding(log, diagnose(log).findings[0].evidence, verdict, confidence=0.9, lr_doublings=0.0)
    assert found.advice == ({} if advised is None else {"momentum": pytest.approx(advised)})
    assert ("instead of" in found.why) == (advised is not None)


def test_a_log_of_validation_losses_alone_shows_that_they_still_fall():
    assert "slow" in diagnose(TrainingLog("log", valid=series(np.geomspace(2.0, 0.2, 40), every=10))).symptoms


def test_too_few_losses_are_unknown():
    found = diagnose(TrainingLog("log", train=series([2.0, 1.0, 0.5])))
    assert found.verdict == "unknown"
    assert "3 losses" in found.findings[0].why


def test_a_loss_that_never_moves_is_a_plateau_or_a_rate_too_low():
    flat = 2.3 + 1e-4 * np.random.default_rng(0).normal(size=300)
    flat[-40:] -= 1e-3
    assert diagnose(TrainingLog("log", train=series(flat))).verdict in {"plateau", "lr_too_low"}


def test_overfitting_needs_a_validation_loss_that_rises_while_the_training_loss_falls():
    train = series(2.0 * np.exp(-np.arange(400) / 80) + 0.01)
    falls_then_rises = np.concatenate([np.linspace(1.5, 0.5, 10), np.linspace(0.5, 1.2, 10)])
    found = diagnose(TrainingLog("log", train=train, valid=series(falls_then_rises, every=20)))
    assert found.verdict == "overfitting"
    assert found.findings[0].advice["steps"] in {200, 220}
    assert f"at step {found.findings[0].advice['steps']:g}, and rose to 1.20" in found.findings[0].why
    without = diagnose(TrainingLog("log", train=train))
    assert "overfitting" not in {finding.verdict for finding in without.findings}


def test_without_a_logged_rate_the_advice_is_a_factor():
    slow = 2.3 - 0.1 * np.linspace(0, 1, 400) + 0.002 * np.random.default_rng(0).normal(size=400)
    log = TrainingLog("log", train=series(slow), valid=series(slow[::20] + 0.01, every=20), names={"lr": "lr-Adam"})
    known = diagnose(log, lr=1e-4, momentum=0.0)
    assert known.verdict == "lr_too_low"
    assert known.findings[0].advice["lr"] > 2e-4
    unknown = fault_finding(log, known.findings[0].evidence, "lr_too_high", confidence=0.9, lr_doublings=-2.0)
    assert unknown.advice == {"lr": "times 0.25"}


def test_an_unknown_verdict_names_what_the_log_lacks():
    slow = 2.3 - 0.1 * np.linspace(0, 1, 400) + 0.002 * np.random.default_rng(0).normal(size=400)
    found = diagnose(TrainingLog("log", train=series(slow)))
    assert found.verdict == "unknown"
    for missing in ("validation loss", "learning rate", "momentum", "surefoot check"):
        assert missing in found.findings[0].why


@pytest.mark.parametrize("given", [{"lr": -0.1}, {"lr": math.nan}, {"momentum": 1.0}, {"momentum": -0.5}])
def test_constants_out_of_range_are_refused(given):
    with pytest.raises(LogError, match="given"):
        diagnose(TrainingLog("log", train=series(np.ones(20))), **given)


def test_validation_losses_have_the_index_of_their_training_loss():
    log = TrainingLog(
        "log", train=Series(np.array([10, 20, 30]), np.array([3.0, 2.0, 1.0])), valid=series([2.5, 1.5], every=15)
    )
    assert loss_curves(log) == ([3.0, 2.0, 1.0], [(1, 2.5), (3, 1.5)])


def test_rates_of_nan_are_left_out():
    rate = np.full(50, 0.4)
    rate[7] = math.nan
    loud = series(np.geomspace(2.0, 200.0, 50))
    found = diagnose(TrainingLog("log", train=loud, lr=series(rate), momentum=series([math.inf] * 50)))
    assert found.findings[0].advice["lr"] == pytest.approx(0.1)
    assert found.log.momentum is None


def test_the_numbering_of_the_steps_changes_nothing():
    draw = np.random.default_rng(0)
    losses = 2.0 * (1 + 20 * np.linspace(0.0, 1.0, 200)) ** -0.6 + 0.2 + 0.05 * draw.normal(size=200)
    verdicts = [diagnose(TrainingLog("log", train=series(losses, every))) for every in (10, 10**3, 10**9)]
    assert len({found.confidence for found in verdicts}) == 1
    assert verdicts[0].verdict != "lr_too_high"
