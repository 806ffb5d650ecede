import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surefoot.log_diagnosis.curve_classifier import fitted
from surefoot.log_diagnosis.curve_features import adaptive, falls_per_doubling, lift_of, traits_of
from surefoot.logs.curve import Curve, Series


def series(values, steps=None):
    values = np.asarray(values, dtype=np.float64)
    return Series(np.arange(1, len(values) + 1) if steps is None else np.asarray(steps), values)


def decay(count=200, to=0.1, seed=0, noise=0.02):
    steps = np.arange(count)
    return (1 - to) * np.exp(-5 * steps / count) + to + noise * np.random.default_rng(seed).normal(size=count) * to


def test_traits_do_not_hang_on_the_losses_unit():
    one = traits_of(Curve("a", train=series(decay()), valid=series(decay(20, seed=1), range(10, 210, 10))))
    other = traits_of(Curve("a", train=series(7 * decay()), valid=series(7 * decay(20, seed=1), range(10, 210, 10))))
    assert one == pytest.approx(other, nan_ok=True, abs=1e-9)


def test_a_course_twice_as_long_has_the_same_shape():
    short, long = (traits_of(Curve("a", train=series(decay(count, noise=0.0)))) for count in (200, 400))
    for name in ("fall", "falls_at_end", "half_way", "nine_tenths_way", "falls_per_doubling", "overshoot"):
        assert short[name] == pytest.approx(long[name], abs=0.05), name


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(8, 60), elements=st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf])))
def test_any_losses_have_finite_traits_of_their_course(values):
    found = traits_of(Curve("a", train=series(values)))
    unknown = {name for name, value in found.items() if not math.isfinite(value)}
    assert not unknown & {"fall", "noise", "swing", "spike", "persistence", "falls_per_doubling", "half_way"}
    assert sum(fitted().probabilities(found).values()) == pytest.approx(1.0)


def test_what_a_log_does_not_tell_is_nan():
    found = traits_of(Curve("a", train=series(decay())))
    assert {name for name, value in found.items() if math.isnan(value)} >= {"rate", "memory", "valid_fall", "gap"}


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("rates", ["constant", "falling"])
def test_what_a_loss_falls_per_doubling_of_the_way_is_the_power_law_it_follows(power, rates):
    lr = np.full(4000, 0.1) if rates == "constant" else 0.05 * (1 + np.cos(np.pi * np.arange(4000) / 4000))
    losses = np.cumsum(lr) ** -power
    assert falls_per_doubling(series(losses), series(lr), 0.0) == pytest.approx(power * math.log(2), rel=0.06)


def test_losses_below_zero_are_lifted_above_it():
    values = np.array([3.0, 0.0, -2.0])
    assert (values + lift_of(values) > 0).all()


def test_momentum_is_read_as_memory():
    curve = Curve(
        "a", train=series(decay()), lr=series([0.1] * 200), momentum=series([0.75] * 200), names={"lr": "lr-SGD"}
    )
    found = traits_of(curve)
    assert found["memory"] == pytest.approx(2.0)
    assert found["effective_rate"] == pytest.approx(math.log2(0.4))
    assert adaptive(curve.names) == 0.0
