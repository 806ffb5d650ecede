import math

import numpy as np
import pytest

from surefoot.core.finding import overfits, spikes, still_falls, symptoms_of

CALM = (0.1 + 2.0 * np.exp(-np.arange(200) / 20)).tolist()
FLAT = [(0, 2.0), (50, 0.3), (100, 0.2), (150, 0.2), (200, 0.2)]


def test_a_calm_training_shows_nothing():
    assert symptoms_of(CALM, FLAT, cosines=[0.5], share_of_noise=0.5) == ()


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
def test_each_symptom_is_seen_where_it_is(train, valid, more, symptom):
    assert symptom in symptoms_of(train, valid, **more)


@pytest.mark.parametrize("count", [2, 3, 40, 400])
def test_batches_that_differ_are_no_overshoot(count):
    noisy = 3.0 * np.exp(0.3 * np.random.default_rng(5).standard_normal(count))
    noisy[0] = 2.5
    assert "overshoot" not in symptoms_of(noisy.tolist(), FLAT)


def test_noise_alone_is_no_spike():
    generator = np.random.default_rng(0)
    assert spikes(1.0 + 0.1 * generator.standard_normal(2000)) <= 20


def test_the_last_digit_of_a_rounded_log_is_no_spike():
    last_digit = 1e-4 * (np.random.default_rng(0).random(1000) < 0.05)
    assert spikes(np.round(0.0012 + last_digit, 4)) == 0
    assert spikes(np.round(0.0012 + 100 * last_digit + last_digit[::-1], 4)) > 20


@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_short_trainings_have_no_spikes_and_break_nothing(count):
    assert spikes(np.ones(count)) == 0
    assert not overfits([1.0] * count, [(0, 1.0)])
    assert symptoms_of([1.0] * count, [(0, 1.0)]) == ()


def test_overfitting_needs_a_training_loss_that_falls():
    valid = [(0, 2.0), (100, 0.5), (200, 0.8)]
    assert overfits(CALM, valid)
    assert not overfits([*CALM[:100], *CALM[:100]], [(0, 2.0), (99, 0.5), (199, 0.52)])
    assert not overfits([1.0] * 100 + [1.5] * 100, valid)


def test_a_loss_that_still_falls_has_not_arrived():
    assert still_falls([(0, 2.0), (150, 1.0), (200, 0.8)])
    assert not still_falls([(0, 2.0), (150, 1.0), (200, 0.95)])
    assert not still_falls([])
