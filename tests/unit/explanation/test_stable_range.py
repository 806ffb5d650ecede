import numpy as np
import pytest
import torch

from surefoot.explanation.stable_range import STABILITY_STEPS, largest_stable_rates, subset_task
from surefoot.tasks.loader import load_task


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
