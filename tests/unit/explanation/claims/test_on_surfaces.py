"""Claims that are tested on a surface, against closed forms."""

import numpy as np
import pytest
import torch

from surefoot.explanation.claims.on_surfaces import (
    DESCENT_STEPS,
    ESCAPE_RATES,
    why_no_ravine,
    why_no_shallow_minimum,
)
from surefoot.explanation.explain import explain
from surefoot.surfaces import SURFACES, surface_named


def path_length(lr, momentum):
    """Return the length of the heavy ball's path on y² / 2, from 1, by its recurrence."""
    y, velocity, length = 1.0, 0.0, 0.0
    for _ in range(DESCENT_STEPS):
        velocity = momentum * velocity + y
        length += abs(lr * velocity)
        y -= lr * velocity
    return length


@pytest.mark.parametrize(("condition", "verdict"), [(3, "does not hold here"), (20, "holds"), (200, "holds")])
def test_the_path_across_a_ravine_is_that_of_the_recurrence(condition, verdict):
    (claim,) = explain(surface_named("ravine", condition=condition), claims=["momentum-damps"], seeds=3).claims
    fastest = 2 / (1 + 1 / condition)
    ratio = path_length(fastest, 0.0) / path_length(0.1 * fastest, 0.9)
    estimate = claim.effects[0].estimate
    # The ravine is linear: the start makes no difference.
    assert (estimate.low, estimate.mean, estimate.high) == pytest.approx((ratio,) * 3, rel=1e-6)
    assert claim.estimates[0].mean == pytest.approx(path_length(fastest, 0.0) / path_length(fastest, 0.9), rel=1e-6)
    assert claim.verdict == verdict


def ends_in_the_deep_well(lr, momentum, start):
    x, velocity = start, 0.0
    for _ in range(DESCENT_STEPS):
        velocity = momentum * velocity + x**3 - x + 0.2
        x -= lr * velocity
        if not abs(x) < 1e6:
            return False
    return x < 0.3


def test_the_rates_that_escape_are_those_of_the_recurrence():
    (claim,) = explain(surface_named("double-well"), claims=["momentum-escapes"], seeds=2).claims
    well = surface_named("double-well")
    shallow, edge = well.minima[1][0], well.box[0][1]
    counts = []
    for momentum in (0.0, 0.9):
        logs = []
        for seed in (0, 1):
            share = float(torch.rand(1, generator=torch.Generator().manual_seed(seed)))
            start = shallow + (0.3 + 0.6 * share) * (edge - shallow)
            logs.append(np.log(0.5 + sum(ends_in_the_deep_well(lr, momentum, start) for lr in ESCAPE_RATES)))
        counts.append(np.exp(np.mean(logs)))
    assert [estimate.mean for estimate in claim.estimates] == pytest.approx(counts)
    assert counts[1] > 5 * counts[0]


@pytest.mark.parametrize("name", SURFACES)
def test_only_the_ravine_and_the_double_well_suit_these_claims(name):
    surface = surface_named(name)
    assert (why_no_ravine(surface) is None) == (name == "ravine")
    assert (why_no_shallow_minimum(surface) is None) == (name == "double-well")
