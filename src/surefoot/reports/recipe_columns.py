"""A recipe as columns of a table: one number or word for each hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Sequence as ScheduleSequence
from surefoot.schedules.composition import Warmup, without_warmup
from surefoot.schedules.schedule import Schedule

HParamValue: TypeAlias = float | str
# Columns that a table has even where all recipes agree.
ALWAYS_SHOWN = ("optimizer", "schedule", "lr", "momentum")


def recipe_columns(recipe: Recipe, *, total: int) -> dict[str, HParamValue]:
    """Return the hyperparameters of a recipe, by name; those that it does not have are left out.

    Learning rate, momentum and weight decay are the largest values of their schedules; ``warmup`` is a share of the
    training, ``final`` the last learning rate as a share of the largest.

    Args:
        recipe: The recipe.
        total: Length of the training in steps.

    Example:
        >>> recipe_columns(Recipe.parse("sgd(lr=linear(0.5, warmup=10%, final=0.05), clip=1.0)"), total=1000)["warmup"]
        0.1
    """
    steps = np.arange(total)
    rates = recipe.lr.values(steps, total)
    hyper = dict(recipe.hyper)
    highest = float(rates.max())
    columns: dict[str, HParamValue] = {
        "optimizer": recipe.optimizer,
        "schedule": _schedule_name(recipe),
        "lr": highest,
        "momentum": float(recipe.momentum.values(steps, total).max()),
        "warmup": _warmup_share(recipe.lr, total),
        "final": round(float(rates[-1]) / highest, 4) if highest else 0.0,
        "nesterov": "yes" if "nesterov" in recipe.switches else "no",
    }
    if recipe.clip is not None:
        columns["clip"] = recipe.clip
    if "weight_decay" in hyper:
        columns["weight_decay"] = float(hyper["weight_decay"].values(steps, total).max())
    return columns


def columns_that_vary(rows: Sequence[Mapping[str, HParamValue]]) -> list[str]:
    """Return the names of the columns that differ between rows, and of those that are always shown.

    Args:
        rows: The columns of several recipes.

    Example:
        >>> columns_that_vary([{"lr": 0.1, "final": 0.0}, {"lr": 0.1, "clip": 1.0, "final": 0.0}])
        ['lr', 'clip']
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name in ALWAYS_SHOWN or len({row.get(name) for row in rows}) > 1]


def _schedule_name(recipe: Recipe) -> str:
    """Return the name of the learning rate's schedule without its warmup."""
    schedule = without_warmup(recipe.lr)
    return "sequence" if isinstance(schedule, ScheduleSequence) else schedule.name


def _warmup_share(schedule: Schedule, total: int) -> float:
    """Return the share of the training in which a schedule warms up."""
    first = schedule.parts[0] if isinstance(schedule, ScheduleSequence) else schedule
    return first.length.exact(total) / total if isinstance(first, Warmup) else 0.0
