"""Looks against the closed form of a linear regression, and against trainings that nobody looked at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.fleet import Plan, launch
from surefoot.fleet.progress import Silent
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.studies import Database, Measurement, Study
from surefoot.tasks.task import Task
from surefoot.trainers import SharpnessProbe
from surefoot.tuning import confirm as confirmation
from surefoot.tuning.journal import Journal
from surefoot.tuning.looks import look, marks

PLAN = Plan("stacked", 4, threads=1)
ROWS, WIDTH = 16, 5


LUCK = torch.Generator().manual_seed(0)
DATA = torch.randn(ROWS, WIDTH, generator=LUCK), torch.randn(ROWS, 1, generator=LUCK)


@pytest.fixture(scope="module")
def line():
    """A line through points, all of them in every batch: the loss is a quadratic."""
    model = lambda: nn.Linear(WIDTH, 1, bias=False)  # noqa: E731
    return Task("line", model, nn.functional.mse_loss, DATA, DATA, batch_size=ROWS, steps=40)


def expected(weights, scale=1.0):
    """Return the gradient's norm and uᵀHu / gᵀu, u being the gradient over a scale."""
    inputs, targets = (each.double().numpy() for each in DATA)
    gradient = 2 / ROWS * inputs.T @ (inputs @ weights - targets[:, 0])
    hessian = 2 / ROWS * inputs.T @ inputs
    step = gradient / scale
    return np.linalg.norm(gradient), step @ hessian @ step / (gradient @ step)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("sgd(lr=0.1, momentum=0.5)", 10.0),  # 2 (1 - 0.5) / 0.1
        ("sgd(lr=0.1, momentum=0)", 20.0),
        ("adam(lr=0.1)", 20.0),
        ("rmsprop(lr=0.01)", None),
    ],
)
def test_a_look_is_what_the_closed_form_says(line, text, limit):
    fleet = launch(line, [Recipe.parse(text)], seed=0, plan=PLAN)
    fleet.train(7)
    weights = fleet.state_dict(0)["weight"].double().numpy()[0]
    scale = 1.0
    if text.startswith("adam"):  # the root of the mean squared gradient without its bias, by torch.optim
        scale = by_torch(line, text, 7)
    norm, sharpness = expected(weights, scale)
    found = look(fleet)[0]
    assert (found.step, found.limit) == (7, None if limit is None else pytest.approx(limit))
    assert found.grad_norm == pytest.approx(norm, rel=1e-4)
    assert found.sharpness == pytest.approx(sharpness, rel=1e-3)


def by_torch(task, text, steps):
    """Return √(v / (1 - β₂ᵗ)) + ε of torch.optim's Adam after the same steps."""
    fleet = launch(task, [Recipe.parse(text)], seed=0, plan=PLAN)
    weight = nn.Parameter(fleet.state_dict(0)["weight"].clone())
    optimizer = torch.optim.Adam([weight], lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(DATA[0] @ weight.T, DATA[1]).backward()
        optimizer.step()
    state = optimizer.state[weight]
    return ((state["exp_avg_sq"] / (1 - 0.999**steps)).sqrt() + 1e-8).double().numpy()[0]


def test_what_diverged_is_not_there_and_the_others_are(line):
    fleet = launch(line, [Recipe.parse("sgd(lr=1e9)"), Recipe.parse("sgd(lr=0.1)")], seed=0, plan=PLAN)
    fleet.train(30)
    assert [*look(fleet)] == [1]


def test_a_model_that_cannot_be_derived_twice_costs_its_looks_and_no_tune(line):
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(values):
            return values.clone()

        @staticmethod
        def setup_context(context, inputs, output):
            pass

        @staticmethod
        def backward(context, slope):
            raise RuntimeError("no derivative here")

    fleet = launch(line, [Recipe.parse("sgd(lr=0.1)")], seed=0, plan=PLAN)
    fleet.task = replace(line, loss=lambda output, target: Once.apply(output).sub(target).square().mean())
    assert look(fleet) == {}


def confirmed(task, journal):
    recipes = [Recipe.parse("sgd(lr=cosine(0.1), momentum=0.9)"), Recipe.parse("adamw(lr=0.01)")]
    confirmation.confirm(task, recipes, seeds=[7, 8], runner=Runner(PLAN, Silent()), journal=journal)
    return journal.measurements()


def test_trainings_that_are_looked_at_go_on_with_the_same_bits(line, monkeypatch):
    seen = confirmed(line, Journal())
    assert [each.step for each in seen[0].outcome.probes] == marks(40)
    monkeypatch.setattr(confirmation, "look", lambda fleet: {})
    alone = confirmed(line, Journal())
    assert not any(row.outcome.probes for row in alone)
    assert [(row.outcome.loss, row.outcome.train) for row in seen] == [
        (row.outcome.loss, row.outcome.train) for row in alone
    ]


def test_looks_are_kept_in_a_study(line, tmp_path):
    with_study = Journal(Study.create(Database(tmp_path / "a.db"), task="line", settings={}, seed=0))
    seen = confirmed(line, with_study)
    again = Study.open(str(tmp_path / "a.db")).measurements()
    assert [row.outcome.probes for row in again] == [row.outcome.probes for row in seen]
    assert all(isinstance(each, SharpnessProbe) for row in again for each in row.outcome.probes)
    assert again == seen
    assert isinstance(again[0], Measurement)


@pytest.mark.parametrize("steps", [1, 3, 59, 220, 100_000])
def test_looks_cost_a_tenth_of_the_steps_at_most_but_for_the_first_three(steps):
    found = marks(steps)
    assert len(found) == min(steps, 3) or 3 * len(found) <= 0.1 * steps
    assert found == sorted(set(found))
    assert 0 <= found[0] <= found[-1] < steps
