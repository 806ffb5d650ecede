import math

import numpy as np
import pytest

from surefoot.log_diagnosis.curve_classifier import NO_FAULT, CurveClassifier, load_classifier


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
