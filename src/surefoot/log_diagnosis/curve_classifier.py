"""A classifier of loss curves, fitted to trainings with known faults; its weights are in a file next to this module."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.core.finding import Verdict

# Verdicts under which learning rate and momentum are right.
NO_FAULT: tuple[Verdict, ...] = ("healthy", "overfitting")
WEIGHTS_PATH = Path(__file__).with_name("curve_classifier.json")
# Features that say how long a training was and how often it was logged, and how many standard deviations from the
# centre they count at most. They say little about faults, and real trainings are far longer than the fitted ones (60 to
# 600 steps): without a bound the linear model would let them outweigh all else.
LENGTH_FEATURES, MAX_LENGTH_FEATURE = ("length", "points"), 2.1


@dataclass(frozen=True, slots=True, eq=False)
class CurveClassifier:
    """A multinomial logistic regression over F features and V verdicts, and a linear regression for the learning rate.

        z = (features - centre) / scale; 0 where a feature is unknown, and bounded for those of the length
        p(verdict) = softmax(weights z + bias)
        doublings = lr_weights · z + lr_bias

    Attributes:
        features: Names of the features, ``[F]``.
        centre, scale: Mean and standard deviation of the features, ``[F]``.
        verdicts: The verdicts, ``[V]``.
        weights: Weights of the classifier, ``[V, F]``.
        bias: Bias of the classifier, ``[V]``.
        lr_weights: Weights of the regression, ``[F]``: doublings from the learning rate to the best one at the same
            momentum.
        lr_bias: Bias of the regression.
        min_fault_probability: For each fault, how probable any fault must be before this one is named.
    """

    features: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    verdicts: tuple[Verdict, ...]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    lr_weights: NDArray[np.float64]
    lr_bias: float
    min_fault_probability: Mapping[Verdict, float]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CurveClassifier:
        """Return the classifier with these weights, as ``benchmarks/diagnosis/fit.py`` writes them."""
        return cls(
            features=tuple(data["traits"]),
            centre=np.array(data["centre"]),
            scale=np.array(data["scale"]),
            verdicts=tuple(data["verdicts"]),
            weights=np.array(data["weights"]),
            bias=np.array(data["bias"]),
            lr_weights=np.array(data["size"]),
            lr_bias=data["size_bias"],
            min_fault_probability=data.get("sure", {}),
        )

    def probabilities(self, features: Mapping[str, float]) -> dict[Verdict, float]:
        """Return the probability of each verdict; they sum to 1."""
        scores = self.weights @ self.standardise(features) + self.bias
        shares = np.exp(scores - scores.max())
        return dict(zip(self.verdicts, (shares / shares.sum()).tolist(), strict=True))

    def verdict(self, probabilities: Mapping[Verdict, float]) -> Verdict:
        """Return the most probable verdict; ``unknown`` where that is a fault, but any fault is not probable enough."""
        likeliest = max(probabilities, key=lambda each: probabilities[each])
        any_fault = 1.0 - sum(probabilities.get(each, 0.0) for each in NO_FAULT)
        return likeliest if any_fault >= self.min_fault_probability.get(likeliest, 0.0) else "unknown"

    def lr_doublings(self, features: Mapping[str, float]) -> float:
        """Return how many times the learning rate should be doubled; halved where it is negative."""
        return float(self.lr_weights @ self.standardise(features) + self.lr_bias)

    def standardise(self, features: Mapping[str, float]) -> NDArray[np.float64]:
        """Return features in standard deviations from their mean, ``[F]``; 0 for those that are unknown."""
        values = np.array([features.get(name, math.nan) for name in self.features])
        is_known = np.isfinite(values)
        standard = np.where(is_known, (np.where(is_known, values, 0.0) - self.centre) / self.scale, 0.0)
        bounded = np.clip(standard, -MAX_LENGTH_FEATURE, MAX_LENGTH_FEATURE)
        return np.where(np.isin(self.features, LENGTH_FEATURES), bounded, standard)


@cache
def load_classifier() -> CurveClassifier:
    """Return the classifier that ``benchmarks/diagnosis/fit.py`` fitted to benchmark tasks and random tasks."""
    return CurveClassifier.from_json(json.loads(WEIGHTS_PATH.read_text()))
