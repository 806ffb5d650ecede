"""Create a fleet from a plan and recipes; save its state to one safetensors file and load it again."""

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
from surefoot.fleet.backends import SerialFleet, StackedFleet
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Backend, Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

# The backends, by the name that a plan has for them.
FLEET_CLASSES: dict[Backend, type[Fleet]] = {"serial": SerialFleet, "stacked": StackedFleet}
# Version of the file format.
STATE_SCHEMA = 1
_METADATA_KEY = "surefoot"


def create_fleet(
    task: Task, recipes: Sequence[Recipe], *, seed: int, plan: Plan, total: int | Sequence[int] | None = None
) -> Fleet:
    """Return a new fleet with one member for each recipe.

    Args:
        task: The task that all members train.
        recipes: One recipe for each member, at least one.
        seed: Seed of initialisation, data order and dropout, at least 0.
        plan: Backend, width, processes, threads and device.
        total: Length of the training in steps, for all members or for each; the task's own by default.

    Raises:
        RecipeError: If there is no recipe, the seed is below 0, or a recipe names parameters that the model has not.
    """
    if not recipes:
        raise RecipeError("a fleet needs at least one recipe; given none.")
    if seed < 0:
        raise RecipeError(f"a fleet's seed is a whole number of at least 0; given {seed}.")
    return FLEET_CLASSES[plan.backend](task, recipes, seed=seed, plan=plan, total=total)


def save_fleet(fleet: Fleet, path: Path) -> None:
    """Write a fleet's whole state to one file, atomically.

    Raises:
        OutputError: If the file cannot be written.
        StudyError: If an exception stopped a training: parameters and step counts may not agree.
    """
    if not fleet.consistent:
        raise StudyError("a fleet whose training was stopped in the middle of a step cannot be saved.")
    metadata = {"seed": fleet.seed, "recipes": [recipe.to_json() for recipe in fleet.recipes], **fleet.layout.to_json()}
    write_state(path, dict(fleet.state()), metadata)


def load_fleet(path: Path, task: Task, *, plan: Plan) -> Fleet:
    """Return the fleet that :func:`save_fleet` wrote; its training continues as if it had never stopped.

    Args:
        path: The file.
        task: The task that the fleet was created for.
        plan: The plan to go on with; it may differ from the plan that the fleet was saved under.

    Raises:
        StudyError: If the file cannot be read or belongs to another model.
    """
    tensors, metadata = read_state(path)
    try:
        recipes, seed = [Recipe.from_json(data) for data in metadata["recipes"]], int(metadata["seed"])
        fleet = create_fleet(task, recipes, seed=seed, plan=plan)
        if fleet.layout.to_json()["parameters"] != metadata["parameters"]:
            raise StudyError(f"its parameters are not those of task {task.name!r}.")
        fleet.restore(tensors)
    except (KeyError, TypeError, ValueError, StudyError) as error:
        raise StudyError(f"the checkpoint {str(path)!r} does not fit: {error}") from None
    return fleet


def write_state(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors with JSON metadata to a safetensors file, atomically.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        plain = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        try:
            save_file(plain, temporary, metadata={_METADATA_KEY: json.dumps({"schema": STATE_SCHEMA} | metadata)})
        except SafetensorError as error:  # such as a full disk, which it does not report as an OSError
            raise OSError(str(error)) from None


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the metadata that :func:`write_state` wrote.

    Raises:
        StudyError: If the file is missing, damaged or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})[_METADATA_KEY])
            if metadata["schema"] != STATE_SCHEMA:
                raise ValueError(f"its version is {metadata['schema']!r}; this surefoot reads {STATE_SCHEMA}")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        not_ours = isinstance(error, KeyError | TypeError)
        cause = "it does not hold the state of a fleet" if not_ours else str(error).splitlines()[0]
        raise StudyError(f"cannot read the checkpoint {str(path)!r}: {cause}.") from None
