"""A plan and recipes -> a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from surefoot.errors import RecipeError, StudyError
from surefoot.fleet.local import LocalFleet
from surefoot.fleet.plan import Backend, Plan
from surefoot.fleet.serial import SerialFleet
from surefoot.fleet.stacked import StackedFleet
from surefoot.fleet.storage import read_state
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

FLEETS: dict[Backend, type[LocalFleet]] = {"serial": SerialFleet, "stacked": StackedFleet}


def launch(
    task: Task, recipes: Sequence[Recipe], *, seed: int, plan: Plan, total: int | Sequence[int] | None = None
) -> LocalFleet:
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


def load(path: Path, task: Task, plan: Plan) -> LocalFleet:
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
