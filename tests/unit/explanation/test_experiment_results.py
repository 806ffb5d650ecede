from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.unit.explanation.made_up_experiments import RATES, sweep

from surefoot.explanation.experiment_results import MOMENTA, cap_losses, losses_at_end, running_mean, speed_ratio


def test_a_diverged_training_counts_as_nothing_learned():
    base = sweep()
    losses = base.losses.copy()
    losses[-4:, :, 50:] = np.nan
    broken = dataclasses.replace(base, losses=losses)
    assert (broken.final_losses[-4:] == 1.0).all()
    assert broken.diverged_seeds(len(RATES) - 1) == base.final_losses.shape[1]


def test_that_a_batch_is_hard_cancels_in_relative_losses():
    base = sweep()
    hardness = np.exp(np.random.default_rng(0).normal(scale=0.5, size=(1, base.losses.shape[-1])))
    hard = dataclasses.replace(
        base,
        losses=2.0 * hardness * np.ones_like(base.losses),
        untrained_losses=base.untrained_losses * hardness,
    )
    assert hard.loss_curves == pytest.approx(np.ones_like(base.loss_curves))


def test_momenta_lie_on_the_grid_of_rates():
    quarter_decades = [-4.0 * np.log10(1.0 - momentum) for momentum in MOMENTA]
    assert quarter_decades == pytest.approx(np.round(quarter_decades), abs=0.03)


def test_a_running_mean_is_the_mean_of_the_last_twentieth():
    losses = np.random.default_rng(0).uniform(size=(2, 3, 60))
    expected = [losses[..., max(0, t - 2) : t + 1].mean(axis=-1) for t in range(60)]
    assert running_mean(losses) == pytest.approx(np.stack(expected, axis=-1))


def test_nan_and_infinite_losses_count_as_nothing_learned():
    losses = np.array([[0.5, np.nan, np.inf], [0.5, 0.4, 0.3]])
    assert losses_at_end(cap_losses(losses)).tolist() == [1.0, 0.3]


def test_the_speed_ratio_is_inverted_by_exchange_and_1_for_equal_curves():
    t = np.linspace(0.0, 1.0, 200)
    fast, slow = 0.05 + np.exp(-9.0 * t)[None], 0.02 + np.exp(-3.0 * t)[None]
    assert speed_ratio(fast, slow) * speed_ratio(slow, fast) == pytest.approx([1.0])
    assert speed_ratio(fast, slow) > 2.0
    assert speed_ratio(slow, slow).tolist() == [1.0]
