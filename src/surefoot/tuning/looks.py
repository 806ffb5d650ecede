"""Looks at a training on its way: the gradient's norm, and how the loss bends along the optimizer's step.

    sharpness = uᵀHu / gᵀu

with the gradient g and the Hessian H of the mini-batch that comes next, and u = g, or g over Adam's preconditioner.
Trainings with small batches settle where it is 2 (1 - momentum) / lr: the edge of stability, 2 / lr for Adam, whose
average of gradients has weights that sum to 1.

A look is three gradients of one mini-batch on a copy of the weights; the training goes on with the bits that it would
have had without. Looks are as many as cost a tenth of its steps, but at least three and at most eight.

Reference:
    Andreyev & Beneventano (2024), Edge of stochastic stability, arXiv:2412.20553; with momentum, arXiv:2604.14108.
"""

from __future__ import annotations

import math
from dataclasses import replace

from torch import nn

from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.curvature.preconditioner import ADAMS
from surefoot.fleet import LocalFleet
from surefoot.fleet.preconditioned import preconditioner_of
from surefoot.fleet.threads import using_threads
from surefoot.fleet.training import read_batches
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.trainers import SharpnessProbe

MOST_LOOKS, LEAST_LOOKS, GRADIENTS, SHARE = 8, 3, 3, 0.1


def marks(steps: int) -> list[int]:
    """Return the steps at which trainings of a length are looked at: the middles of equal parts.

    Example:
        >>> marks(60), marks(800)
        ([10, 30, 50], [50, 150, 250, 350, 450, 550, 650, 750])
    """
    count = max(min(LEAST_LOOKS, steps), min(MOST_LOOKS, int(SHARE * steps / GRADIENTS)))
    return [(2 * number + 1) * steps // (2 * count) for number in range(count)]


def look(fleet: LocalFleet) -> dict[int, SharpnessProbe]:
    """Look at the members of a fleet that stand at one step; return what was seen by their places.

    What diverged, or cannot be derived twice, is not there.
    """
    number = int(fleet.step[0])
    seen: dict[int, SharpnessProbe] = {}
    try:
        with borrowed_generators(), using_threads(fleet.threads):  # a dataset may draw
            seed_everything(draw_seed(fleet.seed, "initialisation"))
            model = fleet.task.new_model().to(fleet.device)
            batches = read_batches(fleet, number)
            for place in range(len(fleet.recipes)):
                model.load_state_dict(fleet.state_dict(place))
                found = _look(fleet, place, model, batches)
                if found is not None:
                    seen[place] = found
    except (MemoryError, RuntimeError):
        return {}  # for want of memory or of a second derivative: no reason to end a tune
    return seen


def _look(fleet: LocalFleet, place: int, model: nn.Module, batches: list[object]) -> SharpnessProbe | None:
    task, step = fleet.task, int(fleet.step[place])
    measured = replace(task, precision="fp32") if task.precision == "bf16" else task
    loss = MeanLoss(measured, model, batches, sizes=[task.batch_size] * task.accumulate, seed=step)
    gradient = loss.gradient()
    divisor = preconditioner_of(fleet, place)
    direction = gradient if divisor is None else gradient / divisor
    bend, slope = float(direction @ Hessian(loss).product(direction)), float(gradient @ direction)
    if not (math.isfinite(bend) and math.isfinite(slope) and slope > 0):
        return None
    return SharpnessProbe(step, float(gradient.norm()), bend / slope, _limit(fleet, place))


def _limit(fleet: LocalFleet, place: int) -> float | None:
    """Return where the sharpness would be at the edge of stability, ``None`` where nobody knows."""
    recipe, step, total = fleet.recipes[place], int(fleet.step[place]), int(fleet.total[place])
    lr, momentum = (float(each.value(step, total)) for each in (recipe.lr, recipe.momentum))
    if lr <= 0 or recipe.optimizer not in ("sgd", *ADAMS):
        return None
    return 2.0 / lr if recipe.optimizer in ADAMS else 2.0 * (1.0 - momentum) / lr
