from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surefoot.log_diagnosis.curve_classifier import (
    NO_FAULT,
    CurveClassifier,
    extract_features,
    falls_per_doubling,
    is_adaptive,
    load_classifier,
    log_offset,
)
from surefoot.logs.training_log import Series, TrainingLog


def test_probabilities_are_the_softmax_of_standardised_features():
    classifier = CurveClassifier(
        features=("noise", "fall"),
        centre=np.array([1.0, 0.0]),
        scale=np.array([2.0, 1.0]),
        verdicts=("healthy", "lr_too_low"),
        weights=np.array([[1.0, 0.0], [0.0, 1.0]]),
        bias=np.array([0.0, math.log(3.0)]),
        lr_weights=np.array([1.0, 0.0]),
        lr_bias=0.5,
        min_fault_probability={"lr_too_low": 0.9},
    )
    probabilities = classifier.probabilities({"noise": 3.0, "fall": math.nan})
    assert probabilities["healthy"] == pytest.approx(math.e / (math.e + 3.0))
    assert classifier.lr_doublings({"noise": 3.0}) == pytest.approx(1.5)
    assert classifier.verdict({"healthy": 0.2, "lr_too_low": 0.8}) == "unknown"
    assert classifier.verdict({"healthy": 0.05, "lr_too_low": 0.95}) == "lr_too_low"


def test_the_fitted_classifier_is_complete():
    classifier = load_classifier()
    assert classifier.weights.shape == (len(classifier.verdicts), len(classifier.features))
    assert np.isfinite(classifier.weights).all()
    assert (classifier.scale > 0).all()
    assert {*classifier.min_fault_probability} == {*classifier.verdicts} - {*NO_FAULT}
    assert all(0.0 < each < 1.0 for each in classifier.min_fault_probability.values())


def series(values, steps=None):
    values = np.asarray(values, dtype=np.float64)
    return Series(np.arange(1, len(values) + 1) if steps is None else np.asarray(steps), values)


def decay(count=200, to=0.1, seed=0, noise=0.02):
    steps = np.arange(count)
    return (1 - to) * np.exp(-5 * steps / count) + to + noise * np.random.default_rng(seed).normal(size=count) * to


def test_features_do_not_depend_on_the_unit_of_the_loss():
    one = extract_features(TrainingLog("a", train=series(decay()), valid=series(decay(20, seed=1), range(10, 210, 10))))
    other = extract_features(
        TrainingLog("a", train=series(7 * decay()), valid=series(7 * decay(20, seed=1), range(10, 210, 10)))
    )
    assert one == pytest.approx(other, nan_ok=True, abs=1e-9)


def test_a_curve_twice_as_long_has_the_same_features():
    short, long = (extract_features(TrainingLog("a", train=series(decay(count, noise=0.0)))) for count in (200, 400))
    for name in ("fall", "falls_at_end", "half_way", "nine_tenths_way", "falls_per_doubling", "overshoot"):
        assert short[name] == pytest.approx(long[name], abs=0.05), name


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(8, 60), elements=st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf])))
def test_any_losses_have_finite_features(values):
    features = extract_features(TrainingLog("a", train=series(values)))
    unknown = {name for name, value in features.items() if not math.isfinite(value)}
    assert not unknown & {"fall", "noise", "swing", "spike", "persistence", "falls_per_doubling", "half_way"}
    assert sum(load_classifier().probabilities(features).values()) == pytest.approx(1.0)


def test_features_of_quantities_that_the_log_lacks_are_nan():
    features = extract_features(TrainingLog("a", train=series(decay())))
    assert {name for name, value in features.items() if math.isnan(value)} >= {"rate", "memory", "valid_fall", "gap"}


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("rates", ["constant", "falling"])
def test_the_fall_per_doubling_of_the_distance_is_that_of_the_power_law(power, rates):
    lr = np.full(4000, 0.1) if rates == "constant" else 0.05 * (1 + np.cos(np.pi * np.arange(4000) / 4000))
    losses = np.cumsum(lr) ** -power
    assert falls_per_doubling(series(losses), series(lr), 0.0) == pytest.approx(power * math.log(2), rel=0.06)


def test_negative_losses_are_positive_after_the_offset():
    values = np.array([3.0, 0.0, -2.0])
    assert (values + log_offset(values) > 0).all()


def test_momentum_is_measured_as_memory():
    log = TrainingLog(
        "a", train=series(decay()), lr=series([0.1] * 200), momentum=series([0.75] * 200), names={"lr": "lr-SGD"}
    )
    features = extract_features(log)
    assert features["memory"] == pytest.approx(2.0)
    assert features["effective_rate"] == pytest.approx(math.log2(0.4))
    assert is_adaptive(log.names) == 0.0
