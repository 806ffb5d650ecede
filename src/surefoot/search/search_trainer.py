"""The trainer of a search: a fleet for a Task, or the function, script or trainer that the user gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.budget_allocation import StageSizes
from surefoot.search.request import Request
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.make_trainer import make_fleet_trainer, trainer_or_task
from surefoot.trainers.trial import Trainer, Trial

if TYPE_CHECKING:
    from torch import nn

# A fleet is calibrated for so many members at once: more than a search ever hands over together.
FLEET_MEMBERS = 32


def search_trainer(request: Request) -> Trainer:
    """Return the trainer of a search.

    Raises:
        TaskError: If the subject cannot be trained, or the length of a function's training is not known.
        RecipeError: If a pattern of parameters matches none of the task's model.
    """
    follow_valid = request.criterion.score_at == "best"
    trainer = trainer_or_task(
        request.subject,
        steps=request.steps,
        plan=request.plan,
        device=request.device,
        follow_valid=follow_valid,
        progress=request.progress,
        stop=request.stop,
        workers=request.workers,
        timeout=request.timeout,
        output=request.output,
    )
    if not isinstance(trainer, Task):
        return trainer
    task = trainer
    _require_patterns(task, [request.space.recipe_with_groups(), *request.compare])
    sizes = StageSizes.of(task.total_steps, axes=2, optimizers=len(request.space.optimizers))
    trainings = request.budget.trainings or sizes.config_steps / task.total_steps + 1.0
    fleet = make_fleet_trainer(
        task,
        plan=request.plan or _recorded_plan(request.study),
        members=FLEET_MEMBERS,
        config_steps=round(trainings * task.total_steps),
        device=request.device,
        progress=request.progress,
        stop=request.stop,
    )
    fleet.follow_valid = follow_valid
    fleet.evaluate_test = True
    fleet.probe_full = fleet.keep_models = request.command == "tune"
    return fleet


def measured_step_seconds(trainer: Trainer) -> float | None:
    """Return the seconds of one config-step, ``None`` where no plan has measured them."""
    plan = getattr(trainer, "plan", None)
    microseconds = None if plan is None else plan.config_step_us
    return None if microseconds is None else 1e-6 * microseconds


def parallel_trials(trainer: Trainer) -> int:
    """Return how many trials run at once in the measured time of a step: a fleet's time is already per member."""
    return trainer.capacity if trainer.exact else 1


def new_model_of(trainer: Trainer) -> Callable[[], nn.Module] | None:
    """Return the model factory of a trainer's Task, ``None`` for functions and scripts."""
    task = getattr(trainer, "task", None)
    return None if task is None else task.new_model


def trained_model_of(trainer: Trainer, recipe: Recipe, *, steps: int, seed: int) -> Callable[[], nn.Module] | None:
    """Return a function that returns the model a recipe was trained to; ``None`` where no weights were kept."""
    new_model, state_of = new_model_of(trainer), getattr(trainer, "model_state", None)
    state = None if new_model is None or state_of is None else state_of(Trial(recipe, steps, seed))
    if new_model is None or state is None:
        return None

    def trained_model() -> nn.Module:
        model = new_model()
        model.load_state_dict(state, strict=False)
        return model

    return trained_model


def _recorded_plan(study: object) -> Plan | None:
    """Return the plan of a study that is resumed."""
    recorded = study.info().plan if isinstance(study, Study) else None
    return None if recorded is None else Plan.from_json(recorded)


def _require_patterns(task: Task, recipes: Sequence[Recipe]) -> None:
    """Check, before any training, that every pattern of parameters matches one of the task's model.

    Raises:
        RecipeError: For the first recipe with a pattern that does not.
    """
    for recipe in recipes:
        if recipe.groups:
            recipe.build(task.new_model(), steps=task.total_steps)
