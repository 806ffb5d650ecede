"""What is said of good ranges, on losses whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.good_range import LATTICE_SEEDS, SEEDS, covered, excess, lattice, quality, smoothed, true_range
from surefoot.core.value_types import Interval


def parabola(rates, seeds):
    """Losses that rise by a tenth a factor of 2 squared from 0.1 on, and diverge above 0.9."""
    return [[1 + 0.1 * math.log2(lr / 0.1) ** 2 if lr < 0.9 else math.inf for _ in seeds] for lr in rates]


@pytest.mark.parametrize(("low", "high"), [(0.08, 0.12), (0.01, 0.5), (0.003, 0.004), (2.0, 4.0)])
def test_a_lattice_finds_the_good_rates_wherever_the_range_is(low, high):
    truth = lattice(Interval(low, high), parabola)
    factor = 2.0**0.5  # of the parabola: the tolerance of 5 % is reached half an octave away, squared
    assert truth.bounded
    assert truth.good.low == pytest.approx(0.1 / 2 ** (1 / factor), rel=0.15)
    assert truth.good.high == pytest.approx(0.1 * 2 ** (1 / factor), rel=0.15)


def test_a_lattice_gives_up_where_all_rates_are_as_good():
    assert not lattice(Interval(0.1, 0.2), lambda rates, seeds: [[1.0] * len(seeds) for _ in rates]).bounded


def test_a_hole_ends_the_range():
    assert true_range([1, 2, 4, 8, 16], [1.0, 1.01, 1.5, 1.0, 1.5]).good.high < 4


def test_smoothing_leaves_the_good_rates_of_a_parabola_and_takes_noise_off():
    powers = np.arange(-4, 4.5, 0.5)
    rates, means = [*(2.0**powers)], np.exp(0.1 * powers**2)

    def width(own):
        good = true_range(rates, own).good
        return math.log(good.high / good.low)

    truth = width(means)
    assert width(smoothed(means)) == pytest.approx(truth, rel=0.05)
    draws = means * np.exp(np.random.default_rng(0).normal(0, 0.03, size=(400, len(means))))
    rough, smooth = ([width(treat(own)) for own in draws] for treat in (list, smoothed))
    assert abs(np.mean(smooth) - truth) < 0.6 * abs(np.mean(rough) - truth)


@pytest.mark.parametrize(
    ("found", "true", "share"),
    [
        ((1, 4), (1, 4), 1.0),
        ((0.1, 40), (1, 4), 1.0),
        ((1, 2), (1, 4), 0.5),
        ((8, 9), (1, 4), 0.0),
        ((1, 4), (2, 2), 1),
    ],
)
def test_the_share_that_is_covered(found, true, share):
    assert covered(Interval(*found), Interval(*true)) == pytest.approx(share)


def test_the_error_of_an_excess_is_that_of_many_draws():
    draw = np.random.default_rng(0)
    common = draw.normal(1.0, 0.2, size=(4000, 5))
    pairs = common * draw.normal(1.1, 0.05, size=common.shape), common
    found = [excess(own, best) for own, best in zip(*pairs, strict=True)]
    values, errors = np.array(found).T
    assert np.mean(values) == pytest.approx(math.log(1.1), abs=0.003)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.1)


def test_the_noise_of_an_estimate_is_taken_off():
    noisy = {"lr": 0.1, "losses": [0.9, 1.4, 0.9, 1.1, 1.1]}  # 8 % above, and an error of as much
    row = {"task": "digits", "search": "find", "draw": 0, "range": [0.1, 0.2], "true": [0.1, 0.2]}
    found = quality([row | {"best": {"lr": 0.1, "losses": [1.0] * 5}, "rates": [noisy]}])
    assert (found.good, found.surely, found.diverged) == (0.0, 1.0, (0, 5))


def test_rates_are_judged_on_seeds_that_chose_nothing():
    assert not set(SEEDS) & set(LATTICE_SEEDS)
