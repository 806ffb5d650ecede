"""A small real network with real gradients, in float64, and the hand-run training of a recipe on it."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from surefoot.fleet.parameter_layout import ParameterLayout
from surefoot.optimizers.parameter_groups import factors_of, norm_parameters
from surefoot.optimizers.rule import clip_by_global_norm
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.schedule import value_table


class Network(nn.Module):
    """Five inputs, a normalised layer of six, a head of three."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Tanh())
            self.head = nn.Linear(6, 3)
            self.double()
            for param in self.body[1].parameters():
                param.add_(0.3 * torch.randn_like(param))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.body(inputs))


def loss_function(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets)


def batches(steps: int, *, seed: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        inputs = torch.randn(16, 5, generator=generator, dtype=torch.float64)
        yield inputs, (inputs @ torch.arange(5.0, dtype=torch.float64)).sign().long() + 1


def flat(model: nn.Module) -> Tensor:
    """All parameters in one row."""
    return torch.cat([param.detach().reshape(-1) for param in model.parameters()])


def gradient(model: Network, row: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The gradient at parameters given in one row."""
    params, place = {}, 0
    for name, param in model.named_parameters():
        params[name] = row[place : place + param.numel()].view_as(param).clone().requires_grad_()
        place += param.numel()
    loss = loss_function(functional_call(model, params, batch[0]), batch[1])
    return torch.cat([grad.reshape(-1) for grad in torch.autograd.grad(loss, [*params.values()])])


def factor_rows(recipe: Recipe) -> tuple[Tensor, Tensor]:
    """The factors of learning rate and weight decay, each ``[P]``."""
    model = Network()
    norms = norm_parameters(model)
    rows = [
        torch.tensor([[found.lr], [found.weight_decay]]).expand(2, param.numel())
        for name, param in model.named_parameters()
        for found in [factors_of(recipe.groups, name, norm=name in norms)]
    ]
    lr, decay = torch.cat(rows, dim=1).double()
    return lr, decay


def train_by_rule(recipes: list[Recipe], *, steps: int) -> Tensor:
    """The parameters of all members after every step, ``[steps, K, P]``, from update rule, table, clip and factors."""
    rule, members = ParameterLayout.of(Network()).bind(recipes[0].rule), len(recipes)
    names = [name for name, _ in recipes[0].hyper]
    tables = {
        name: torch.from_numpy(
            value_table(
                [recipe.schedule(name) for recipe in recipes],
                totals=[steps] * members,
                first_steps=[0] * members,
                steps=steps,
            )
        )
        for name in names
    }
    lr_rows, decay_rows = (torch.stack(rows) for rows in zip(*map(factor_rows, recipes), strict=True))
    clips = torch.tensor([[np.inf if recipe.clip is None else recipe.clip] for recipe in recipes], dtype=torch.float64)
    switches = {name: torch.tensor([[float(name in r.switches)] for r in recipes]).double() for name in rule.switches}
    model = Network()
    params = flat(model).expand(members, -1).clone()
    slots, course = rule.fresh_slots(params), []
    for step, batch in enumerate(batches(steps)):
        grads = clip_by_global_norm(torch.stack([gradient(model, row, batch) for row in params]), clips)
        hyper = {name: tables[name][:, step : step + 1] for name in names} | switches
        hyper["lr"] = hyper["lr"] * lr_rows
        hyper["weight_decay"] = hyper["weight_decay"] * decay_rows
        params, slots = rule.update(params, grads, slots, hyper)
        course.append(params)
    return torch.stack(course)


def train_in_loop(
    make: Callable[[nn.Module], tuple[torch.optim.Optimizer, Callable[[int], None], Callable[[], None]]], *, steps: int
) -> Tensor:
    """The parameters after every step of a plain torch loop, ``[steps, P]``.

    ``make`` returns the optimizer, what to do before step number so-and-so, and what to do after every step.
    """
    model, course = Network(), []
    optimizer, before, after = make(model)
    for step, (inputs, targets) in enumerate(batches(steps)):
        optimizer.zero_grad()
        loss_function(model(inputs), targets).backward()
        before(step)
        optimizer.step()
        after()
        course.append(flat(model))
    return torch.stack(course)


def nothing(*_: object) -> None:
    """What is done where nothing is to be done."""
