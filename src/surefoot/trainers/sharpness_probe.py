"""What a member's optimizer divides its gradient by.

Sharpness probes: the gradient's norm, and the curvature of the loss along the optimizer's step, during a training.

    sharpness = uᵀHu / gᵀu

with the gradient g and the Hessian H of the mini-batch that comes next, and u = g, or g over Adam's preconditioner.
Trainings with small batches settle where it is 2 (1 - momentum) / lr: the edge of stability, 2 / lr for Adam, whose
average of gradients has weights that sum to 1.

A probe costs three gradients of one mini-batch on a copy of the weights; the training goes on with the bits that it
would have had without. There are as many probes as cost a tenth of its steps, but at least three and at most eight.

Reference:
    Andreyev & Beneventano (2024), Edge of stochastic stability, arXiv:2412.20553; with momentum, arXiv:2604.14108.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.curvature.preconditioner import ADAMS, adam_preconditioner
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.processes import using_threads
from surefoot.fleet.training import read_batches
from surefoot.tasks.checkpoint import load_whole_state
from surefoot.tasks.seeding import borrowed_generators, draw_seed, seed_everything
from surefoot.trainers.trial import SharpnessProbe


def preconditioner_of(fleet: Fleet, place: int) -> Tensor | None:
    """Return what Adam or AdamW divides each parameter's step by at the step where a member stands.

    Args:
        fleet: The member's.
        place: Its own.

    Returns:
        ``[P]``, above 0; ``None`` for other optimizers.

    Example:
        >>> from surefoot.fleet.launch import launch
        >>> from surefoot.fleet.training import train_members
        >>> from surefoot.fleet.plan import Plan
        >>> from surefoot.recipe.recipe import Recipe
        >>> from surefoot.tasks.loader import load
        >>> fleet = launch(load("wine"), [Recipe.of("adam", lr=0.01), Recipe.of("sgd", lr=0.1)], seed=0, plan=Plan())
        >>> _ = train_members(fleet, 3)
        >>> bool((preconditioner_of(fleet, 0) > 0).all()), preconditioner_of(fleet, 1)
        (True, None)
    """
    recipe, step, total = fleet.recipes[place], int(fleet.step[place]), int(fleet.total[place])
    if recipe.optimizer not in ADAMS:
        return None
    slots = fleet.slots[fleet.layout.bound(recipe.rule)]
    beta2, eps = (recipe.schedule(name).value(step, total) for name in ("beta2", "eps"))
    second = slots.get("square_max", slots["square"])[place]
    return adam_preconditioner(second, step=max(step, 1), beta2=beta2, eps=eps)


MOST_PROBES, LEAST_PROBES, GRADIENTS, SHARE = 8, 3, 3, 0.1


def probe_steps(steps: int) -> list[int]:
    """Return the steps at which trainings of a length are probed: the middles of equal parts.

    Example:
        >>> probe_steps(60), probe_steps(800)
        ([10, 30, 50], [50, 150, 250, 350, 450, 550, 650, 750])
    """
    count = max(min(LEAST_PROBES, steps), min(MOST_PROBES, int(SHARE * steps / GRADIENTS)))
    return [(2 * number + 1) * steps // (2 * count) for number in range(count)]


def probe_sharpness(fleet: Fleet, members: Sequence[int]) -> dict[int, SharpnessProbe]:
    """Return the probes of some members of a fleet, which stand at one step, by their positions in it.

    A member whose probe is not finite, or whose loss has no second derivative, is left out.
    """
    if not members:
        return {}
    number = int(fleet.step[members[0]])
    found: dict[int, SharpnessProbe] = {}
    try:
        with borrowed_generators(), using_threads(fleet.threads):  # a dataset may draw
            seed_everything(draw_seed(fleet.seed, "initialisation"))
            model = fleet.task.new_model().to(fleet.device)
            batches = read_batches(fleet, number)
            for member in members:
                load_whole_state(model, fleet.state_dict(member))
                probe = _probe(fleet, member, model, batches)
                if probe is not None:
                    found[member] = probe
    except (MemoryError, RuntimeError):
        return {}  # for want of memory or of a second derivative: no reason to end a training
    return found


def _probe(fleet: Fleet, member: int, model: nn.Module, batches: list[object]) -> SharpnessProbe | None:
    task, step = fleet.task, int(fleet.step[member])
    measured = replace(task, precision="fp32") if task.precision == "bf16" else task
    loss = MeanLoss(measured, model, batches, sizes=[task.batch_size] * task.accumulate, seed=step)
    gradient = loss.gradient()
    divisor = preconditioner_of(fleet, member)
    direction = gradient if divisor is None else gradient / divisor
    bend, slope = float(direction @ Hessian(loss).product(direction)), float(gradient @ direction)
    if not (math.isfinite(bend) and math.isfinite(slope) and slope > 0):
        return None
    return SharpnessProbe(step, float(gradient.norm()), bend / slope, _limit(fleet, member))


def _limit(fleet: Fleet, member: int) -> float | None:
    """Return where the sharpness would be at the edge of stability, ``None`` where nobody knows."""
    recipe, step, total = fleet.recipes[member], int(fleet.step[member]), int(fleet.total[member])
    lr, momentum = (float(each.value(step, total)) for each in (recipe.lr, recipe.momentum))
    if lr <= 0 or recipe.optimizer not in ("sgd", *ADAMS):
        return None
    return 2.0 / lr if recipe.optimizer in ADAMS else 2.0 * (1.0 - momentum) / lr
