"""The range test on a quadratic, whose stability limit is known."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.errors import TaskError
from surefoot.explanation.range_test import ramp_recipe, read_ramp
from surefoot.fleet import Plan
from surefoot.fleet.progress import Silent
from surefoot.search.find import find, most_config_steps
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task

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
    """Heavy ball is stable below 2 (1 + momentum) / sharpness; rates that held and broke are a factor of 1.4 apart."""
    row = find(parabola(), momenta=[momentum], seeds=1, plan=PLAN).ranges[0]
    assert row.full_batch_limit == pytest.approx(2 * (1 + momentum) / SHARPNESS)
    assert row.limit == pytest.approx(row.full_batch_limit, rel=0.25)
    assert row.prior == pytest.approx(2 * (1 - momentum) / SHARPNESS)


def test_the_best_rate_of_a_parabola_without_momentum_is_its_inverse_sharpness():
    found = find(parabola(), momenta=[0.0], seeds=1, plan=PLAN)
    assert found.ranges[0].low <= 1 / SHARPNESS <= found.ranges[0].high
    assert found.sharpness.value == pytest.approx(SHARPNESS)


def test_negative_losses_are_read_as_well():
    shifted = find(parabola(lambda output, _: output.mean() - 1000.0), momenta=[0.9], seeds=1, plan=PLAN).ranges[0]
    plain = find(parabola(), momenta=[0.9], seeds=1, plan=PLAN).ranges[0]
    assert (shifted.low, shifted.high, shifted.limit) == pytest.approx((plain.low, plain.high, plain.limit), rel=0.01)


@pytest.mark.parametrize("momenta", [[0.0, 0.9], [0.98]])
def test_the_answer_does_not_depend_on_the_ramps_length(momenta):
    found = [find("wine", momenta=momenta, steps=steps, seeds=2, plan=PLAN) for steps in (20, 100, 1000)]
    for other in found[1:]:
        assert other.suggestion.lr == pytest.approx(found[0].suggestion.lr, rel=0.5)
        for one, two in zip(found[0].ranges, other.ranges, strict=True):
            assert 0.5 <= one.limit / two.limit <= 2.0


REFUSED = {
    "constant": (lambda output, _: 0.0 * output.mean() + 1.0, "1 at every learning rate: it does not depend on"),
    "linear": (lambda output, _: -output.mean().sqrt(), "faster with every larger learning rate.*bounded below"),
    "falling": (lambda output, _: -output.mean(), "falls without end: is it bounded below"),
    "broken": (lambda output, _: (output.mean() - 2.0).abs().sqrt(), "diverges at every learning rate tried, down to"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_loss_that_cannot_be_judged_gets_a_reason_and_no_suggestion(name):
    loss, reason = REFUSED[name]
    found = find(parabola(loss), momenta=[0.0, 0.9], seeds=2, plan=PLAN)
    assert re.search(reason, found.reason)
    assert found.suggestion is None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["suggestion"] is None


def test_noise_is_not_taken_for_learning():
    targets = torch.randn(512, 1, generator=torch.Generator().manual_seed(0))

    def loss(output, target):
        return (1e-6 * output.mean() + target).square().mean()

    task = Task("noise", Parabola, loss, (torch.zeros(512, 1), targets), (torch.zeros(8, 1), targets[:8]), batch_size=8,
                steps=100)  # fmt: skip
    found = find(task, momenta=[0.0], seeds=2, plan=PLAN)
    assert found.suggestion is None
    assert "no learning rate lowered the loss clearly" in found.reason


def test_the_cost_is_stated_before_and_held():
    class Listener(Silent):
        def begin(self, *, config_steps, done=0):
            stated.append(config_steps)

    stated = []
    found = find("wine", momenta=[0.0, 0.9], seeds=2, plan=PLAN, progress=Listener())
    assert found.config_steps <= stated[0] == most_config_steps(load("wine"), momenta=2, steps=100, seeds=2)


def test_the_generators_are_left_alone():
    draws = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    find("wine", momenta=[0.9], seeds=1, plan=PLAN)
    assert torch.equal(torch.get_rng_state(), draws[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == draws[1:]


def test_a_training_shorter_than_a_short_run_sets_its_length():
    assert find("wine", momenta=[0.9], seeds=1, plan=PLAN).run_steps == 90
    assert find(load("wine", steps=30), momenta=[0.9], seeds=1, plan=PLAN).run_steps == 30


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
