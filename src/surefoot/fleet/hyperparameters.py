"""Every hyperparameter of every member for the steps ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from surefoot.fleet.layout import Layout
from surefoot.optimizers.rule import Hyper, UpdateRule
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.schedule import table


@dataclass(frozen=True, slots=True, eq=False)
class RuleTable:
    """The hyperparameters of the members that share one update rule.

    Attributes:
        rule: Their update rule.
        rows: Their places in the fleet, ascending.
        tables: Scheduled hyperparameters, each ``[steps, k, 1]``.
        fixed: Switches, each ``[k, 1]``.
        factors: Factors on learning rate and weight decay, each ``[k, P]``; absent where no recipe has groups.
        clip: Largest gradient norm ``[k, 1]``, or ``None`` where no recipe clips.
    """

    rule: UpdateRule
    rows: tuple[int, ...]
    tables: dict[str, Tensor]
    fixed: dict[str, Tensor]
    factors: dict[str, Tensor]
    clip: Tensor | None

    def at(self, ahead: int) -> Hyper:
        """Return the hyperparameters ``ahead`` steps from the beginning of the table."""
        return with_factors(self.row(ahead), self.factors)

    def row(self, ahead: int) -> dict[str, Tensor]:
        """Return the same without the factors, each ``[k, 1]``."""
        return {name: values[ahead] for name, values in self.tables.items()} | self.fixed

    def padded(self, width: int) -> RuleTable:
        """Return the table with copies of its first member behind the others, so that there are ``width``."""
        return replace(
            self,
            tables={name: pad(values, width, dim=1) for name, values in self.tables.items()},
            fixed={name: pad(values, width) for name, values in self.fixed.items()},
            factors={name: pad(values, width) for name, values in self.factors.items()},
            clip=None if self.clip is None else pad(self.clip, width),
        )


def with_factors(values: dict[str, Tensor], factors: dict[str, Tensor]) -> Hyper:
    """Return hyperparameters times the factors that there are for them."""
    return {name: value * factors[name] if name in factors else value for name, value in values.items()}


def pad(tensor: Tensor, width: int, *, dim: int = 0) -> Tensor:
    """Return the members along ``dim`` with copies of the first behind them, so that there are ``width``.

    Example:
        >>> pad(torch.tensor([5, 6]), 4)
        tensor([5, 6, 5, 5])
    """
    missing = width - tensor.shape[dim]
    return torch.cat([tensor, *[tensor.narrow(dim, 0, 1)] * missing], dim) if missing else tensor


def rule_tables(
    recipes: Sequence[Recipe],
    rows: Sequence[int],
    *,
    totals: Sequence[int],
    begins: Sequence[int],
    steps: int,
    lr_scale: Tensor,
    layout: Layout,
    like: Tensor,
) -> tuple[RuleTable, ...]:
    """Return one table for each update rule among some members.

    Args:
        recipes: The recipes of all K members.
        rows: Places of the members wanted.
        totals: Length of each member's training.
        begins: Its present step.
        steps: How many steps ahead.
        lr_scale: Factor on each member's learning rate ``[K]``.
        layout: Of the parameters, for groups.
        like: A tensor of the dtype and device wanted.
    """
    by_rule: dict[UpdateRule, list[int]] = {}
    for row in rows:
        by_rule.setdefault(layout.bound(recipes[row].rule), []).append(row)

    def rule_table(rule: UpdateRule, members: list[int]) -> RuleTable:
        own = [recipes[row] for row in members]
        own_totals, own_begins = [totals[row] for row in members], [begins[row] for row in members]
        scheduled = {
            spec.name: _column(
                table(
                    [recipe.schedule(spec.name) for recipe in own], totals=own_totals, begins=own_begins, steps=steps
                ),
                like,
            )
            for spec in rule.hyperparameters
        }
        scheduled["lr"] = scheduled["lr"] * lr_scale[members].to(like).view(1, -1, 1)
        return RuleTable(
            rule=rule,
            rows=tuple(members),
            tables=scheduled,
            fixed=_switches(rule, own, like),
            factors=_factors(own, layout, like, decays=bool(scheduled["weight_decay"].any())),
            clip=_clip(own, like),
        )

    return tuple(rule_table(rule, members) for rule, members in by_rule.items())


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    """Turn ``[k, steps]`` into ``[steps, k, 1]``."""
    return torch.from_numpy(np.ascontiguousarray(values.T)).to(like).unsqueeze(-1)


def _switches(rule: UpdateRule, recipes: list[Recipe], like: Tensor) -> dict[str, Tensor]:
    return {name: like.new_tensor([[float(name in recipe.switches)] for recipe in recipes]) for name in rule.switches}


def _factors(recipes: list[Recipe], layout: Layout, like: Tensor, *, decays: bool) -> dict[str, Tensor]:
    if not any(recipe.groups for recipe in recipes) and not (layout.unused and decays):
        return {}
    lr, decay = zip(*(layout.factors(recipe.groups) for recipe in recipes), strict=True)
    return {"lr": torch.stack(lr).to(like), "weight_decay": torch.stack(decay).to(like)}


def _clip(recipes: list[Recipe], like: Tensor) -> Tensor | None:
    if all(recipe.clip is None for recipe in recipes):
        return None
    return like.new_tensor([[float("inf") if recipe.clip is None else recipe.clip] for recipe in recipes])
