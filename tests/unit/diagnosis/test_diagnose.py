"""Logs whose fault is beyond doubt."""

import math

import numpy as np
import pytest

from surefoot.core.errors import LogError
from surefoot.log_diagnosis.curve_classifier import FITTED, WELL_SET, Likeness, fitted
from surefoot.log_diagnosis.diagnose import course_of, diagnose
from surefoot.log_diagnosis.findings import of_a_fault
from surefoot.logs.curve import Curve, Series


def series(values, every=1):
    values = np.asarray(values, dtype=np.float64)
    return Series(np.arange(1, len(values) + 1) * every, values)


@pytest.mark.parametrize("step", [0, 7, 30])
def test_losses_that_leave_the_numbers_diverged_at_that_step(step):
    losses = np.linspace(2.0, 1.0, 40)
    losses[step:] = math.nan
    found = diagnose(Curve("log", train=series(losses)))
    assert (found.verdict, found.confidence) == ("diverged", 1.0)
    assert found.findings[0].evidence["diverged_at"] == step + 1
    assert str(step + 1) in found.findings[0].why
    assert found.symptoms == ("divergence",)
    # A loss that never was a number says nothing of the learning rate.
    assert ("lr" in found.findings[0].advice) == (step > 0)


def test_a_loss_that_ends_above_its_start_diverged():
    found = diagnose(Curve("log", train=series(np.geomspace(2.0, 200.0, 50)), lr=series([0.4] * 50)))
    assert found.verdict == "diverged"
    assert found.findings[0].advice["lr"] == pytest.approx(0.1)


def test_a_loss_beyond_float32_diverged_where_it_passed_it():
    found = diagnose(Curve("log", train=series([1e308] * 20)))
    assert found.findings[0].evidence == {"diverged_at": 1}
    assert diagnose(Curve("log", train=series(1.5 ** np.arange(300)))).findings[0].evidence["diverged_at"] == 220


def test_a_course_is_told_of_one_loss():
    curve = Curve("log", train=series(np.linspace(2.0, 0.5, 400)), valid=series([1.4, 1.2, 1.1], every=130))
    evidence = diagnose(curve).findings[0].evidence
    assert evidence["final_loss"] == pytest.approx(0.57, abs=0.01)
    assert evidence["final_valid_loss"] == 1.1


@pytest.mark.parametrize("lost", [math.nan, math.inf, 1e300])
def test_a_loss_that_is_a_number_again_has_not_diverged(lost):
    losses = 2.0 * np.exp(-np.arange(400) / 80) + 0.1
    whole = diagnose(Curve("log", train=series(losses), valid=series(losses[::20] + 0.1, every=20)))
    losses[[150, 220]] = lost
    found = diagnose(Curve("log", train=series(losses), valid=series(losses[::20] + 0.1, every=20)))
    assert found.verdict == whole.verdict != "diverged"
    assert "divergence" not in found.symptoms
    assert "2 of 400 values of train are no number and left out" in found.curve.notes


def test_a_rise_that_no_digit_shows_is_no_divergence():
    flat = np.full(400, 0.0012)
    flat[-10:] += 1e-7
    assert diagnose(Curve("log", train=series(flat))).verdict == "plateau"


@pytest.mark.parametrize(
    "curve", [Curve("log"), Curve("log", train=series([])), Curve("log", lr=series([0.1] * 20))], ids=str
)
def test_a_curve_without_a_loss_is_refused(curve):
    with pytest.raises(LogError, match="no loss"):
        diagnose(curve)


@pytest.mark.parametrize("values", [[1.5] * 100, [math.nan] * 100])
def test_what_cannot_be_a_momentum_is_none(values):
    falls = 2.3 - 0.1 * np.linspace(0, 1, 100)
    odd, without = (diagnose(Curve("log", train=series(falls), momentum=each)) for each in (series(values), None))
    assert odd.probabilities == without.probabilities
    assert odd.curve.momentum is None
    partly = diagnose(Curve("log", train=series(falls), momentum=series([*values[:1], *[0.9] * 99])))
    assert partly.curve.momentum.values.tolist() == [0.9] * 99
    assert partly.curve.notes == ("1 of 100 values of momentum is out of range and left out",)


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
def test_momentum_is_advised_in_the_direction_of_the_verdict_or_not_at_all(momentum, verdict, advised):
    curve = Curve("log", train=series(np.geomspace(2.0, 0.5, 100)), momentum=series([momentum] * 100))
    found = of_a_fault(curve, diagnose(curve).findings[0].evidence, verdict, 0.9, 0.0)
    assert found.advice == ({} if advised is None else {"momentum": pytest.approx(advised)})
    assert ("instead of" in found.why) == (advised is not None)


def test_a_log_of_validation_losses_alone_shows_that_they_still_fall():
    assert "slow" in diagnose(Curve("log", valid=series(np.geomspace(2.0, 0.2, 40), every=10))).symptoms


def test_few_losses_tell_nothing_and_it_says_so():
    found = diagnose(Curve("log", train=series([2.0, 1.0, 0.5])))
    assert found.verdict == "unknown"
    assert "3 losses" in found.findings[0].why


