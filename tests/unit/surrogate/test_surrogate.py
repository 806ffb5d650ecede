"""The surrogate on valleys whose floor is known."""

import math

import numpy as np
import pytest

from surefoot.surrogate.surrogate import (
    MAX_OBSERVATIONS,
    LossScale,
    Observation,
    Surrogate,
    compress_losses,
    realised_momentum_share,
)

FULL = 1000


def valley(u, m, steps):
    """A parabola over u, with its floor at 1, falling with the length."""
    return 0.1 * math.exp(0.1 * (u - 1.0) ** 2 + 0.02 * (m - 2.0) ** 2) * (FULL / steps) ** 0.3


def observations(count, steps=250, seed=0):
    draw = np.random.default_rng(seed)
    points = [(draw.uniform(-3, 5), draw.uniform(0, 3)) for _ in range(count)]
    return [Observation((u, m), steps, valley(u, m, steps)) for u, m in points]


def fitted(found):
    return Surrogate.fit(found, full_steps=FULL, generator=np.random.default_rng(0))


def test_the_best_rate_is_predicted_for_longer_trainings_than_were_tried():
    surrogate = fitted(observations(24))
    rates = np.linspace(-2.0, 4.0, 61)
    means, _ = surrogate.predict(np.column_stack([rates, np.full(61, 2.0)]), FULL)
    assert rates[int(np.argmin(means))] == pytest.approx(1.0, abs=0.7)


def test_predictions_are_close_at_the_trials_and_uncertain_far_from_them():
    found = observations(20)
    surrogate = fitted(found)
    near = np.array([found[0].features])
    far = np.array([[12.0, 2.0]])
    mean, deviation = surrogate.predict(near, 250)
    assert surrogate.scale.loss(float(mean[0])) == pytest.approx(found[0].loss, rel=0.15)
    assert surrogate.predict(far, 250)[1][0] > 1.5 * deviation[0]


def test_a_diverged_trial_counts_as_no_worse_than_the_worst_finite_one():
    best, bad, lost = (Observation((0.0, 0.0), 10, loss) for loss in (1.0, 1e20, math.inf))
    values = compress_losses([best, bad, lost], LossScale(None))
    assert values[0] == 0.0
    assert values[1] >= values[2] > 0.4


def test_without_a_finite_loss_there_is_no_surrogate():
    assert fitted([Observation((0.0, 0.0), 10, math.inf)] * 5) is None


@pytest.mark.parametrize("losses", [[-1.5, -1.2, -0.3], [-3.0, 4.0, 5.0]])
def test_losses_that_are_not_positive_have_a_linear_scale(losses):
    scale = LossScale.of(losses)
    values = [scale.value(loss) for loss in losses]
    assert values == sorted(values)
    assert [scale.loss(value) for value in values] == pytest.approx(losses)


def test_a_loss_of_zero_counts_as_half_the_next():
    scale = LossScale.of([0.0, 0.5, 2.0])
    assert scale.unit is None
    assert scale.loss(scale.value(0.0)) == pytest.approx(0.25)


def test_of_too_many_trials_the_best_and_the_last_are_used():
    found = observations(MAX_OBSERVATIONS + 60)
    kept = fitted(found).observations
    assert len(kept) == MAX_OBSERVATIONS
    assert min(found, key=lambda each: each.loss) in kept
    assert found[-1] in kept


def test_the_realised_share_equals_that_of_the_velocity_step_by_step():
    """v <- b v + 1, averaged over T steps, over its limit 1 / (1 - b)."""
    memory, steps = 20.0, 60
    velocity, total = 0.0, 0.0
    for _ in range(steps):
        velocity = (1.0 - 1.0 / memory) * velocity + 1.0
        total += velocity
    share = float(realised_momentum_share(np.array([memory]), np.array([float(steps)]))[0])
    assert share == pytest.approx(total / steps / memory, abs=0.02)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_loss_does_not_change_predictions(unit):
    """At lengths that were not tried too: on the scale of the losses a unit shifts all values alike."""
    own = observations(8, steps=60)
    found = fitted([Observation(each.features, each.steps, unit * each.loss) for each in own])
    point = np.array([own[0].features])
    mean, deviation = found.predict(point, FULL)
    plain, plain_deviation = fitted(own).predict(point, FULL)
    assert found.scale.loss(float(mean[0])) == pytest.approx(unit * math.exp(float(plain[0])), rel=1e-6)
    assert deviation[0] == pytest.approx(plain_deviation[0], rel=1e-6)
    drawn = found.draws(point, FULL, 400, generator=np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(mean[0], abs=0.3 * max(1.0, deviation[0]))


def test_a_length_of_which_all_diverged_is_as_bad_as_the_worst_of_the_others():
    rows = [Observation((0.0, 0.0), 10, loss) for loss in (0.01, 0.012)] + [Observation((0.0, 0.0), 20, math.inf)]
    values = compress_losses(rows, LossScale(None))
    assert values[2] == max(values[:2]) < 0


def test_the_prediction_error_of_pure_noise_is_the_noise():
    draw = np.random.default_rng(1)
    found = [
        Observation((draw.uniform(-3, 5), draw.uniform(0, 3)), 250, math.exp(0.15 * draw.normal())) for _ in range(40)
    ]
    assert fitted(found).prediction_error == pytest.approx(0.15, rel=0.4)
    assert fitted(found[:3]).prediction_error == fitted(found[:3]).noise


def test_compression_is_undone_in_expected_losses():
    """Far from the best a loss counts little, but the expected loss there is as high as it was measured."""
    found = [*observations(20), *[Observation((9.0 + 0.1 * number, 2.0), 250, 5.0) for number in range(4)]]
    mean, deviation = fitted(found).expected(np.array([[9.2, 2.0]]), 250)
    assert abs(mean - math.log(5.0)) < 2.0 * deviation + 0.5
