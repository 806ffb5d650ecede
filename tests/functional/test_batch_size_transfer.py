"""The transfer on a noisy quadratic, whose best rates are known in closed form."""

import math

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.measure_batch_size_transfer import MAX_TRANSFER_TRAININGS, measure_transfer, task_variants
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer

DIMENSIONS, START, NOISE, SAMPLES = 256, 3.0, 1.0, 6000


class Point(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.full((DIMENSIONS,), START))

    def forward(self, inputs):
        return self.position - inputs


def quadratic(**changes):
    """Half the squared distance to samples around 0; every step sees fresh ones, the validation data are the mean."""
    noise = NOISE * torch.randn(SAMPLES, DIMENSIONS, generator=torch.Generator().manual_seed(0))
    noise -= noise.mean(0)
    settings = {"batch_size": 8, "steps": 60} | changes
    return Task(
        "quadratic",
        Point,
        lambda output, _: 0.5 * output.square().sum(-1).mean(),
        (noise, torch.zeros(SAMPLES)),
        (torch.zeros(1, DIMENSIONS), torch.zeros(1)),
        **settings,
    )


def best_rate(task):
    """Minimise the expected loss of plain descent, w <- (1 - r) w + r noise, over the rate r."""

    def loss(log_rate):
        rate = math.exp(log_rate)
        shrink = (1.0 - rate) ** 2
        remaining = shrink**task.total_steps
        return remaining * START**2 + rate**2 * NOISE**2 / task.batch_size * (1.0 - remaining) / (1.0 - shrink)

    return math.exp(minimize_scalar(loss, bounds=(-8.0, -0.1), method="bounded").x)


def transfer_of(task, recipe, *, share=1.0):
    trainer = FleetTrainer(task, Plan("stacked", 16))
    return measure_transfer(trainer, Recipe.parse(recipe), share=share, seed=0, criterion=Criterion())


def test_best_rates_equal_those_of_the_closed_form():
    found = transfer_of(quadratic(steps=120), "sgd(lr=0.2, momentum=0)", share=1 / 8)
    tasks = [quadratic(steps=15), quadratic(steps=30, batch_size=4), quadratic(steps=8, batch_size=16)]
    assert [(row.steps, row.batch_size) for row in found.rows] == [(120, 8), (240, 4), (60, 16)]
    inside = [(row, task) for row, task in zip(found.rows, tasks, strict=True) if not row.at_edge]
    assert len(inside) >= 2
    for row, task in inside:
        assert best_rate(task) == pytest.approx(row.best, rel=0.5), row.change
        assert row.loss <= row.loss_of_answer


def test_short_trials_cost_at_most_three_trainings():
    found = transfer_of(quadratic(), "sgd(lr=0.001, momentum=0)", share=1 / 8)
    assert 0 < found.config_steps <= MAX_TRANSFER_TRAININGS * 60


def test_impossible_batch_sizes_are_skipped_with_the_reason():
    found = transfer_of(quadratic(batch_size=SAMPLES, steps=12), "sgd(lr=0.5, momentum=0)", share=0.5)
    assert [row.change for row in found.rows] == ["as tuned", "half batch"]
    assert dict(found.skipped) == {"twice batch": "a batch of 12000 is larger than the 6000 training samples"}
    assert {change.name: change.task for change in task_variants(quadratic(batch_size=1))}["half batch"] == (
        "a batch of one sample has no half"
    )


def test_every_variant_sees_the_same_number_of_samples():
    task = quadratic(steps=None, epochs=0.5, batch_size=12)
    for change in task_variants(task)[1:]:
        assert change.task.total_steps * change.task.batch_size == task.total_steps * task.batch_size


def test_without_a_finite_loss_there_is_no_best_rate():
    found = transfer_of(quadratic(), "sgd(lr=1e30, momentum=0)")
    assert all(row.rates == () and row.best is None and math.isinf(row.loss) for row in found.rows)


def test_long_trials_cost_at_most_three_trainings():
    found = transfer_of(quadratic(), "sgd(lr=0.001, momentum=0)", share=0.5)
    assert 0 < found.config_steps <= MAX_TRANSFER_TRAININGS * 60


def test_the_best_loss_on_the_way_counts_if_the_search_used_it():
    """With much momentum a point overshoots the minimum and may end far from it."""
    lowest = {}
    for score_at in ("end", "best"):
        trainer = FleetTrainer(quadratic(steps=120), Plan("stacked", 16))
        trainer.follow_valid = score_at == "best"
        recipe, criterion = Recipe.parse("sgd(lr=0.2, momentum=0.95)"), Criterion("loss", score_at)
        found = measure_transfer(trainer, recipe, share=0.5, seed=0, criterion=criterion)
        lowest[score_at] = found.rows[0].loss
    assert lowest["best"] < 0.9 * lowest["end"]
