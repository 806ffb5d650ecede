import math

import numpy as np
import pytest

from surefoot.core.finding_and_symptoms import count_spikes, find_symptoms, overfits, still_falls

CALM = (0.1 + 2.0 * np.exp(-np.arange(200) / 20)).tolist()
FLAT = [(0, 2.0), (50, 0.3), (100, 0.2), (150, 0.2), (200, 0.2)]


def test_a_smooth_training_has_no_symptoms():
    assert find_symptoms(CALM, FLAT, cosines=[0.5], share_of_noise=0.5) == ()


@pytest.mark.parametrize(
    ("train", "valid", "more", "symptom"),
    [
        ([*CALM[:50], math.nan, *CALM], FLAT, {}, "divergence"),
        (CALM, [*FLAT[:-1], (200, math.inf)], {}, "divergence"),
        ([2.0, *[6.0] * 10, *CALM], FLAT, {}, "overshoot"),
        (CALM, FLAT, {"cosines": [-0.6, -0.5, 0.1]}, "oscillation"),
        ([loss + (3.0 if step % 30 == 29 else 0.0) for step, loss in enumerate(CALM)], FLAT, {}, "spikes"),
        (CALM, [*FLAT[:-1], (200, 0.1)], {}, "slow"),
        (CALM, FLAT, {"share_of_noise": 0.97}, "noise_floor"),
    ],
)
def test_each_symptom_is_found(train, valid, more, symptom):
    assert symptom in find_symptoms(train, valid, **more)


@pytest.mark.parametrize("count", [2, 3, 40, 400])
def test_noise_between_batches_is_not_overshoot(count):
    noisy = 3.0 * np.exp(0.3 * np.random.default_rng(5).standard_normal(count))
    noisy[0] = 2.5
    assert "overshoot" not in find_symptoms(noisy.tolist(), FLAT)


def test_noise_alone_has_few_spikes():
    generator = np.random.default_rng(0)
    assert count_spikes(1.0 + 0.1 * generator.standard_normal(2000)) <= 20


def test_the_last_digit_of_rounded_losses_is_not_a_spike():
    last_digit = 1e-4 * (np.random.default_rng(0).random(1000) < 0.05)
    assert count_spikes(np.round(0.0012 + last_digit, 4)) == 0
    assert count_spikes(np.round(0.0012 + 100 * last_digit + last_digit[::-1], 4)) > 20


@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_short_trainings_have_no_symptoms(count):
    assert count_spikes(np.ones(count)) == 0
    assert not overfits([1.0] * count, [(0, 1.0)])
    assert find_symptoms([1.0] * count, [(0, 1.0)]) == ()


def test_overfitting_needs_a_training_loss_that_falls():
    valid = [(0, 2.0), (100, 0.5), (200, 0.8)]
    assert overfits(CALM, valid)
    assert not overfits([*CALM[:100], *CALM[:100]], [(0, 2.0), (99, 0.5), (199, 0.52)])
    assert not overfits([1.0] * 100 + [1.5] * 100, valid)


def test_a_loss_still_falls_where_it_lost_a_tenth_in_the_last_quarter():
    assert still_falls([(0, 2.0), (150, 1.0), (200, 0.8)])
    assert not still_falls([(0, 2.0), (150, 1.0), (200, 0.95)])
    assert not still_falls([])
