"""The transfer on a noisy quadratic, whose best rates are known in closed form."""

import math
from dataclasses import replace

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from surefoot.fleet import Plan
from surefoot.fleet.progress import Silent
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.search.transfer import USUAL, Transferrer, changes_of, price
from surefoot.tasks.task import Task
from surefoot.tuning.journal import Journal

DIMENSIONS, START, NOISE, SAMPLES = 256, 3.0, 1.0, 6000
PLAN = Plan("stacked", 16)


class Point(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.full((DIMENSIONS,), START))

    def forward(self, inputs):
        return self.place - inputs


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
        left = shrink**task.total_steps
        return left * START**2 + rate**2 * NOISE**2 / task.batch_size * (1.0 - left) / (1.0 - shrink)

    return math.exp(minimize_scalar(loss, bounds=(-8.0, -0.1), method="bounded").x)


def transfer(task, recipe, seeds=(1, 2, 3), changes=None):
    runner = Runner(PLAN, Silent())
    transferrer = Transferrer(Recipe.parse(recipe), seeds, "loss", runner, Journal())
    return transferrer.run(changes_of(task) if changes is None else changes)


@pytest.fixture(scope="module", params=[0.05, 0.2], ids=["near the best", "four times too high"])
def measured(request):
    return transfer(quadratic(), f"sgd(lr={request.param}, momentum=0)")


def test_best_rates_are_those_of_the_closed_form(measured):
    tasks = [change.task for change in changes_of(quadratic())]
    assert [(row.steps, row.batch_size) for row in measured.rows] == [(60, 8), (30, 8), (120, 8), (120, 4), (30, 16)]
    for row, task in zip(measured.rows, tasks, strict=True):
        assert not row.at_edge
        assert best_rate(task) in row.interval, row.change
        assert row.interval.high / row.interval.low < 2.0
        assert row.loss <= row.loss_of_answer


def test_the_powers_are_those_of_the_closed_form(measured):
    """Linear scaling with the batch, but not the root; nearly one over the steps."""
    by_name = {change.name: best_rate(change.task) for change in changes_of(quadratic())}
    steps, batch = measured.exponents
    assert math.log(by_name["twice steps"] / by_name["half steps"], 4) in steps.interval
    assert math.log(by_name["twice batch"] / by_name["half batch"], 4) in batch.interval
    assert [within for _, within in batch.rules] == [True, False]
    assert steps.interval.high < -0.5


def test_the_price_is_told_before(measured):
    changes = changes_of(quadratic())
    assert price(changes) == 3 * USUAL * (60 + 30 + 120 + 120 + 30)
    assert price(changes) <= measured.config_steps <= 2.5 * price(changes)


def test_a_task_that_breaks_above_a_rate_is_bracketed_by_that():
    """Without noise the best rate of one curvature is 1 and 2 diverges: divergence counts as an upper bound."""
    task = quadratic(steps=20)
    noiseless = replace(task, train=(torch.zeros(64, DIMENSIONS), torch.zeros(64)))
    found = transfer(noiseless, "sgd(lr=0.3, momentum=0)", changes=changes_of(noiseless)[:1])
    (row,) = found.rows
    assert not row.at_edge
    assert 0.6 <= row.best <= 1.4


def test_changes_that_cannot_be_made_are_left_out_with_the_reason():
    found = transfer(quadratic(batch_size=SAMPLES, steps=12), "sgd(lr=0.5, momentum=0)", seeds=(1,))
    assert [row.change for row in found.rows] == ["as tuned", "twice steps", "half batch"]
    assert dict(found.skipped) == {
        "half steps": "it leaves 6 steps, and a schedule needs 10 to have a shape",
        "twice batch": "a batch of 12000 is larger than the 6000 training samples",
    }
    assert {change.name: change.task for change in changes_of(quadratic(batch_size=1))}["half batch"] == (
        "a batch of one sample has no half"
    )


def test_the_samples_seen_stay_the_same_with_another_batch_size():
    task = quadratic(steps=None, epochs=0.5, batch_size=12)
    for change in changes_of(task)[3:]:
        assert change.task.total_steps * change.task.batch_size == task.total_steps * task.batch_size
    assert changes_of(task)[2].task.total_steps == 2 * task.total_steps


def test_a_seed_that_diverges_everywhere_leaves_no_best_rate():
    found = transfer(quadratic(), "sgd(lr=1e30, momentum=0)", seeds=(1, 2), changes=changes_of(quadratic())[:1])
    (row,) = found.rows
    assert row.rates == ()
    assert math.isinf(row.loss)
    assert row.best is None
    assert row.interval is None
