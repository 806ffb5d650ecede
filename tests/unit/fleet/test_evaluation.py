"""In how many passes a split is evaluated."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.launch import launch
from surefoot.fleet.plan import CPU_BYTES, SAMPLES, Plan, activation_bytes, samples_a_pass
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task


def make_task(*, hidden: int = 50, batch_size: int = 32) -> Task:
    x = torch.randn(600, 10, generator=torch.Generator().manual_seed(0))

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(10, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    return Task("t", model, nn.functional.mse_loss, (x, x[:, :1]), (x, x[:, :1]), batch_size=batch_size, steps=9)


def test_small_activations_take_large_passes_and_large_ones_stay_in_the_cache():
    assert samples_a_pass(make_task(), members=16, device="cpu") == SAMPLES
    wide = make_task(hidden=10_000)
    found = samples_a_pass(wide, members=8, device="cpu")
    assert wide.batch_size < found < SAMPLES
    assert found == int(CPU_BYTES / (8 * activation_bytes(wide) / wide.batch_size))
    assert samples_a_pass(wide, members=10_000, device="cpu") == wide.batch_size, "a training takes as many"
    assert samples_a_pass(make_task(batch_size=600), members=4, device="cpu") == 600
    assert samples_a_pass(wide, members=10_000, device="cuda") == SAMPLES


@pytest.mark.parametrize("backend", ["serial", "stacked"])
def test_the_passes_change_no_more_than_rounding(backend):
    fleet = launch(make_task(), [Recipe()] * 3, seed=0, plan=Plan(backend, 3))
    whole = evaluate_members(fleet, "valid").loss
    fleet.samples_a_pass = 7
    torch.testing.assert_close(evaluate_members(fleet, "valid").loss, whole, rtol=1e-6, atol=0)
