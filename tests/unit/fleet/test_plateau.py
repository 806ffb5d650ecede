import pytest
import torch
from torch import nn

from surefoot.errors import RecipeError
from surefoot.fleet import Plan, Plateau, launch
from surefoot.recipe import Recipe
from surefoot.tasks.task import Task


@pytest.mark.parametrize(
    "settings",
    [{"factor": 1.0}, {"factor": 0.0}, {"patience": -1}, {"cooldown": -1}, {"threshold": -0.1}, {"lowest": 2}],
)
def test_numbers_out_of_range_are_refused(settings):
    with pytest.raises(RecipeError, match="plateau: factor is in"):
        Plateau(**settings)


@pytest.mark.parametrize("backend", ["serial", "stacked"])
def test_it_lowers_the_rate_of_the_member_that_stopped_and_that_saves_it(backend):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=generator)
    y = x.sum(1, keepdim=True) + torch.randn(200, 1, generator=generator)
    task = Task("noisy", lambda: nn.Linear(6, 1), nn.functional.mse_loss, (x, y), (x, y), batch_size=4, steps=400)
    recipes, plan = [Recipe.of("sgd", lr=0.08), Recipe.of("sgd", lr=1e-5)], Plan(backend, 2)
    plain, controlled = (launch(task, recipes, seed=0, plan=plan) for _ in range(2))
    plain.train(400)
    losses = Plateau(factor=0.3, patience=2).train(controlled, steps=400, every=15)
    assert losses.shape == (400, 2)
    assert controlled.lr_scale[0] < 0.1, "its noise floor is reached at once"
    assert controlled.lr_scale[1] == 1.0, "it falls slowly and steadily"
    assert controlled.evaluate("valid").loss[0] < 0.95 * plain.evaluate("valid").loss[0]
    assert torch.equal(controlled.params[1], plain.params[1])


def test_steps_between_looks():
    x = torch.ones(4, 1)
    task = Task("line", lambda: nn.Linear(1, 1), nn.functional.mse_loss, (x, x), (x, x), batch_size=2, steps=5)
    fleet = launch(task, [Recipe()] * 2, seed=0, plan=Plan())
    with pytest.raises(RecipeError, match="at least 1; given 0"):
        Plateau().train(fleet, steps=5, every=0)
    assert Plateau().train(fleet, steps=0, every=3).shape == (0, 2)
    assert Plateau().train(fleet, steps=5, every=3).shape == (5, 2)
    assert fleet.step.tolist() == [5, 5]
