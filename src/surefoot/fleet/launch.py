"""A fleet's whole state in one safetensors file.

A plan and recipes -> a fleet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from surefoot.core.errors import RecipeError, StudyError
from surefoot.core.files import atomic_path
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Backend, Plan
from surefoot.fleet.serial import SerialFleet
from surefoot.fleet.stacked import StackedFleet
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

SCHEMA = 1
_KEY = "surefoot"


def write_state(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and what there is to say about them, whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        plain = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        try:
            save_file(plain, temporary, metadata={_KEY: json.dumps({"schema": SCHEMA} | about)})
        except SafetensorError as error:  # such as a full disk, which it does not report as an OSError
            raise OSError(str(error)) from None


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what :func:`write_state` wrote.

    Raises:
        StudyError: If the file is missing, damaged or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            if about["schema"] != SCHEMA:
                raise ValueError(f"it is of version {about['schema']!r}, this surefoot reads {SCHEMA}")
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        cause = "it is no fleet's state" if isinstance(error, KeyError | TypeError) else str(error).splitlines()[0]
        raise StudyError(f"cannot read the checkpoint {str(path)!r}: {cause}.") from None


FLEETS: dict[Backend, type[Fleet]] = {"serial": SerialFleet, "stacked": StackedFleet}


def launch(
    task: Task, recipes: Sequence[Recipe], *, seed: int, plan: Plan, total: int | Sequence[int] | None = None
) -> Fleet:
    """Return a fleet of some recipes, run as the plan says.

    Args:
        task: What is trained.
        recipes: One for each member, at least one.
        seed: Of initialisation, data order and dropout; at least 0.
        plan: Backend, width and device.
        total: Length of the training, the task's own by default; one number or one for each member.

    Raises:
        RecipeError: If there is no recipe, the seed is below 0, or a recipe names parameters that the model has not.
    """
    if not recipes:
        raise RecipeError("a fleet needs at least one recipe; given none.")
    if seed < 0:
        raise RecipeError(f"a fleet's seed is a whole number of at least 0; given {seed}.")
    return FLEETS[plan.backend](task, recipes, seed=seed, plan=plan, total=total)


def load(path: Path, task: Task, plan: Plan) -> Fleet:
    """Return the fleet that ``save`` wrote, to be trained on as if it had never stopped.

    Args:
        path: The file.
        task: The task that the fleet was made for.
        plan: How to run it; may be another than it was saved under.

    Raises:
        StudyError: If the file cannot be read or holds another model.
    """
    tensors, about = read_state(path)
    try:
        recipes, seed = [Recipe.from_json(data) for data in about["recipes"]], int(about["seed"])
        fleet = launch(task, recipes, seed=seed, plan=plan)
        if fleet.layout.to_json()["parameters"] != about["parameters"]:
            raise StudyError(f"its parameters are not those of task {task.name!r}.")
        fleet.restore(tensors)
    except (KeyError, TypeError, ValueError, StudyError) as error:
        raise StudyError(f"the checkpoint {str(path)!r} does not fit: {error}") from None
    return fleet


def save_fleet(fleet: Fleet, path: Path) -> None:
    """Write a fleet's whole state to one file, atomically.

    Raises:
        OutputError: If the file cannot be written.
        StudyError: If a training was stopped by an exception: parameters and step numbers may not agree.
    """
    if not fleet.whole:
        raise StudyError("a fleet that was stopped in the middle of its steps cannot be saved.")
    about = {"seed": fleet.seed, "recipes": [recipe.to_json() for recipe in fleet.recipes], **fleet.layout.to_json()}
    write_state(path, dict(fleet.state()), about)
