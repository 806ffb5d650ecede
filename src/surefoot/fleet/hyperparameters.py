"""Tables of every hyperparameter of every member for the coming steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from surefoot.fleet.parameter_layout import ParameterLayout
from surefoot.optimizers.rule import Hyper, UpdateRule
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.schedule import value_table


@dataclass(frozen=True, slots=True, eq=False)
class RuleTable:
    """The hyperparameters of the k members of a group that share one update rule.

    Attributes:
        rule: The update rule.
        members: Indices of the members in the fleet, ascending.
        scheduled: Hyperparameters that follow a schedule, by name, each ``[steps, k, 1]``.
        switches: Switches such as ``nesterov`` by name, 0 or 1, each ``[k, 1]``.
        factors: Factors on learning rate and weight decay, each ``[k, P]``; empty where no recipe has parameter groups.
        clip: Maximum gradient norm ``[k, 1]``, or ``None`` where no recipe clips.
    """

    rule: UpdateRule
    members: tuple[int, ...]
    scheduled: dict[str, Tensor]
    switches: dict[str, Tensor]
    factors: dict[str, Tensor]
    clip: Tensor | None

    def values_at(self, offset: int) -> Hyper:
        """Return the hyperparameters ``offset`` steps after the table's first step."""
        return with_factors(self.values_without_factors(offset), self.factors)

    def values_without_factors(self, offset: int) -> dict[str, Tensor]:
        """Return the hyperparameters ``offset`` steps after the first, each ``[k, 1]``, without the groups' factors."""
        return {name: values[offset] for name, values in self.scheduled.items()} | self.switches

    def padded(self, width: int) -> RuleTable:
        """Return the table with copies of its first member appended, so that it has ``width`` members."""
        return replace(
            self,
            scheduled={name: pad_members(values, width, dim=1) for name, values in self.scheduled.items()},
            switches={name: pad_members(values, width) for name, values in self.switches.items()},
            factors={name: pad_members(values, width) for name, values in self.factors.items()},
            clip=None if self.clip is None else pad_members(self.clip, width),
        )


def with_factors(values: dict[str, Tensor], factors: dict[str, Tensor]) -> Hyper:
    """Return hyperparameters, each multiplied by its factor where it has one."""
    return {name: value * factors[name] if name in factors else value for name, value in values.items()}


def pad_members(tensor: Tensor, width: int, *, dim: int = 0) -> Tensor:
    """Return a tensor with copies of its first member appended along ``dim``, so that it has ``width`` members.

    Example:
        >>> pad_members(torch.tensor([5, 6]), 4)
        tensor([5, 6, 5, 5])
    """
    missing = width - tensor.shape[dim]
    return torch.cat([tensor, *[tensor.narrow(dim, 0, 1)] * missing], dim) if missing else tensor


def rule_tables(
    recipes: Sequence[Recipe],
    members: Sequence[int],
    *,
    totals: Sequence[int],
    first_steps: Sequence[int],
    steps: int,
    lr_scale: Tensor,
    layout: ParameterLayout,
    like: Tensor,
) -> tuple[RuleTable, ...]:
    """Return one table for each update rule that some members use.

    Args:
        recipes: The recipes of all K members of the fleet.
        members: Indices of the members that the tables are for.
        totals: Length in steps of each of the K members' trainings.
        first_steps: The step that each of the K members takes next.
        steps: Number of steps that the tables cover.
        lr_scale: Factor on each member's learning rate ``[K]``.
        layout: Layout of the parameters, for parameter groups.
        like: A tensor of the wanted dtype and device.
    """
    by_rule: dict[UpdateRule, list[int]] = {}
    for member in members:
        by_rule.setdefault(layout.bind(recipes[member].rule), []).append(member)

    def scheduled(name: str, users: list[int]) -> Tensor:
        schedules = [recipes[member].schedule(name) for member in users]
        lengths, begins = [totals[member] for member in users], [first_steps[member] for member in users]
        return _to_steps_first(value_table(schedules, totals=lengths, first_steps=begins, steps=steps), like)

    def rule_table(rule: UpdateRule, users: list[int]) -> RuleTable:
        their_recipes = [recipes[member] for member in users]
        values = {spec.name: scheduled(spec.name, users) for spec in rule.hyperparameters}
        values["lr"] = values["lr"] * lr_scale[users].to(like).view(1, -1, 1)
        decays = "weight_decay" in values and bool(values["weight_decay"].any())
        return RuleTable(
            rule=rule,
            members=tuple(users),
            scheduled=values,
            switches=_switches(rule, their_recipes, like),
            factors=_factors(their_recipes, layout, like, decays=decays),
            clip=_clip(their_recipes, like),
        )

    return tuple(rule_table(rule, users) for rule, users in by_rule.items())


def _to_steps_first(values: np.ndarray, like: Tensor) -> Tensor:
    """Turn ``[k, steps]`` into ``[steps, k, 1]``."""
    return torch.from_numpy(np.ascontiguousarray(values.T)).to(like).unsqueeze(-1)


def _switches(rule: UpdateRule, recipes: list[Recipe], like: Tensor) -> dict[str, Tensor]:
    return {name: like.new_tensor([[float(name in recipe.switches)] for recipe in recipes]) for name in rule.switches}


def _factors(recipes: list[Recipe], layout: ParameterLayout, like: Tensor, *, decays: bool) -> dict[str, Tensor]:
    if not any(recipe.groups for recipe in recipes) and not (layout.unused and decays):
        return {}
    lr, decay = zip(*(layout.factors(recipe.groups) for recipe in recipes), strict=True)
    return {"lr": torch.stack(lr).to(like), "weight_decay": torch.stack(decay).to(like)}


def _clip(recipes: list[Recipe], like: Tensor) -> Tensor | None:
    if all(recipe.clip is None for recipe in recipes):
        return None
    return like.new_tensor([[float("inf") if recipe.clip is None else recipe.clip] for recipe in recipes])
