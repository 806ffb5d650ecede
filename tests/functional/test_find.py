"""find on a quadratic, whose stability limit is known."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.core.errors import TaskError
from surefoot.fleet.plan import Plan
from surefoot.search.find import find
from surefoot.tasks.task import Task
from surefoot.theory.stable_and_best_rates import heavy_ball_limit

PLAN = Plan("stacked", 16)
SHARPNESS = 4.0


class Parabola(nn.Module):
    """The loss is ``sharpness / 2 * w^2`` whatever the batch: gradient descent is stable below 2 / sharpness."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return SHARPNESS / 2 * self.w**2 + 0.0 * x.sum()


def parabola(loss=lambda output, _: output.mean() + 0.01):
    data = (torch.zeros(64, 1), torch.zeros(64, 1))
    return Task("parabola", Parabola, loss, data, data, batch_size=8, steps=100)


@pytest.fixture(scope="module")
def found():
    return find(parabola(), plan=PLAN)


def test_usable_rates_are_not_far_above_the_limit_of_theory(found):
    """A cosine schedule may begin somewhat above the limit, for it soon falls below it."""
    assert found.recipe is not None
    for row in found.by_momentum:
        theory = heavy_ball_limit(SHARPNESS, momentum=row.momentum)
        assert row.lr <= 2.0 * theory
        assert row.limit is None or row.limit <= 4.0 * theory


def test_a_constant_added_to_the_loss_does_not_change_the_recommendation(found):
    shifted = find(parabola(lambda output, _: output.mean() - 1000.0), plan=PLAN)
    assert shifted.recipe is not None
    for row in shifted.by_momentum:
        assert row.lr <= 2.0 * heavy_ball_limit(SHARPNESS, momentum=row.momentum)


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_note_says_that_a_constant_loss_did_not_learn(constant):
    flat = find(parabola(lambda output, _: 0.0 * output.mean() + constant), plan=PLAN)
    assert any("no learning rate was clearly better" in note for note in flat.notes)


def test_a_loss_that_is_not_finite_before_any_training_is_refused():
    with pytest.raises(TaskError, match="is nan before any training"):
        find(parabola(lambda output, _: output.mean() * torch.nan), plan=PLAN)


def test_the_global_random_generators_are_not_changed():
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    before = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    find(parabola(), plan=PLAN)
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()) == before
