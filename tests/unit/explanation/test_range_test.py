"""The range test: its limit is where the loss rises for good."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.explanation.range_test import ramp_recipe, read_ramp


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