def test_a_loss_that_never_moves_is_a_plateau_or_a_rate_too_low():
    flat = 2.3 + 1e-4 * np.random.default_rng(0).normal(size=300)
    flat[-40:] -= 1e-3
    assert diagnose(Curve("log", train=series(flat))).verdict in {"plateau", "lr_too_low"}


def test_overfitting_needs_a_validation_loss_that_rises_while_the_training_loss_falls():
    train = series(2.0 * np.exp(-np.arange(400) / 80) + 0.01)
    falls_then_rises = np.concatenate([np.linspace(1.5, 0.5, 10), np.linspace(0.5, 1.2, 10)])
    found = diagnose(Curve("log", train=train, valid=series(falls_then_rises, every=20)))
    assert "overfitting" in {finding.verdict for finding in found.findings}
    step = int(
        next(each for each in found.findings if each.verdict == "overfitting").why.split("at step ")[1].split(",")[0]
    )
    assert step in {200, 220}
    without = diagnose(Curve("log", train=train))
    assert "overfitting" not in {finding.verdict for finding in without.findings}


def test_advice_has_a_size_even_where_the_rate_is_not_known():
    slow = 2.3 - 0.1 * np.linspace(0, 1, 400) + 0.002 * np.random.default_rng(0).normal(size=400)
    curve = Curve("log", train=series(slow), valid=series(slow[::20] + 0.01, every=20), names={"lr": "lr-Adam"})
    known = diagnose(curve, lr=1e-4, momentum=0.0)
    assert known.verdict == "lr_too_low"
    assert known.findings[0].advice["lr"] > 2e-4
    unknown = of_a_fault(curve, known.findings[0].evidence, "lr_too_high", 0.9, -2.0)
    assert unknown.advice == {"lr": "times 0.25"}


def test_what_the_log_lacks_is_named_where_it_does_not_tell():
    slow = 2.3 - 0.1 * np.linspace(0, 1, 400) + 0.002 * np.random.default_rng(0).normal(size=400)
    found = diagnose(Curve("log", train=series(slow)))
    assert found.verdict == "unknown"
    for missing in ("validation loss", "learning rate", "momentum", "surefoot check"):
        assert missing in found.findings[0].why


@pytest.mark.parametrize("given", [{"lr": -0.1}, {"lr": math.nan}, {"momentum": 1.0}, {"momentum": -0.5}])
def test_constants_out_of_range_are_refused(given):
    with pytest.raises(LogError, match="given"):
        diagnose(Curve("log", train=series(np.ones(20))), **given)


def test_validation_losses_find_their_place_among_training_losses_that_are_logged_seldom():
    curve = Curve(
        "log", train=Series(np.array([10, 20, 30]), np.array([3.0, 2.0, 1.0])), valid=series([2.5, 1.5], every=15)
    )
    assert course_of(curve) == ([3.0, 2.0, 1.0], [(1, 2.5), (3, 1.5)])


def test_rates_that_are_no_numbers_are_left_out():
    rate = np.full(50, 0.4)
    rate[7] = math.nan
    loud = series(np.geomspace(2.0, 200.0, 50))
    found = diagnose(Curve("log", train=loud, lr=series(rate), momentum=series([math.inf] * 50)))
    assert found.findings[0].advice["lr"] == pytest.approx(0.1)
    assert found.curve.momentum is None


def test_how_steps_are_numbered_is_no_fault():
    draw = np.random.default_rng(0)
    losses = 2.0 * (1 + 20 * np.linspace(0.0, 1.0, 200)) ** -0.6 + 0.2 + 0.05 * draw.normal(size=200)
    verdicts = [diagnose(Curve("log", train=series(losses, every))) for every in (10, 10**3, 10**9)]
    assert len({found.confidence for found in verdicts}) == 1
    assert verdicts[0].verdict != "lr_too_high"


def test_probabilities_are_a_softmax_of_standardised_traits():
    judge = Likeness(
        traits=("noise", "fall"),
        centre=np.array([1.0, 0.0]),
        scale=np.array([2.0, 1.0]),
        verdicts=("healthy", "lr_too_low"),
        weights=np.array([[1.0, 0.0], [0.0, 1.0]]),
        bias=np.array([0.0, math.log(3.0)]),
        size=np.array([1.0, 0.0]),
        size_bias=0.5,
        sure={"lr_too_low": 0.9},
    )
    found = judge.probabilities({"noise": 3.0, "fall": math.nan})
    assert found["healthy"] == pytest.approx(math.e / (math.e + 3.0))
    assert judge.octaves({"noise": 3.0}) == pytest.approx(1.5)
    assert judge.verdict({"healthy": 0.2, "lr_too_low": 0.8}) == "unknown"
    assert judge.verdict({"healthy": 0.05, "lr_too_low": 0.95}) == "lr_too_low"


def test_what_was_fitted_has_all_its_numbers():
    judge = fitted()
    assert FITTED.exists()
    assert judge.weights.shape == (len(judge.verdicts), len(judge.traits))
    assert np.isfinite(judge.weights).all()
    assert (judge.scale > 0).all()
    assert {*judge.sure} == {*judge.verdicts} - {*WELL_SET}
    assert all(0.0 < sure < 1.0 for sure in judge.sure.values())
