"""Curvature at the end of a training, on losses whose Hessian is known."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from surefoot.checking.curvature_summary import MEASURED_STEPS, measure_curvature, stable_limit
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import derive_seed
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial

PLAN = Plan("stacked", 4, threads=1)


@pytest.fixture(scope="module")
def line():
    """A linear regression: its Hessian is 2/n XᵀX wherever it stands."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=generator, dtype=torch.float64) * torch.tensor(
        [3.0, 1.0, 0.3], dtype=torch.float64
    )
    data = x, x.sum(1, keepdim=True) + 0.1 * torch.randn(64, 1, generator=generator, dtype=torch.float64)
    model = lambda: nn.Linear(3, 1, bias=False, dtype=torch.float64)  # noqa: E731
    return Task("line", model, nn.functional.mse_loss, data, data, batch_size=16, steps=20), 2.0 * x.T @ x / 64


def measured(task, text, *, config_steps=500):
    trainer = FleetTrainer(task, PLAN, keep_end=lambda trial: True)
    trial = Trial(Recipe.parse(text), steps=20, seed=0)
    list(trainer.train([trial]))
    end = trainer.end_state(trial)
    return end, measure_curvature(task, trial, end, config_steps=config_steps)


def test_sharpness_and_limit_of_sgd(line):
    task, hessian = line
    _, found = measured(task, "sgd(lr=0.01, momentum=0.5)")
    top = float(torch.linalg.eigvalsh(hessian)[-1])
    assert found.sharpness.value == pytest.approx(top, rel=1e-3)
    assert found.limit == pytest.approx(2 * 1.5 / top, rel=1e-3)
    assert 0 < found.step_sharpness < 3 * top
    assert 0 <= found.share_of_noise <= 1


def test_adams_sharpness_is_that_of_its_preconditioned_hessian(line):
    task, hessian = line
    end, found = measured(task, "adam(lr=0.01)")
    top = float(torch.linalg.eigvals(hessian / end.preconditioner[:, None]).real.max())
    assert found.sharpness.value == pytest.approx(top, rel=1e-2)
    assert found.limit == pytest.approx(38.0 / top, rel=1e-2)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_step_sharpness_and_noise_are_those_of_the_next_steps(line, accumulate):
    task = replace(line[0], batch_size=16 // accumulate, accumulate=accumulate)
    end, found = measured(task, "sgd(lr=0.01, momentum=0.5)")
    order = BatchOrder(64, task.batch_size, seed=derive_seed(0, "data"))
    weight = end.state["weight"][0]
    bends = norms = 0.0
    gradients = []
    for number in range(20, 20 + MEASURED_STEPS):
        micro = range(number * accumulate, (number + 1) * accumulate)
        x, y = task.batch("train", torch.cat([order.indices(each) for each in micro]))
        own = 2.0 * x.T @ x / 16
        gradient = 2.0 * x.T @ (x @ weight - y[:, 0]) / 16
        bends, norms = bends + float(gradient @ own @ gradient), norms + float(gradient @ gradient)
        gradients.append(gradient)
    assert found.step_sharpness == pytest.approx(bends / norms, rel=1e-6)
    stacked = torch.stack(gradients)
    assert found.noise.noise == pytest.approx(16 * float(stacked.var(0).sum()), rel=1e-6)


@pytest.mark.parametrize("config_steps", [24, 60, 200])
def test_it_costs_no_more_than_it_may_and_counts_products_as_two(line, config_steps):
    task = replace(line[0], batch_size=8)
    _, found = measured(task, "sgd(lr=0.01, momentum=0.5)", config_steps=config_steps)
    assert 3 * MEASURED_STEPS < found.config_steps <= config_steps
    assert measured(task, "sgd(lr=0.01, momentum=0.5)", config_steps=23)[1] is None


def test_generators_are_left_as_they_are(line):
    drawn = torch.get_rng_state()
    measured(line[0], "sgd(lr=0.01)")
    assert torch.equal(drawn, torch.get_rng_state())


def test_buffers_that_no_state_dict_holds_are_restored_as_they_were_taken():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 1)
            self.register_buffer("steps", torch.zeros(()), persistent=False)

        def forward(self, x):
            if self.training:
                self.steps += 1
            return self.linear(x) * (1.0 + 0.1 * self.steps.clamp(max=5.0))

    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    data = x, x.sum(1, keepdim=True)
    task = Task("scaled", Scaled, nn.functional.mse_loss, data, data, batch_size=16, steps=20)
    end, found = measured(task, "sgd(lr=0.01)")
    assert float(end.state["steps"]) == 20.0
    hessian = 2.0 * 1.5**2 * torch.cat([x, torch.ones(64, 1)], 1)
    top = float(torch.linalg.eigvalsh(hessian.T @ hessian / (2.0 * 1.5**2) / 64)[-1])
    assert found.sharpness.value == pytest.approx(top, rel=0.05)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("sgd(lr=0.1, momentum=0.0)", 2.0 / 4.0),
        ("sgd(lr=0.1, momentum=0.9, nesterov=true)", 2.0 * 1.9 / (2.8 * 4.0)),
        ("adamw(lr=0.1)", 38.0 / 4.0),
        ("sgd(lr=0.1, momentum=0.9, dampening=0.5)", None),
        ("rmsprop(lr=0.1)", None),
        ("lion(lr=0.1)", None),
    ],
)
def test_limits_are_given_where_they_are_known(text, limit):
    assert stable_limit(Recipe.parse(text), 4.0) == (None if limit is None else pytest.approx(limit))
    assert stable_limit(Recipe.parse(text), -1.0) is None
