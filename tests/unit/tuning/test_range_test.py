"""The range test on a quadratic, whose stability limit is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.errors import TaskError
from surefoot.fleet import Plan
from surefoot.tasks.task import Task
from surefoot.tuning.find import find
from surefoot.tuning.range_test import ramp_recipe, read_ramp

PLAN = Plan("stacked", 64)
SHARPNESS = 4.0


class Parabola(nn.Module):
    """The loss is ``sharpness / 2 * w^2`` whatever the batch: gradient descent is stable below 2 / sharpness."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return SHARPNESS / 2 * self.w**2 + 0.0 * x.sum()


def parabola(loss=lambda output, _: output.mean()) -> Task:
    data = (torch.zeros(64, 1), torch.zeros(64, 1))
    return Task("parabola", Parabola, loss, data, data, batch_size=8, steps=100)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_limit_of_a_parabola_is_that_of_theory(momentum):
    """Heavy ball is stable below 2 (1 + momentum) / sharpness; rates are tried at every factor of two."""
    found = find(parabola(), momenta=[momentum], steps=200, seeds=1, plan=PLAN)
    theory = 2 * (1 + momentum) / SHARPNESS
    assert theory / 2 <= found.ranges[0].limit <= theory * 2


def test_the_best_rate_of_a_parabola_without_momentum_is_its_inverse_sharpness():
    found = find(parabola(), momenta=[0.0], steps=50, seeds=1, plan=PLAN).ranges[0]
    assert found.low <= 1 / SHARPNESS <= found.high


def test_negative_losses_are_read_as_well():
    shifted = find(parabola(lambda output, _: output.mean() - 1000.0), momenta=[0.9], seeds=1, plan=PLAN).ranges[0]
    plain = find(parabola(), momenta=[0.9], seeds=1, plan=PLAN).ranges[0]
    assert (shifted.low, shifted.high) == pytest.approx((plain.low, plain.high))


def test_a_loss_that_no_rate_lowers_gets_a_reason_and_no_suggestion():
    found = find(parabola(lambda output, _: 0.0 * output.mean() + 1.0), momenta=[0.0, 0.9], seeds=1, plan=PLAN)
    assert found.suggestion is None
    assert "no learning rate lowered the loss" in found.reason
    assert found.to_json()["suggestion"] is None


def test_too_few_steps_are_refused():
    with pytest.raises(TaskError, match="at least 20 steps; given 5"):
        find(parabola(), steps=5, plan=PLAN)


def test_the_ramp_goes_from_lowest_to_highest_whatever_its_length():
    for steps in (20, 100, 1000):
        recipe = ramp_recipe(0.9, steps=steps)
        assert recipe.lr.value(0, steps) == pytest.approx(1e-6 * 0.1)
        assert recipe.lr.value(steps - 1, steps) == pytest.approx(1e3 * 0.1)


def test_a_ramp_that_never_rises_has_no_limit_and_one_of_nan_has_an_early_one():
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
