"""``surefoot.slice_loss``: the training loss on a plane in weight space, with the trajectories of trainings."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import torch

from surefoot.core.errors import TaskError, did_you_mean
from surefoot.core.formatting import short_repr
from surefoot.core.progress import Progress, SilentProgress, StopCondition, never_stop
from surefoot.curvature.mean_loss import sampled_loss
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.forked_processes import using_threads
from surefoot.fleet.plan import Plan
from surefoot.fleet.run_arguments import require_run_arguments
from surefoot.fleet.training import InterruptibleTraining
from surefoot.loss_slices.directions import WeightPlane
from surefoot.loss_slices.loss_grid import ERROR_SAMPLES, LossEvaluator, evaluate_on_grid, grid_rows
from surefoot.loss_slices.plane_choice import choose_plane
from surefoot.loss_slices.result import LossSlice, SliceAlong
from surefoot.loss_slices.trajectory import MAX_LOSS_FACTOR, Trajectory, descent_trajectories, train_trajectories
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe, as_recipes
from surefoot.surfaces import surface_if_named
from surefoot.surfaces.descent import DEFAULT_SURFACE_STEPS, descend
from surefoot.surfaces.surface import Surface
from surefoot.tasks.loader import as_task
from surefoot.tasks.sanity_check import sanity_check
from surefoot.tasks.task import Task

# The default recipe without and with its momentum, and another optimizer's default.
DEFAULT_RECIPES = ("sgd(lr=0.01, momentum=0)", str(DEFAULT_RECIPE), "adam(lr=0.001)")
# Figures have this number of distinct colours.
MAX_RECIPES = 7
# Number of training samples that losses are means over, and of columns of the grid.
DEFAULT_SAMPLES, DEFAULT_POINTS, MIN_POINTS = 512, 41, 7
# This number of evaluations of a loss costs about as much as a training step.
EVALUATIONS_PER_STEP = 3
# The planes of a task; a surface of two parameters has one alone.
TASK_PLANES = tuple(name for name in get_args(SliceAlong) if name != "coordinates")


def slice_loss(
    subject: Task | Surface | str,
    recipes: Sequence[Recipe | str] | Recipe | str = DEFAULT_RECIPES,
    *,
    along: SliceAlong | None = None,
    samples: int | None = None,
    points: int = DEFAULT_POINTS,
    steps: int | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    stop: StopCondition = never_stop,
) -> LossSlice:
    """Evaluate the training loss of a network on a plane in weight space, and project trainings onto it.

    A surface of two parameters is its own plane: recipes descend it from its start.

    On a task every recipe is trained once, from the same initialisation and on the same batches. The plane goes

    - ``"pca"``, the default: through the mean of all recorded weights, along their first two principal components;
    - ``"hessian"``: through the end of the first training, along the Hessian's eigenvectors of the two largest
      eigenvalues there;
    - ``"random"``: through the end of the first training, along random directions with filter normalisation.

    A plane shows two of very many dimensions. The result says what the projections leave out: the losses that each
    training really had, its distance from the plane, and which share of its movement lies within the plane.

    Args:
        subject: A task or a surface of two parameters, or the text of a task or the name of a surface.
        recipes: Recipes to train with, or their texts, 1 to 7; a single one needs no list.
        along: How to choose the directions of the plane; not for a surface.
        samples: Maximum number of training samples that losses are means over, by default 512; not for a surface.
        points: Number of columns of the grid, at least 7; there are 4/7 as many rows, and one more.
        steps: Length of a training in optimizer steps: the task's own by default, 200 on a surface.
        seed: Seed of initialisation, data order and directions; on a surface, of the noise of its gradients.
        plan: How to run the trainings, measured by default; not for a surface.
        device: Where to train if no plan is given, by default ``"cpu"``; not for a surface.
        progress: Receives progress messages.
        stop: Called often; when it returns true, :class:`Interrupted` is raised.

    Raises:
        RecipeError: If a recipe is invalid for the task.
        TaskError: If the task cannot be trained, has fewer than two weights, or its loss cannot be sliced in this way;
            if the surface has one parameter alone, or an argument does not suit it.
        Interrupted: If asked to stop.

    Reference:
        Li et al. (2018), Visualizing the loss landscape of neural nets, arXiv:1712.09913.

    Example:
        >>> result = slice_loss("wine", ["sgd(lr=0.1, momentum=0.9)"], points=9, plan=Plan("serial", 1))
        >>> trajectory = result.trajectories[0]
        >>> result.surface.grid.shape, bool(trajectory.losses[-1] < trajectory.losses[0]), result.axis_values[0] > 0.5
        ((6, 9), True, True)

        >>> from surefoot.surfaces.quadratics import Ravine
        >>> slice_loss(Ravine(), ["sgd(lr=0.1, momentum=0)"], steps=50).trajectories[0].points[0].tolist()
        [-2.6, 1.1]
    """
    begin = time.perf_counter()
    require_run_arguments(seed=seed, steps=steps, plan=plan, device=device)
    progress = progress or SilentProgress()
    parsed = as_recipes(recipes)
    subject = surface_if_named(subject)
    if isinstance(subject, Surface):
        refuse_task_arguments(subject, {"along": along, "samples": samples, "plan": plan, "device": device})
        _require_valid(parsed, points=points)
        steps = DEFAULT_SURFACE_STEPS if steps is None else steps
        result = _slice_surface(subject, parsed, points=points, steps=steps, seed=seed, progress=progress, stop=stop)
        return replace(result, seconds=time.perf_counter() - begin)
    task = as_task(subject) if steps is None else as_task(subject).with_length(steps=steps)
    along, samples = along or "pca", DEFAULT_SAMPLES if samples is None else samples
    _require_valid(parsed, along=along, samples=samples, points=points)
    sanity_check(task)
    if plan is None:
        progress.stage("calibration", config_steps=0)
        work = len(parsed) * task.total_steps
        plan = calibrate(task, members=len(parsed), config_steps=work, device=device or "cpu", notify=progress.message)
    progress.begin(config_steps=slice_config_steps(task, members=len(parsed), samples=samples, points=points))
    training = InterruptibleTraining(plan, progress, stop)
    result = train_and_slice(task, parsed, along=along, samples=samples, points=points, seed=seed, training=training)
    return replace(result, seconds=time.perf_counter() - begin)


def slice_config_steps(
    task: Task, *, members: int, samples: int = DEFAULT_SAMPLES, points: int = DEFAULT_POINTS
) -> int:
    """Return the approximate cost of a slice in config-steps: its trainings and the losses on the plane."""
    evaluations = points * grid_rows(points) + ERROR_SAMPLES
    samples = min(samples, len(task.split("train")))
    return members * task.total_steps + math.ceil(evaluations * samples / task.step_samples / EVALUATIONS_PER_STEP)


def train_and_slice(
    task: Task,
    recipes: tuple[Recipe, ...],
    *,
    along: SliceAlong = "pca",
    samples: int = DEFAULT_SAMPLES,
    points: int = DEFAULT_POINTS,
    seed: int,
    training: InterruptibleTraining,
) -> LossSlice:
    """Train recipes and slice the loss: :func:`slice_loss` without its checks and calibration.

    Raises:
        TaskError: If the task has fewer than two weights, or its loss cannot be sliced in this way.
        Interrupted: If asked to stop.
    """
    begin = time.perf_counter()
    loss, sample_count = sampled_loss(task, seed=seed, samples=samples, device=training.plan.device)
    if loss.size < 2:
        raise TaskError(f"a plane needs at least two weights; task {task.name!r} has {loss.size}.")
    evaluation_cost = sample_count / task.step_samples / EVALUATIONS_PER_STEP
    training_cost = len(recipes) * task.total_steps
    training.progress.stage("trainings", config_steps=training_cost)
    with using_threads(training.plan.threads):
        trajectories = train_trajectories(
            replace(task, test=None, metric=None), recipes, loss=loss, seed=seed, training=training
        )
        _require_movement(trajectories, task.name, along=along)
        evaluations = points * grid_rows(points) + ERROR_SAMPLES
        training.progress.stage("losses on the plane", config_steps=math.ceil(evaluations * evaluation_cost))
        choice = choose_plane(along, trajectories, loss, seed=seed)
        projected = tuple(each.project(choice.plane) for each in trajectories)

        def loss_at(x: float, y: float) -> float:
            loss.set_parameters(choice.plane.at(x, y))
            return loss.value()

        evaluator = LossEvaluator(loss_at, training.progress, training.stop, evaluation_cost)
        surface, non_finite_points = evaluate_on_grid(
            task.name,
            choice.description,
            trajectories=projected,
            evaluator=evaluator,
            points=points,
            min_extent=choice.min_extent,
        )
        error = evaluator.interpolation_error(surface, seed=seed)
    return LossSlice(
        task=task.name,
        along=along,
        surface=surface,
        trajectories=projected,
        axis_values=choice.axis_values,
        error=error,
        non_finite_points=non_finite_points,
        samples=sample_count,
        seed=seed,
        config_steps=training_cost + round(evaluator.evaluations * evaluation_cost),
        seconds=time.perf_counter() - begin,
        plan=training.plan,
    )


def _slice_surface(
    surface: Surface,
    recipes: tuple[Recipe, ...],
    *,
    points: int,
    steps: int,
    seed: int,
    progress: Progress,
    stop: StopCondition,
) -> LossSlice:
    """Descend a surface of two parameters and evaluate it around the trajectories.

    Raises:
        TaskError: If the surface has one parameter alone, or no recipe moves.
        Interrupted: If asked to stop.
    """
    if surface.dimensions != 2:
        raise TaskError(
            f"a plane needs two parameters; the surface {surface.name} has {surface.dimensions}.",
            hint=f"surefoot descend {surface.name}, or surefoot.descend, shows it.",
        )
    evaluations = points * grid_rows(points) + ERROR_SAMPLES
    progress.begin(config_steps=len(recipes) * steps + math.ceil(evaluations / EVALUATIONS_PER_STEP))
    trajectories = descent_trajectories(descend(surface, recipes, steps=steps, seed=seed, stop=stop))
    progress.advance(len(recipes) * steps)
    _require_movement(trajectories, surface.name, along="coordinates")
    projected = tuple(each.project(WeightPlane(torch.zeros(2), torch.eye(2))) for each in trajectories)

    def loss_at(x: float, y: float) -> float:
        return float(surface.value(torch.tensor([x, y], dtype=torch.float64)))

    evaluator = LossEvaluator(loss_at, progress, stop, 1 / EVALUATIONS_PER_STEP)
    sliced, non_finite_points = evaluate_on_grid(
        surface.name, surface.about, trajectories=projected, evaluator=evaluator, points=points
    )
    return LossSlice(
        task=surface.name,
        along="coordinates",
        surface=sliced,
        trajectories=projected,
        axis_values=None,
        error=evaluator.interpolation_error(sliced, seed=seed),
        non_finite_points=non_finite_points,
        samples=0,
        seed=seed,
        config_steps=len(recipes) * steps + round(evaluator.evaluations / EVALUATIONS_PER_STEP),
        seconds=0.0,
        plan=None,
    )


def _require_movement(trajectories: Sequence[Trajectory], task_name: str, *, along: SliceAlong) -> None:
    """Raise an error if no training moved, or if the plane goes through the end of one that diverged."""
    if not any(each.moved for each in trajectories):
        diverged = any(len(each.steps) < 2 for each in trajectories)
        why = (
            f"rose above {MAX_LOSS_FACTOR:g} times its first loss at once" if diverged else "left the weights unchanged"
        )
        raise TaskError(f"every training of {task_name!r} {why}.", hint="try other learning rates.")
    first = trajectories[0]
    if along in ("hessian", "random") and first.left_at is not None:
        raise TaskError(
            f"task {task_name!r}: the loss of {first.recipe} is above {MAX_LOSS_FACTOR:g} times its first from step "
            f"{first.left_at} on; a slice along {along} needs its end.",
            hint="give a recipe first that learns.",
        )


def refuse_task_arguments(surface: Surface, arguments: Mapping[str, object]) -> None:
    """Raise an error if an argument that only a task has is given with a surface.

    Args:
        surface: The surface.
        arguments: Arguments by name; ``None`` where they were not given.

    Raises:
        TaskError: If any was given.
    """
    given = [name for name, value in arguments.items() if value is not None]
    if given:
        raise TaskError(
            f"{', '.join(given)}: only for a task; given with the surface {surface.name}.",
            hint="steps sets the length of a descent.",
        )


def _require_valid(
    recipes: Sequence[Recipe], *, along: str = "pca", samples: int = DEFAULT_SAMPLES, points: int
) -> None:
    if along not in TASK_PLANES:
        hint = did_you_mean(str(along), TASK_PLANES)
        raise TaskError(f"a loss is sliced along {', '.join(TASK_PLANES)}; given {along!r}.", hint=hint)
    if not 1 <= len(recipes) <= MAX_RECIPES:
        raise TaskError(f"a slice shows 1 to {MAX_RECIPES} recipes; given {len(recipes)}.")
    if not (isinstance(samples, int) and isinstance(points, int)) or samples < 1 or points < MIN_POINTS:
        given = f"{short_repr(samples)} and {short_repr(points)}"
        raise TaskError(f"a slice needs a sample and {MIN_POINTS} points, whole numbers; given {given}.")
