"""Recipe -> an ordinary torch optimizer and its scheduler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer

from surefoot.errors import RecipeError
from surefoot.optimizers.groups import Factors, factors_of, norm_parameters, unmatched
from surefoot.optimizers.pieces import hidden_matrices
from surefoot.recipe.names import switches_of
from surefoot.recipe.scheduler import RecipeScheduler, torch_settings
from surefoot.recipe.torch_lion import LionOptimizer
from surefoot.recipe.torch_muon import MuonWithAdamW

if TYPE_CHECKING:
    from surefoot.recipe.recipe import Recipe

Named: TypeAlias = list[tuple[str, torch.Tensor]]

TORCH_OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "lion": LionOptimizer,
    "muon": MuonWithAdamW,
    "adafactor": torch.optim.Adafactor,
}


def build(
    recipe: Recipe, params_or_model: nn.Module | Iterable[Any], *, steps: int
) -> tuple[Optimizer, RecipeScheduler]:
    """Return the torch optimizer and scheduler that train exactly as the recipe does in a fleet.

    The loop is the usual one: ``loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()``.
    Clipping, where the recipe has it, happens inside ``optimizer.step()``.

    Args:
        recipe: What to build.
        params_or_model: The model, or its parameters (``(name, parameter)`` pairs where the recipe has name patterns).
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If groups or Muon need the model, a pattern matches no parameter, or nothing is trained.

    Example:
        >>> from surefoot import Recipe
        >>> optimizer, scheduler = build(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9)"), nn.Linear(2, 1), steps=100)
        >>> optimizer.param_groups[0]["lr"]
        0.3
    """
    recipe.require_bounds(steps=steps)
    groups = _parameter_groups(recipe, params_or_model)
    first = {name: schedule.value(0, steps) for name, schedule in recipe.hyper}
    if "nesterov" in recipe.switches:
        # Torch refuses Nesterov without momentum at construction only; the scheduler sets the true value at once.
        first["momentum"] = first["momentum"] or 0.5
    settings = torch_settings(first) | {name: name in recipe.switches for name in switches_of(recipe.optimizer)}
    of_muon = [{"hidden": hidden} if recipe.optimizer == "muon" else {} for _, hidden in groups]
    params = [{"params": members} | own for members, own in zip(groups.values(), of_muon, strict=True)]
    optimizer = TORCH_OPTIMIZERS[recipe.optimizer](params, **settings)
    if recipe.clip is not None:
        _clip_before_step(optimizer, recipe.clip)
    if recipe.optimizer == "rmsprop":
        optimizer.register_step_pre_hook(_complete_velocities)
    return optimizer, RecipeScheduler(optimizer, recipe, steps=steps, factors=[factors for factors, _ in groups])


def _parameter_groups(recipe: Recipe, params_or_model: Any) -> dict[tuple[Factors, bool], list[torch.Tensor]]:
    """Return the parameters by their factors and, for Muon, by whether they are hidden matrices."""
    hidden: frozenset[str] = frozenset()
    if isinstance(params_or_model, nn.Module):
        named: Named = [(name, param) for name, param in params_or_model.named_parameters() if param.requires_grad]
        norms = norm_parameters(params_or_model)
        hidden = hidden_matrices(params_or_model) if recipe.optimizer == "muon" else hidden
    else:
        named, norms = _named(recipe, params_or_model), frozenset()
    if not named:
        raise RecipeError("there are no parameters to train.")
    missed = unmatched(recipe.groups, [name for name, _ in named])
    if missed:
        raise RecipeError(f"{recipe}: no parameter matches {missed[0]!r}.", hint=f"there are {_some(named)}.")
    groups: dict[tuple[Factors, bool], list[torch.Tensor]] = {}
    for name, param in named:
        factors = factors_of(recipe.groups, name, norm=name in norms)
        groups.setdefault((factors, name in hidden), []).append(param)
    return groups


def _named(recipe: Recipe, params: Any) -> Named:
    """Return what was given in place of a model as names and parameters; names may be empty where none are needed."""
    given = list(params) if isinstance(params, Iterable) and not isinstance(params, torch.Tensor) else [params]
    pairs = [item if isinstance(item, tuple) and len(item) == 2 else ("", item) for item in given]
    if not all(isinstance(name, str) and isinstance(param, torch.Tensor) for name, param in pairs):
        raise RecipeError("a recipe is built for a model, parameters, or (name, parameter) pairs.")
    if recipe.optimizer == "muon":
        what = "muon treats hidden matrices differently from embeddings and the output layer"
        raise RecipeError(f"{what}: it needs the model; given parameters.", hint="pass the model itself.")
    bare = any(not name for name, _ in pairs)
    if recipe.groups and (bare or "norm" in recipe.groups.patterns):
        what = "bare parameters" if bare else "names, which do not tell the normalisation layers"
        raise RecipeError(f"{recipe}: its groups need the model; given {what}.", hint="pass the model itself.")
    return pairs


def _some(named: Named) -> str:
    names = [name for name, _ in named]
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _clip_before_step(optimizer: Optimizer, max_norm: float) -> None:
    def clip(*_: Any) -> None:
        params = [param for group in optimizer.param_groups for param in group["params"]]
        nn.utils.clip_grad_norm_(params, max_norm)

    optimizer.register_step_pre_hook(clip)


def _complete_velocities(optimizer: Optimizer, *_: Any) -> None:
    """Make the velocities that torch's RMSprop makes at the first step only, and only if momentum is above 0 then."""
    for state in optimizer.state.values():
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(state["square_avg"])
