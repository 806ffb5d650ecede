import dataclasses

import numpy as np
import pytest
from tests.unit.explanation.made_up_experiments import RATES, sweep

from surefoot.explanation.experiment import MOMENTA


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
