"""``surefoot.slice_loss``: a plane through the space of a network's weights, and the trainings that pass it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.errors import TaskError, nearest
from surefoot.core.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.curvature.hessian import NoSpectrum
from surefoot.curvature.mean_loss import MeanLoss, sampled_loss
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.plan import Plan
from surefoot.fleet.processes import using_threads
from surefoot.fleet.training import Runner
from surefoot.loss_slices.directions import Plane, bending_directions, random_directions, spread_directions
from surefoot.loss_slices.result import Along, LossSlice, SlicedLoss, Way
from surefoot.loss_slices.trajectory import CEILING, Passage, passages
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.tasks.loader import as_task
from surefoot.tasks.sanity_check import probe
from surefoot.tasks.task import Task

# The habit with and without its momentum, and another optimizer's.
RECIPES = ("sgd(lr=0.01, momentum=0)", str(DEFAULT_RECIPE), "adam(lr=0.001)")
MOST_RECIPES = 7  # as many as a picture has colours for
SAMPLES, POINTS, FEWEST_POINTS = 512, 41, 7
# Width over height of the grid, in places and in length: of a picture, so that an angle in it is one in the plane.
RATIO = 7 / 4
# Room around the ways, as a share of what they span; the landscape is looked at halfway between so many of its points.
MARGIN, PROBES = 0.2, 16
# Of what a training gained, so much is seen of the bowl that it ended in.
RISE = 0.1
# Three evaluations of a loss cost about as much as a step.
EVALUATIONS_A_STEP = 3


def slice_loss(
    task: Task | str,
    recipes: Sequence[Recipe | str] | Recipe | str = RECIPES,
    *,
    along: Along = "ways",
    samples: int = SAMPLES,
    points: int = POINTS,
    seed: int = 0,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: Stop = never,
) -> LossSlice:
    """Slice the training loss of a network along a plane, and let trainings go past it.

    Every recipe is trained once, in full, from the same initialisation and on the same batches. The plane lies

    - ``"ways"``: through the middle of all their ways, along the two directions in which these spread most;
    - ``"hessian"``: through the end of the first one, along the two directions in which the loss bends most there;
    - ``"random"``: through the same end, along random directions with filters as long as the network's own.

    A plane holds two of very many directions. What a way really does off the plane is in the result: its own losses,
    how far away it is, and which part of it lies within.

    Args:
        task: What is trained, or its text.
        recipes: Whose ways, 1 to 7, or their texts; one alone needs no list.
        along: Which plane.
        samples: Most samples of the training data that losses are means over.
        points: Columns of the grid, at least 7; for 7 columns there are 5 rows.
        seed: Of initialisation, data order and directions.
        plan: How to run the trainings; measured if not given.
        device: Where to train, if there is no plan.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised.

    Raises:
        RecipeError: If a recipe does not suit the task.
        TaskError: If the task cannot be trained, has fewer than two weights, or its loss cannot be sliced so.
        Interrupted: If asked to stop.

    Reference:
        Li et al. (2018), Visualizing the loss landscape of neural nets, arXiv:1712.09913.

    Example:
        >>> found = slice_loss("wine", ["sgd(lr=0.1, momentum=0.9)"], points=9, plan=Plan("serial", 1))
        >>> found.surface.grid.shape, bool(found.ways[0].losses[-1] < found.ways[0].losses[0]), found.told[0] > 0.5
        ((6, 9), True, True)
    """
    begin = time.perf_counter()
    given = [recipes] if isinstance(recipes, (str, Recipe)) else recipes
    task, balls = as_task(task), tuple(Recipe.parse(each) if isinstance(each, str) else each for each in given)
    _require_sliceable(balls, along=along, samples=samples, points=points)
    if seed < 0:
        raise TaskError(f"a seed is a whole number of at least 0; given {seed}.")
    probe(task)
    listener = progress or Silent()
    if plan is None:
        listener.stage("calibration", config_steps=0)
        work = len(balls) * task.total_steps
        plan = calibrate(task, members=len(balls), config_steps=work, device=device, tell=listener.tell)
    listener.begin(config_steps=slice_config_steps(task, members=len(balls), samples=samples, points=points))
    runner = Runner(plan, listener, stop)
    found = sliced(task, balls, along=along, samples=samples, points=points, seed=seed, runner=runner)
    return replace(found, seconds=time.perf_counter() - begin)


def slice_config_steps(task: Task, *, members: int, samples: int = SAMPLES, points: int = POINTS) -> int:
    """Return about what a slice costs: its trainings, and three evaluations for a step."""
    evaluations = points * _rows(points) + PROBES
    samples = min(samples, len(task.split("train")))
    return members * task.total_steps + math.ceil(evaluations * samples / task.step_samples / EVALUATIONS_A_STEP)


def sliced(
    task: Task,
    recipes: tuple[Recipe, ...],
    *,
    along: Along = "ways",
    samples: int = SAMPLES,
    points: int = POINTS,
    seed: int,
    runner: Runner,
) -> LossSlice:
    """Train recipes and slice the loss beside them: :func:`slice_loss` without its checks and its calibration.

    Raises:
        TaskError: If it has fewer than two weights, or its loss cannot be sliced so.
        Interrupted: If asked to stop.
    """
    begin = time.perf_counter()
    loss, count = sampled_loss(task, seed=seed, samples=samples, device=runner.plan.device)
    if loss.size < 2:
        raise TaskError(f"a plane needs two weights; task {task.name!r} has {loss.size}.")
    cost = count / task.step_samples / EVALUATIONS_A_STEP
    work = len(recipes) * task.total_steps
    runner.progress.stage("trainings that pass a slice", config_steps=work)
    bare = replace(task, test=None, metric=None)
    with using_threads(runner.plan.threads):
        went = passages(bare, recipes, loss, seed=seed, runner=runner)
        _require_ways(went, task.name, along=along)
        runner.progress.stage("the slice", config_steps=math.ceil((points * _rows(points) + PROBES) * cost))
        laid = _lay(along, went, loss, seed=seed)
        ways = tuple(each.beside(laid.plane) for each in went)
        surveyor = _Surveyor(loss, laid.plane, runner, cost)
        surface, unknown = _surface(task.name, laid, ways, surveyor, points=points)
        error = surveyor.error_of(surface, seed=seed)
    return LossSlice(
        task=task.name,
        along=along,
        surface=surface,
        ways=ways,
        told=laid.told,
        error=error,
        unknown=unknown,
        samples=count,
        seed=seed,
        config_steps=work + round(surveyor.evaluations * cost),
        seconds=time.perf_counter() - begin,
        plan=runner.plan,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """A plane, and what there is to say of it."""

    plane: Plane
    told: tuple[float, float] | None
    sentence: str
    # How far the picture reaches from the origin at least, along both axes.
    reach: float


def _lay(along: Along, went: Sequence[Passage], loss: MeanLoss, *, seed: int) -> _Laid:
    if along == "ways":
        return _through_ways(went)
    end = went[0].weights[-1]
    loss.move_to(end)
    if along == "random":
        axes = random_directions(loss.params, torch.Generator().manual_seed(seed))
        if not axes.any(1).all():
            raise TaskError("no weight has filters; random directions would be none.", hint="slice along ways.")
        return _Laid(Plane(end, axes), None, "Random directions, filters as long as the network's own.", 1.0)
    try:
        axes, bends = bending_directions(loss, seed=seed)
    except NoSpectrum as error:
        raise TaskError(f"the directions of the Hessian cannot be had: {error}.", hint="slice along ways.") from error
    fell = max(float(went[0].losses[0] - went[0].losses[-1]), 0.0)
    # So far that the quadratic model has risen along the flatter axis by a good part of what the training gained.
    reach = math.sqrt(2.0 * RISE * fell / bends[0]) if bends[0] > 0 and fell else 0.1 * float(end.norm())
    return _Laid(
        Plane(end, axes),
        bends,
        "The two directions in which the loss bends most where the first training ended.",
        reach,
    )


def _through_ways(went: Sequence[Passage]) -> _Laid:
    weights = torch.cat([each.weights for each in went])
    axes, shares = spread_directions(weights)
    middle = weights.mean(0)
    first = went[0].weights
    forward = (first[-1] - first[0]) @ axes.T
    # To the right and up is where the first training went.
    axes = axes * torch.where(forward < 0, -1.0, 1.0).to(axes)[:, None]
    return _Laid(Plane(middle, axes), shares, "The two directions in which the trainings' ways spread most.", 0.0)


@dataclass(slots=True, eq=False)
class _Surveyor:
    """Evaluates the loss at places of a plane, and keeps the account."""

    loss: MeanLoss
    plane: Plane
    runner: Runner
    cost: float
    evaluations: int = 0

    def __call__(self, x: float, y: float) -> float:
        if self.runner.stop():
            raise Interrupted
        before = round(self.evaluations * self.cost)
        self.evaluations += 1
        self.runner.progress.advance(round(self.evaluations * self.cost) - before)
        self.loss.move_to(self.plane.at(x, y))
        return self.loss.value()

    def error_of(self, surface: SlicedLoss, *, seed: int) -> float | None:
        """Return the largest error of a landscape amid some cells, as a share of the range of its losses."""
        draw = np.random.default_rng(seed)
        places = [_between(axis, draw.integers(len(axis) - 1, size=PROBES)) for axis in (surface.x, surface.y)]
        found = np.array([self(float(x), float(y)) for x, y in zip(*places, strict=True)])
        smooth = surface.value(torch.from_numpy(np.stack(places, axis=-1))).numpy()
        known, span = np.isfinite(found), float(np.ptp(surface.grid))
        if not known.any():
            return None
        return float(np.abs(found - smooth)[known].max()) / span if span else 0.0


def _between(axis: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    return (axis[cells] + axis[cells + 1]) / 2


def _surface(
    task: str, laid: _Laid, ways: Sequence[Way], surveyor: _Surveyor, *, points: int
) -> tuple[SlicedLoss, int]:
    """Return the losses on a grid as a landscape, and how many of them are no numbers."""
    (left, right), (low, high) = _box(np.concatenate([way.places for way in ways]), laid.reach)
    x, y = np.linspace(left, right, points), np.linspace(low, high, _rows(points))
    losses = np.array([[surveyor(float(across), float(up)) for across in x] for up in y])
    sane = losses[np.isfinite(losses)]
    if not sane.size:
        raise TaskError("the loss is no number anywhere on this plane.", hint="lower learning rates stay nearer.")
    losses = np.where(np.isfinite(losses), losses, sane.max())  # beyond all numbers is as high as any
    begin = ways[0].places[0]
    surface = SlicedLoss(task, laid.sentence, x, y, losses, begin=(float(begin[0]), float(begin[1])))
    return surface, losses.size - sane.size


def _box(places: NDArray[np.float64], reach: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a box around places with some room, that reaches so far from the origin, in the picture's ratio.

    Example:
        >>> _box(np.array([[0.0, 0.0], [5.0, 1.0]]), 0.0)
        ((-1.0, 6.0), (-1.5, 2.5))
    """
    corners = np.concatenate([places, np.array([[-reach, -reach], [reach, reach]])]) if reach else places
    middle, span = (corners.max(0) + corners.min(0)) / 2, np.ptp(corners, axis=0) * (1 + 2 * MARGIN)
    height = max(span[1], span[0] / RATIO) or 1.0
    half = np.array([RATIO * height, height]) / 2
    (left, low), (right, high) = middle - half, middle + half
    return (float(left), float(right)), (float(low), float(high))


