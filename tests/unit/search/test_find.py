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
from surefoot.theory.stability import heavy_ball_limit

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


def test_no_usable_rate_is_beyond_the_limit_of_theory(found):
    """A cosine may begin above the limit, for it is soon below it; far above it may not."""
    assert found.recipe is not None
    for row in found.by_momentum:
        theory = heavy_ball_limit(SHARPNESS, momentum=row.momentum)
        assert row.lr <= 2.0 * theory
        assert row.limit is None or row.limit <= 4.0 * theory


def test_the_answer_does_not_depend_on_where_the_loss_has_its_zero(found):
    shifted = find(parabola(lambda output, _: output.mean() - 1000.0), plan=PLAN)
    assert shifted.recipe is not None
    for row in shifted.by_momentum:
        assert row.lr <= 2.0 * heavy_ball_limit(SHARPNESS, momentum=row.momentum)


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_loss_that_heeds_no_parameter_is_not_said_to_have_learned(constant):
    flat = find(parabola(lambda output, _: 0.0 * output.mean() + constant), plan=PLAN)
    assert any("no learning rate was clearly better" in note for note in flat.notes)


def test_a_loss_that_is_not_finite_before_any_training_is_refused():
    with pytest.raises(TaskError, match="is nan before any training"):
        find(parabola(lambda output, _: output.mean() * torch.nan), plan=PLAN)


def test_the_generators_are_left_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    before = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    find(parabola(), plan=PLAN)
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()) == before
