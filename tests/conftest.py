"""A small real result for every test that shows one: trained once for all of them."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Hypothesis draws the same examples in every run, and a busy machine fails no test.
settings.register_profile("surefoot", deadline=None, derandomize=True)
settings.load_profile("surefoot")


@pytest.fixture(scope="session")
def tuned():
    from surefoot.fleet import Plan
    from surefoot.tuning.tune import tune

    return tune("wine", budget="18x", plan=Plan("stacked", 16))


@pytest.fixture(scope="session")
def found():
    from surefoot.fleet import Plan
    from surefoot.tuning.find import find

    return find("wine", momenta=[0.0, 0.9], steps=40, seeds=1, plan=Plan("stacked", 24))


@pytest.fixture(scope="session")
def diverged(tuned):
    """The same tune, had every training diverged."""
    import math
    from dataclasses import replace

    from surefoot.values import Score

    def lost(run):
        return replace(run, valid_loss=math.inf, metric=None, diverged_at=1)

    def broken(found):
        nothing = Score(math.inf, math.inf, math.inf, found.valid.seeds)
        return replace(found, valid=nothing, metric=None, runs=tuple(map(lost, found.runs)))

    return replace(
        tuned,
        contestants=(),
        default=broken(tuned.default),
        default_scheduled=broken(tuned.default_scheduled),
        lr=None,
        momentum=None,
        boundary=(),
        measurements=tuple(map(lost, tuned.measurements)),
    )
