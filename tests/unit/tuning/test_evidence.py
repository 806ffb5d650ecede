"""What judgements foretell, by hand; the surface, on bowls whose lowest point is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.tuning.evidence import Surface, full_losses
from surefoot.tuning.rungs import RUNGS, Candidate, Verdict
from surefoot.tuning.space import unit_box

LOWEST = np.array([0.7, 0.4])


def rung(number: int, logs: dict[int, float]) -> list[Verdict]:
    return [Verdict(Candidate(key, (key / 10,), rung=number), math.exp(value)) for key, value in logs.items()]


def bowl(point) -> float:
    return float(((np.array(point) - LOWEST) ** 2).sum())


def test_full_losses_by_hand():
    """Medians of the log differences: -0.75 from rung 0 to 1, -0.5 to 2, -0.25 to the end."""
    verdicts = [
        rung(0, {0: 1.0, 1: 2.0, 2: 3.0, 3: math.inf}),
        rung(1, {0: 0.5, 1: 1.0, 4: 0.2}),  # the last one was not judged before
        rung(2, {0: 0.0}),
        rung(3, {0: -0.25}),
    ]
    found = full_losses(verdicts)
    assert [one.point for one in found] == [(0.0,), (0.1,), (0.2,), (0.3,), (0.4,)]
    assert [one.loss for one in found] == pytest.approx([-0.25, 1.0 - 0.75, 3.0 - 1.5, 3.0 - 1.5, 0.2 - 0.75])


def test_full_losses_that_fall_below_zero_on_the_way_are_not_mixed_with_logarithms():
    """Candidate 1 stood one above candidate 0 at rung 0 and would end so: at -2 + 1."""
    verdicts = [
        [Verdict(Candidate(0, (0.0,)), 3.0), Verdict(Candidate(1, (1.0,)), 4.0)],
        [Verdict(Candidate(0, (0.0,), rung=1), -2.0)],
        [],
        [],
    ]
    assert [one.loss for one in full_losses(verdicts)] == pytest.approx([-2.0, -1.0])


def test_nothing_judged_foretells_nothing():
    assert full_losses([[] for _ in RUNGS]) == []


def test_the_surface_finds_the_lowest_point_better_than_the_best_noisy_judgement(searched):
    """The noise, 0.03, is what a step of 0.17 from the lowest point costs: the luckiest judgement misleads."""
    by_surface, by_luck = [], []
    for seed in range(12):
        noise = np.random.default_rng(1000 + seed)
        conveyor = searched(
            lambda candidate, noise=noise: math.exp(bowl(candidate.point) + 0.03 * noise.standard_normal()), seed=seed
        )
        surface = Surface(conveyor.verdicts)
        by_surface.append(bowl(surface.minimum(conveyor.box, generator=np.random.default_rng(seed))))
        by_luck.append(bowl(conveyor.ranking()[0].candidate.point))
    assert np.median(by_surface) < 0.6 * np.median(by_luck)
    assert np.median(by_surface) < 0.01


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_diverged_points_are_hills_of_the_surface(bad):
    points = [(x, y) for x in np.linspace(0, 1, 5).tolist() for y in np.linspace(0, 1, 4).tolist()]
    row = [
        Verdict(Candidate(number, point), bad if point[0] > 0.6 else 1.0 + bowl(point))
        for number, point in enumerate(points)
    ]
    surface = Surface([row, [], [], []])
    low, high = surface.losses([(0.5, 0.4), (1.0, 0.4)])
    assert low < high
    assert surface.minimum(unit_box(2), generator=np.random.default_rng(0))[0] < 0.6
    assert np.isfinite(surface.draws(points, 5, noise=True, generator=np.random.default_rng(0))).all()


def test_draws_scatter_around_the_expected_losses_and_noise_scatters_them_more():
    luck = np.random.default_rng(0)
    points = [tuple(point) for point in luck.uniform(size=(30, 2)).tolist()]
    row = [
        Verdict(Candidate(n, point), (1 + bowl(point)) * math.exp(luck.normal(0, 0.1)))
        for n, point in enumerate(points)
    ]
    surface = Surface([row, [], [], []])
    line = [(0.5, float(y)) for y in np.linspace(0, 1, 129)]  # so near that only rounding keeps them apart
    smooth, rough = (surface.draws(line, 2000, noise=noise, generator=luck) for noise in (False, True))
    expected = surface.losses(line)
    assert np.abs(smooth.mean(0) - expected).max() < 0.1 * np.ptp(expected)
    assert np.abs(np.diff(smooth, axis=1)).mean() < 0.2 * np.abs(np.diff(rough, axis=1)).mean()


@pytest.mark.parametrize("losses", [[1.0, 1.0], [1.0, math.inf], [1.0, 2.0, 3.0]])
def test_a_surface_through_few_points_is_finite(losses):
    row = [Verdict(Candidate(number, (number / 3, 0.5)), loss) for number, loss in enumerate(losses)]
    surface = Surface([row, [], [], []])
    assert np.isfinite(surface.losses([(0.1, 0.2), (0.9, 0.9)])).all()
