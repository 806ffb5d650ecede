"""The trainer of a search, the study that records it, and the trained weights that are kept next to the study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from surefoot.core.budget import Budget
from surefoot.core.files import atomic_path
from surefoot.core.value_types import Json
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.budgeted_trials import StageSizes
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers import as_sampler
from surefoot.studies.study import Study
from surefoot.studies.study_session import open_driven_study
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


# Settings that must be unchanged when a study is resumed; budget, comparisons and tolerance may change.
UNCHANGED_SETTINGS = ("command", "space", "sampler", "goal", "judge", "trained")


def open_search_study(request: Request, trainer: Trainer, budget: Budget) -> Study | None:
    """Return the study to resume, or a new one; ``None`` where nothing is kept.

    Raises:
        StudyError: If the study to resume was begun with another task, space or seed.
    """
    asked: dict[str, Json] = {
        "command": request.command,
        "budget": str(budget),
        "space": request.space.to_json(),
        "sampler": as_sampler(request.sampler).name,
        **request.criterion.to_json(),
        "compare": [str(recipe) for recipe in request.compare],
        "tolerance": request.tolerance,
        "trained": trainer.describe(),
    }
    return open_driven_study(
        request.study, trainer, asked=asked, same=UNCHANGED_SETTINGS, settings=request.settings, seed=request.seed
    )


def keep_model(result: SearchResult, study: Study, new_model: Callable[[], nn.Module] | None) -> SearchResult:
    """Write the trained weights next to the study, or read those that an earlier run wrote there.

    Weights of another training than the recommended one are removed, for nobody could tell them from its own.

    Args:
        result: Result of the search.
        study: Study of the search.
        new_model: Model factory, for weights that are read; ``None`` for functions and scripts.

    Returns:
        The result, with the model that was read where it has none itself.
    """
    from safetensors import safe_open  # noqa: PLC0415  (imported only where weights are kept)
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    path, best = study.model_path, result.best
    training = None if best is None else f"{best.recipe} | {best.steps} steps | seed {best.runs[0].trial.seed}"
    if result.trained_model is not None and training is not None:
        state = {name: tensor.contiguous().clone() for name, tensor in result.model().state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(state, temporary, metadata={"training": training})
        return result
    if not path.exists():
        return result
    with safe_open(path, framework="pt") as stored:
        stored_training = (stored.metadata() or {}).get("training")
    if training is None or stored_training != training:
        path.unlink()
        return result
    if new_model is None:
        return result

    def stored_model() -> nn.Module:
        model = new_model()
        model.load_state_dict(load_file(path), strict=False)
        return model

    return replace(result, trained_model=stored_model)
