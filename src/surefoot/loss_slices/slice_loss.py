"""``surefoot.slice_loss``: the training loss on a plane in weight space, with the trajectories of trainings."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.errors import TaskError, did_you_mean
from surefoot.core.progress import Interrupted, Progress, SilentProgress, StopCondition, never_stop
from surefoot.curvature.hessian import EigenvalueUnavailable
from surefoot.curvature.mean_loss import MeanLoss, sampled_loss
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.plan import Plan
from surefoot.fleet.processes import using_threads
from surefoot.fleet.training import InterruptibleTraining
from surefoot.loss_slices.directions import WeightPlane, hessian_directions, principal_directions, random_directions
from surefoot.loss_slices.result import LossSlice, ProjectedTrajectory, SliceAlong, SlicedLoss
from surefoot.loss_slices.trajectory import MAX_LOSS_FACTOR, Trajectory, train_trajectories
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.surfaces.surface import Surface
from surefoot.tasks.loader import as_task
from surefoot.tasks.sanity_check import sanity_check
from surefoot.tasks.task import Task

Array: TypeAlias = NDArray[np.float64]

# The default recipe without and with its momentum, and another optimizer's default.
DEFAULT_RECIPES = ("sgd(lr=0.01, momentum=0)", str(DEFAULT_RECIPE), "adam(lr=0.001)")
# Figures have this number of distinct colours.
MAX_RECIPES = 7
# Number of training samples that losses are means over, and of columns of the grid.
DEFAULT_SAMPLES, DEFAULT_POINTS, MIN_POINTS = 512, 41, 7
# Width over height of the plane, in points of the grid and in length, so that the figure shows angles as they are.
ASPECT_RATIO = 7 / 4
# Margin around the trajectories on each side, as a share of their extent.
MARGIN_SHARE = 0.2
# Number of cells at whose centres the interpolation error is measured.
ERROR_SAMPLES = 16
# Along the Hessian the plane extends so far that the quadratic model has risen by this share of what the training
# gained. Chosen.
VISIBLE_RISE_SHARE = 0.1
# This number of evaluations of a loss costs about as much as a training step.
EVALUATIONS_PER_STEP = 3


def slice_loss(
    task: Task | str,
    recipes: Sequence[Recipe | str] | Recipe | str = DEFAULT_RECIPES,
    *,
    along: SliceAlong = "ways",
    samples: int = DEFAULT_SAMPLES,
    points: int = DEFAULT_POINTS,
    seed: int = 0,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: StopCondition = never_stop,
) -> LossSlice:
    """Evaluate the training loss of a network on a plane in weight space, and project trainings onto it.

    Every recipe is trained once in full, from the same initialisation and on the same batches. The plane goes

    - ``"ways"``: through the mean of all recorded weights, along their first two principal components;
    - ``"hessian"``: through the end of the first training, along the Hessian's eigenvectors of the two largest
      eigenvalues there;
    - ``"random"``: through the end of the first training, along random directions with filter normalisation.

    A plane shows two of very many dimensions. The result says what the projections leave out: the losses that each
    training really had, its distance from the plane, and which share of its movement lies within the plane.

    Args:
        task: A task, or the text of a task.
        recipes: Recipes to train with, or their texts, 1 to 7; a single one needs no list.
        along: How to choose the directions of the plane.
        samples: Maximum number of training samples that losses are means over.
        points: Number of columns of the grid, at least 7; there are 4/7 as many rows, and one more.
        seed: Seed of initialisation, data order and directions.
        plan: How to run the trainings; measured by default.
        device: Where to train if no plan is given.
        progress: Receives progress messages.
        stop: Called often; when it returns true, :class:`Interrupted` is raised.

    Raises:
        RecipeError: If a recipe is invalid for the task.
        TaskError: If the task cannot be trained, has fewer than two weights, or its loss cannot be sliced in this way.
        Interrupted: If asked to stop.

    Reference:
        Li et al. (2018), Visualizing the loss landscape of neural nets, arXiv:1712.09913.

    Example:
        >>> result = slice_loss("wine", ["sgd(lr=0.1, momentum=0.9)"], points=9, plan=Plan("serial", 1))
        >>> trajectory = result.trajectories[0]
        >>> result.surface.grid.shape, bool(trajectory.losses[-1] < trajectory.losses[0]), result.axis_values[0] > 0.5
        ((6, 9), True, True)
    """
    begin = time.perf_counter()
    if isinstance(task, Surface):
        raise TaskError(
            f"a slice is of a task's loss; given the surface {task.name}.", hint="surefoot.descend shows a surface."
        )
    task = as_task(task)
    recipe_list = [recipes] if isinstance(recipes, (str, Recipe)) else recipes
    parsed = tuple(Recipe.parse(each) if isinstance(each, str) else each for each in recipe_list)
    _require_valid(parsed, along=along, samples=samples, points=points, seed=seed)
    sanity_check(task)
    progress = progress or SilentProgress()
    if plan is None:
        progress.stage("calibration", config_steps=0)
        work = len(parsed) * task.total_steps
        plan = calibrate(task, members=len(parsed), config_steps=work, device=device, notify=progress.message)
    progress.begin(config_steps=slice_config_steps(task, members=len(parsed), samples=samples, points=points))
    training = InterruptibleTraining(plan, progress, stop)
    result = train_and_slice(task, parsed, along=along, samples=samples, points=points, seed=seed, training=training)
    return replace(result, seconds=time.perf_counter() - begin)


def slice_config_steps(
    task: Task, *, members: int, samples: int = DEFAULT_SAMPLES, points: int = DEFAULT_POINTS
) -> int:
    """Return the approximate cost of a slice in config-steps: its trainings and the losses on the plane."""
    evaluations = points * _rows(points) + ERROR_SAMPLES
    samples = min(samples, len(task.split("train")))
    return members * task.total_steps + math.ceil(evaluations * samples / task.step_samples / EVALUATIONS_PER_STEP)


def train_and_slice(
    task: Task,
    recipes: tuple[Recipe, ...],
    *,
    along: SliceAlong = "ways",
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
        evaluations = points * _rows(points) + ERROR_SAMPLES
        training.progress.stage("losses on the plane", config_steps=math.ceil(evaluations * evaluation_cost))
        choice = _choose_plane(along, trajectories, loss, seed=seed)
        projected = tuple(each.project(choice.plane) for each in trajectories)
        evaluator = _LossEvaluator(loss, choice.plane, training, evaluation_cost)
        surface, non_finite_points = _evaluate_surface(
            task.name, choice, trajectories=projected, evaluator=evaluator, points=points
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


@dataclass(frozen=True, slots=True, eq=False)
class _PlaneChoice:
    """A plane and how it was chosen.

    Attributes:
        plane: The plane.
        axis_values: One number for each axis, see :class:`LossSlice`.
        description: One sentence that says how the plane was chosen.
        min_extent: The figure extends at least this far from the origin along both axes.
    """

    plane: WeightPlane
    axis_values: tuple[float, float] | None
    description: str
    min_extent: float


def _choose_plane(along: SliceAlong, trajectories: Sequence[Trajectory], loss: MeanLoss, *, seed: int) -> _PlaneChoice:
    if along == "ways":
        return _principal_plane(trajectories)
    end = trajectories[0].weights[-1]
    loss.set_parameters(end)
    return (
        _random_plane(end, loss, seed=seed) if along == "random" else _hessian_plane(trajectories[0], loss, seed=seed)
    )


def _principal_plane(trajectories: Sequence[Trajectory]) -> _PlaneChoice:
    weights = torch.cat([each.weights for each in trajectories])
    axes, shares = principal_directions(weights)
    first = trajectories[0].weights
    movement = (first[-1] - first[0]) @ axes.T
    # The first training moves to the right and up.
    axes = axes * torch.where(movement < 0, -1.0, 1.0).to(axes)[:, None]
    return _PlaneChoice(
        WeightPlane(weights.mean(0), axes),
        shares,
        "The two directions in which the weights of all trainings spread most.",
        0.0,
    )


def _random_plane(end: torch.Tensor, loss: MeanLoss, *, seed: int) -> _PlaneChoice:
    axes = random_directions(loss.params, torch.Generator().manual_seed(seed))
    if not axes.any(1).all():
        raise TaskError(
            "random directions need a weight of two or more dimensions; the network has none.",
            hint='use along="ways".',
        )
    return _PlaneChoice(
        WeightPlane(end, axes), None, "Random directions, with the norms of the network's filters.", 1.0
    )


def _hessian_plane(trajectory: Trajectory, loss: MeanLoss, *, seed: int) -> _PlaneChoice:
    end = trajectory.weights[-1]
    try:
        axes, eigenvalues = hessian_directions(loss, seed=seed)
    except EigenvalueUnavailable as error:
        raise TaskError(
            f"the directions of the Hessian cannot be computed: {error}.", hint='use along="ways".'
        ) from error
    gain = max(float(trajectory.losses[0] - trajectory.losses[-1]), 0.0)
    # The first axis has the smaller eigenvalue.
    extent = 0.1 * float(end.norm())
    if eigenvalues[0] > 0 and gain:
        extent = math.sqrt(2.0 * VISIBLE_RISE_SHARE * gain / eigenvalues[0])
    return _PlaneChoice(
        WeightPlane(end, axes),
        eigenvalues,
        "The two directions of largest curvature at the end of the first training.",
        extent,
    )


@dataclass(slots=True, eq=False)
class _LossEvaluator:
    """Evaluates the loss at points of a plane, and counts the evaluations.

    Attributes:
        loss: The mean loss; the weights of its model are overwritten.
        plane: The plane.
        training: Receives progress and says when to stop.
        cost: Cost of an evaluation in config-steps.
        evaluations: Number of evaluations so far.
    """

    loss: MeanLoss
    plane: WeightPlane
    training: InterruptibleTraining
    cost: float
    evaluations: int = 0

    def evaluate(self, x: float, y: float) -> float:
        """Return the loss at a point of the plane.

        Raises:
            Interrupted: If asked to stop.
        """
        if self.training.stop():
            raise Interrupted
        config_steps = round(self.evaluations * self.cost)
        self.evaluations += 1
        self.training.progress.advance(round(self.evaluations * self.cost) - config_steps)
        self.loss.set_parameters(self.plane.at(x, y))
        return self.loss.value()

    def interpolation_error(self, surface: SlicedLoss, *, seed: int) -> float | None:
        """Return the largest error of a surface at the centres of some cells, as a share of the range of its losses.

        It is ``None`` if the loss is NaN or infinite at all of them.
        """
        random = np.random.default_rng(seed)
        x, y = (
            _cell_centres(axis, random.integers(len(axis) - 1, size=ERROR_SAMPLES)) for axis in (surface.x, surface.y)
        )
        losses = np.array([self.evaluate(float(across), float(up)) for across, up in zip(x, y, strict=True)])
        interpolated = surface.value(torch.from_numpy(np.stack([x, y], axis=-1))).numpy()
        finite, loss_range = np.isfinite(losses), float(np.ptp(surface.grid))
        if not finite.any():
            return None
        return float(np.abs(losses - interpolated)[finite].max()) / loss_range if loss_range else 0.0


def _cell_centres(axis: Array, cells: NDArray[np.int64]) -> Array:
    return (axis[cells] + axis[cells + 1]) / 2


def _evaluate_surface(
    task_name: str,
    choice: _PlaneChoice,
    *,
    trajectories: Sequence[ProjectedTrajectory],
    evaluator: _LossEvaluator,
    points: int,
) -> tuple[SlicedLoss, int]:
    """Return the surface through the losses on a grid, and the number of losses that are NaN or infinite."""
    (left, right), (low, high) = _box(np.concatenate([each.points for each in trajectories]), choice.min_extent)
    x, y = np.linspace(left, right, points), np.linspace(low, high, _rows(points))
    losses = np.array([[evaluator.evaluate(float(across), float(up)) for across in x] for up in y])
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        raise TaskError(
            "the loss is NaN or infinite everywhere on this plane.",
            hint="with lower learning rates the plane is smaller.",
        )
    losses = np.where(np.isfinite(losses), losses, finite.max())
    start_x, start_y = trajectories[0].points[0].tolist()
    surface = SlicedLoss(task_name, choice.description, x, y, losses, start_point=(start_x, start_y))
    return surface, losses.size - finite.size


def _box(points: Array, min_extent: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return bounds along x and y around some points, with a margin and the figure's aspect ratio.

    Args:
        points: Points of the plane, shape ``[N, 2]``.
        min_extent: The box extends at least this far from the origin along both axes.

    Example:
        >>> _box(np.array([[0.0, 0.0], [5.0, 1.0]]), 0.0)
        ((-1.0, 6.0), (-1.5, 2.5))
    """
    if min_extent:
        points = np.concatenate([points, np.array([[-min_extent, -min_extent], [min_extent, min_extent]])])
    centre, extent = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0) * (1 + 2 * MARGIN_SHARE)
    height = max(extent[1], extent[0] / ASPECT_RATIO) or 1.0
    half = np.array([ASPECT_RATIO * height, height]) / 2
    (left, low), (right, high) = centre - half, centre + half
    return (float(left), float(right)), (float(low), float(high))


