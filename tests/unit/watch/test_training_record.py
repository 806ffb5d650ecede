import math

import numpy as np
import pytest

from surefoot.watch.training_record import MAX_BLOCKS, NUM_RECENT, LossHistory, count_rebounds


def test_memory_is_bounded_and_the_curve_stays_a_mean():
    rng = np.random.default_rng(0)
    values = rng.normal(1.0, 0.1, 10_000)
    losses = LossHistory()
    losses.add(values)
    assert losses.count == 10_000
    assert MAX_BLOCKS // 2 <= len(losses.block_means) < MAX_BLOCKS
    size = losses.block_size
    expected = values[: len(losses.block_means) * size].reshape(-1, size).mean(axis=1)
    np.testing.assert_allclose(losses.curve(), expected, rtol=1e-12)
    assert [*losses.recent] == values[-NUM_RECENT:].tolist()


def test_a_loss_that_recovers_is_not_lost():
    losses = LossHistory()
    losses.add([1.0, math.nan, math.inf])
    assert losses.diverged_at == 1
    losses.add([0.9])
    assert losses.diverged_at is None
    assert losses.last_finite(3).tolist() == [0.9]


@pytest.mark.parametrize("lost", [False, True])
def test_the_lowest_block_is_found_behind_losses_that_are_none(lost):
    values = np.abs(np.arange(700) - 500.0) + 1.0
    values[:40] = math.nan if lost else 1000.0
    losses = LossHistory()
    losses.add(values)
    assert losses.block_size == 4
    assert abs(losses.lowest_step() - 500) < losses.block_size
    assert LossHistory(count=7).lowest_step() == 7


def test_it_goes_on_from_its_state():
    whole, first = LossHistory(), LossHistory()
    values = np.linspace(2, 1, 777).tolist()
    whole.add(values)
    first.add(values[:500])
    second = LossHistory.from_state(first.state())
    second.add(values[500:])
    assert second == whole


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_relapse(seed):
    rng = np.random.default_rng(seed)
    falls = 2.0 * np.exp(-np.linspace(0, 3, 240)) + 0.2
    assert count_rebounds(falls * rng.lognormal(0.0, 0.3, 240)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_slow_swings_are_relapses(seed):
    rng = np.random.default_rng(seed)
    swings = 1.0 + 0.6 * np.cos(np.linspace(0, 4 * np.pi, 240))
    assert count_rebounds(swings * rng.lognormal(0.0, 0.1, 240)) == 2