def _rows(points: int) -> int:
    return round(points / RATIO) + 1


def _require_ways(went: Sequence[Passage], task: str, *, along: Along) -> None:
    if not any(each.moved for each in went):
        why = (
            f"ended above {CEILING:g} times its start at once"
            if any(len(each.steps) < 2 for each in went)
            else "stood still"
        )
        raise TaskError(
            f"every training of {task!r} {why}; there is no way to see.", hint="other learning rates go somewhere."
        )
    if along != "ways" and went[0].left_at is not None:
        raise TaskError(
            f"task {task!r}: {went[0].recipe} left the picture at step {went[0].left_at}; its end cannot be sliced.",
            hint="give a recipe first that learns.",
        )


def _require_sliceable(recipes: Sequence[Recipe], *, along: str, samples: int, points: int) -> None:
    known = get_args(Along)
    if along not in known:
        raise TaskError(f"a loss is sliced along {', '.join(known)}; given {along!r}.", hint=nearest(along, known))
    if not 1 <= len(recipes) <= MOST_RECIPES:
        raise TaskError(f"1 to {MOST_RECIPES} recipes go past a slice; given {len(recipes)}.")
    if samples < 1 or points < FEWEST_POINTS:
        raise TaskError(f"a slice needs a sample and {FEWEST_POINTS} points; given {samples} and {points}.")
