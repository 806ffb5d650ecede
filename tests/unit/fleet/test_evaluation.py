"""In how many forward passes a split is evaluated."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.plan import (
    MAX_CPU_ACTIVATION_BYTES,
    MAX_EVALUATION_BATCH_SIZE,
    Plan,
    activation_bytes,
    evaluation_batch_size,
)
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task


def make_task(*, hidden: int = 50, batch_size: int = 32) -> Task:
    x = torch.randn(600, 10, generator=torch.Generator().manual_seed(0))

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(10, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    return Task("t", model, nn.functional.mse_loss, (x, x[:, :1]), (x, x[:, :1]), batch_size=batch_size, steps=9)


def test_evaluation_batches_are_large_unless_activations_exceed_the_cache():
    assert evaluation_batch_size(make_task(), members=16, device="cpu") == MAX_EVALUATION_BATCH_SIZE
    wide = make_task(hidden=10_000)
    size = evaluation_batch_size(wide, members=8, device="cpu")
    assert wide.batch_size < size < MAX_EVALUATION_BATCH_SIZE
    assert size == int(MAX_CPU_ACTIVATION_BYTES / (8 * activation_bytes(wide) / wide.batch_size))
    assert evaluation_batch_size(wide, members=10_000, device="cpu") == wide.batch_size, (
        "at least the batch size of training"
    )
    assert evaluation_batch_size(make_task(batch_size=600), members=4, device="cpu") == 600
    assert evaluation_batch_size(wide, members=10_000, device="cuda") == MAX_EVALUATION_BATCH_SIZE


@pytest.mark.parametrize("backend", ["serial", "stacked"])
def test_the_evaluation_batch_size_changes_only_rounding(backend):
    fleet = create_fleet(make_task(), [Recipe()] * 3, seed=0, plan=Plan(backend, 3))
    whole = evaluate_members(fleet, "valid").loss
    fleet.evaluation_batch_size = 7
    torch.testing.assert_close(evaluate_members(fleet, "valid").loss, whole, rtol=1e-6, atol=0)
