"""The range test: its limit is where the loss rises for good."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surefoot.explanation.range_test_and_stability import (
    STABILITY_STEPS,
    largest_stable_rates,
    ramp_recipe,
    read_ramp,
    subset_task,
)
from surefoot.tasks.loader import load_task


def test_a_ramp_of_any_length_goes_from_the_lowest_to_the_highest_rate():
    for steps in (20, 100, 1000):
        recipe = ramp_recipe(0.9, steps=steps)
        assert recipe.lr.value(0, steps) == pytest.approx(1e-6 * 0.1)
        assert recipe.lr.value(steps - 1, steps) == pytest.approx(1e3 * 0.1)


def test_a_loss_that_never_rises_has_no_limit_and_nan_ends_the_ramp():
    recipe = ramp_recipe(0.0, steps=100)
    falling = np.linspace(1.0, 0.1, 100)[:, None]
    assert read_ramp(recipe, falling).limit is None
    broken = falling.copy()
    broken[40:] = np.nan
    rates = read_ramp(recipe, broken).rates
    assert read_ramp(recipe, broken).limit == pytest.approx(rates[39])


@pytest.mark.parametrize(("optimizer", "effective"), [("sgd", 1.0), ("adam", 0.1), ("adagrad", 0.1)])
def test_a_limit_is_effective_where_gradients_are_summed(optimizer, effective):
    recipe = ramp_recipe(0.9, steps=100, optimizer=optimizer)
    rates = recipe.lr.values(np.arange(100), 100)
    losses = np.where(rates < 0.1, 1.0, np.nan)[:, None]
    assert read_ramp(recipe, losses).effective_limit == pytest.approx(effective, rel=0.3)


def test_a_rate_is_unstable_where_little_is_learned():
    rates = np.array([1.0, 2.0, 4.0, 8.0])
    learns, dead, diverged = [1.0] * 5 + [0.2] * 5, [1.0] * 5 + [0.97] * 5, [1.0] * 5 + [np.nan] * 5
    losses = np.array([[learns, learns], [learns, learns], [dead, learns], [diverged, diverged]])
    largest, unstable_seeds = largest_stable_rates(rates, losses)
    assert largest == pytest.approx([np.sqrt(8.0), np.sqrt(32.0)])
    assert unstable_seeds == 2


def test_where_all_rates_are_stable_the_highest_is_returned():
    rates, learns = np.array([1.0, 2.0, 4.0, 8.0]), [1.0] * 5 + [0.2] * 5
    largest, unstable_seeds = largest_stable_rates(rates, np.array([[learns]] * 4))
    assert (largest.tolist(), unstable_seeds) == ([8.0], 0)


def test_full_and_small_batches_have_the_same_samples():
    task = load_task("digits")
    full, small = (subset_task(task, batch=batch) for batch in ("full", "small"))
    assert (full.batch_size, small.batch_size, full.total_steps) == (512, 64, STABILITY_STEPS)
    assert len(full.split("train")) == len(small.split("train")) == 512
    full_inputs, small_inputs = (each.batch("train", torch.arange(512))[0] for each in (full, small))
    assert torch.equal(full_inputs, small_inputs)
