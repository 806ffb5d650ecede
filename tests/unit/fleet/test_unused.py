import torch
from torch import nn

from surefoot.fleet.launch import launch
from surefoot.fleet.layout import unused_parameters
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task


class Spare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


def make_task(model) -> Task:
    x = torch.ones(8, 3)
    return Task("small", model, nn.functional.mse_loss, (x, x[:, :2]), (x, x[:, :2]), batch_size=4, steps=10)


def test_what_the_objective_does_not_reach_is_unused():
    assert unused_parameters(make_task(Spare)) == {"spare.weight", "spare.bias"}
    assert unused_parameters(make_task(lambda: nn.Linear(3, 2))) == frozenset()


def test_weight_decay_passes_over_them_as_torch_does():
    recipe = Recipe.parse("adamw(lr=0.1, weight_decay=0.5)")
    for plan in (Plan("serial", 1), Plan("stacked", 2)):
        fleet = launch(make_task(Spare), [recipe] * 2, seed=0, plan=plan)
        first = fleet.params.clone()
        train_members(fleet, 5)
        for name, after in fleet.layout.unflatten(fleet.params[0]).items():
            before = fleet.layout.unflatten(first[0])[name]
            assert torch.equal(before, after) == name.startswith("spare")
