"""A recipe as the columns of a table: one number or word for each setting that a search may choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from surefoot.recipe.recipe import Recipe
from surefoot.schedules.base import Schedule
from surefoot.schedules.composers import Sequence as InTurn
from surefoot.schedules.composers import Warmup, without_warmup

Setting: TypeAlias = float | str
# What stands in the table however little it varies.
ALWAYS = ("optimizer", "schedule", "lr", "momentum")


def settings_of(recipe: Recipe, *, total: int) -> dict[str, Setting]:
    """Return the settings of a recipe in a training of ``total`` steps.

    Learning rate, momentum and weight decay are the largest values of their schedules; ``warmup`` is a share of the
    training, ``final`` the last learning rate as a share of the largest. What a recipe does not have is not there.

    Example:
        >>> settings_of(Recipe.parse("sgd(lr=linear(0.5, warmup=10%, final=0.05), clip=1.0)"), total=1000)["warmup"]
        0.1
    """
    steps = np.arange(total)
    rates = recipe.lr.values(steps, total)
    hyper = dict(recipe.hyper)
    highest = float(rates.max())
    settings: dict[str, Setting] = {
        "optimizer": recipe.optimizer,
        "schedule": _shape(recipe),
        "lr": highest,
        "momentum": float(recipe.momentum.values(steps, total).max()),
        "warmup": _warmup(recipe.lr, total),
        "final": round(float(rates[-1]) / highest, 4) if highest else 0.0,
        "nesterov": "yes" if "nesterov" in recipe.switches else "no",
    }
    if recipe.clip is not None:
        settings["clip"] = recipe.clip
    if "weight_decay" in hyper:
        settings["weight_decay"] = float(hyper["weight_decay"].values(steps, total).max())
    return settings


def varying(rows: Sequence[dict[str, Setting]]) -> list[str]:
    """Return the settings worth a column: those that differ between the rows, and a few that are always wanted.

    Example:
        >>> varying([{"lr": 0.1, "final": 0.0}, {"lr": 0.1, "clip": 1.0, "final": 0.0}])
        ['lr', 'clip']
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name in ALWAYS or len({row.get(name) for row in rows}) > 1]


def _shape(recipe: Recipe) -> str:
    """Return the name of the learning rate's schedule, its warmup left aside."""
    schedule = without_warmup(recipe.lr)
    return "sequence" if isinstance(schedule, InTurn) else schedule.name


def _warmup(schedule: Schedule, total: int) -> float:
    """Return the share of the training in which a schedule warms up."""
    first = schedule.parts[0] if isinstance(schedule, InTurn) else schedule
    return first.length.exact(total) / total if isinstance(first, Warmup) else 0.0