def _rows(points: int) -> int:
    """Return the number of rows of a grid with some columns."""
    return round(points / ASPECT_RATIO) + 1


def _require_movement(trajectories: Sequence[Trajectory], task_name: str, *, along: SliceAlong) -> None:
    """Raise an error if no training moved, or if the plane goes through the end of one that diverged."""
    if not any(each.moved for each in trajectories):
        diverged = any(len(each.steps) < 2 for each in trajectories)
        why = (
            f"rose above {MAX_LOSS_FACTOR:g} times its first loss at once" if diverged else "left the weights unchanged"
        )
        raise TaskError(f"every training of {task_name!r} {why}.", hint="try other learning rates.")
    first = trajectories[0]
    if along != "ways" and first.left_at is not None:
        raise TaskError(
            f"task {task_name!r}: the loss of {first.recipe} is above {MAX_LOSS_FACTOR:g} times its first from step "
            f"{first.left_at} on; a slice along {along} needs its end.",
            hint="give a recipe first that learns.",
        )


def _require_valid(recipes: Sequence[Recipe], *, along: str, samples: int, points: int, seed: int) -> None:
    choices = get_args(SliceAlong)
    if along not in choices:
        hint = did_you_mean(along, choices)
        raise TaskError(f"a loss is sliced along {', '.join(choices)}; given {along!r}.", hint=hint)
    if not 1 <= len(recipes) <= MAX_RECIPES:
        raise TaskError(f"a slice shows 1 to {MAX_RECIPES} recipes; given {len(recipes)}.")
    if samples < 1 or points < MIN_POINTS:
        raise TaskError(f"a slice needs a sample and {MIN_POINTS} points; given {samples} and {points}.")
    if seed < 0:
        raise TaskError(f"a seed is a whole number of at least 0; given {seed}.")
