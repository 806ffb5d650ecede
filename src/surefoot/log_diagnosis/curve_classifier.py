"""Which fault a curve looks like: what trainings with known faults look like, fitted once and kept as numbers."""

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

# Verdicts under which learning rate and momentum are left alone.
WELL_SET: tuple[Verdict, ...] = ("healthy", "overfitting")
FITTED = Path(__file__).with_name("curve_classifier.json")
# How long a training was and how often it was logged say little of a fault, but real ones are far longer than those
# that were fitted (60 to 600 steps): beyond these, so many standard deviations from the centre, a straight line would
# say more than all else.
SIZES, LARGEST_SIZE = ("length", "points"), 2.1


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A multinomial logistic regression over T traits and V verdicts, and a linear one for the size of the change.

        z = (traits - centre) / scale, 0 where a trait is not known; sizes of the log bounded
        p(verdict) = softmax(weights z + bias)
        octaves = size · z + size_bias

    Attributes:
        traits: Names ``[T]``.
        centre, scale: Of the traits ``[T]``.
        verdicts: ``[V]``.
        weights: ``[V, T]``.
        bias: ``[V]``.
        size: ``[T]``: octaves from the learning rate to the best one at the same momentum.
        size_bias: Scalar.
        sure: Of each fault, how likely any must be before it is named, if it is the likeliest.
    """

    traits: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    verdicts: tuple[Verdict, ...]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    size: NDArray[np.float64]
    size_bias: float
    sure: Mapping[Verdict, float]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Likeness:
        """Return that of the numbers as they are kept."""
        arrays = {name: np.array(data[name]) for name in ("centre", "scale", "weights", "bias", "size")}
        return cls(
            traits=tuple(data["traits"]),
            verdicts=tuple(data["verdicts"]),
            size_bias=data["size_bias"],
            sure=data.get("sure", {}),
            **arrays,
        )

    def probabilities(self, traits: Mapping[str, float]) -> dict[Verdict, float]:
        """Return how likely each verdict is; they sum to 1."""
        scores = self.weights @ self.standard(traits) + self.bias
        shares = np.exp(scores - scores.max())
        return dict(zip(self.verdicts, (shares / shares.sum()).tolist(), strict=True))

    def verdict(self, probabilities: Mapping[Verdict, float]) -> Verdict:
        """Return the likeliest verdict; ``unknown`` where that is a fault, but whether there is any is not sure."""
        likeliest = max(probabilities, key=lambda each: probabilities[each])
        fault = 1.0 - sum(probabilities.get(each, 0.0) for each in WELL_SET)
        return likeliest if fault >= self.sure.get(likeliest, 0.0) else "unknown"

    def octaves(self, traits: Mapping[str, float]) -> float:
        """Return by how many factors of 2 the learning rate should be raised, below 0 lowered."""
        return float(self.size @ self.standard(traits) + self.size_bias)

    def standard(self, traits: Mapping[str, float]) -> NDArray[np.float64]:
        """Return traits in units of how much they vary, ``[T]``."""
        found = np.array([traits.get(name, math.nan) for name in self.traits])
        known = np.isfinite(found)
        standard = np.where(known, (np.where(known, found, 0.0) - self.centre) / self.scale, 0.0)
        sizes = np.isin(self.traits, SIZES)
        return np.where(sizes, np.clip(standard, -LARGEST_SIZE, LARGEST_SIZE), standard)


@cache
def fitted() -> Likeness:
    """Return what ``benchmarks/diagnosis/fit.py`` fitted, on training tasks and tasks drawn at random."""
    return Likeness.of(json.loads(FITTED.read_text()))
