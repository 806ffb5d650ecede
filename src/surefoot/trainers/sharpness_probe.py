"""Measure gradient norm and sharpness (the curvature of the loss along the optimizer's step) during a training.

    sharpness = uᵀHu / gᵀu

with the gradient g and the Hessian H of the next mini-batch, and u = g, or g divided by Adam's preconditioner. In
trainings with small batches the sharpness settles at the edge of stability: 2 (1 - momentum) / lr for SGD, and 2 / lr
for Adam, whose average of gradients has weights that sum to 1.

A probe costs three gradients of one mini-batch on a copy of the weights, and does not change the training. The number
of probes is limited to a tenth of the cost of the training's steps, but is at least three and at most eight.

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
from surefoot.curvature.preconditioner import ADAM_OPTIMIZERS, adam_preconditioner
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.forked_processes import using_threads
from surefoot.fleet.training import read_batches
from surefoot.tasks.seeding import derive_seed, preserved_generators, seed_everything
from surefoot.tasks.start_from_checkpoint import load_full_state
from surefoot.trainers.trial import SharpnessProbe


def member_preconditioner(fleet: Fleet, member: int) -> Tensor | None:
    """Return the divisor of each parameter's step in Adam or AdamW, at a member's present step.

    Args:
        fleet: The fleet.
        member: Index of the member.

    Returns:
        The divisors ``[P]``, above 0; ``None`` for other optimizers.

    Example:
        >>> from surefoot.fleet.create_and_save_fleet import create_fleet
        >>> from surefoot.fleet.training import train_members
        >>> from surefoot.fleet.plan import Plan
        >>> from surefoot.recipe.recipe import Recipe
        >>> from surefoot.tasks.loader import load_task
        >>> recipes = [Recipe.of("adam", lr=0.01), Recipe.of("sgd", lr=0.1)]
        >>> fleet = create_fleet(load_task("wine"), recipes, seed=0, plan=Plan())
        >>> _ = train_members(fleet, 3)
        >>> bool((member_preconditioner(fleet, 0) > 0).all()), member_preconditioner(fleet, 1)
        (True, None)
    """
    recipe, step, total = fleet.recipes[member], int(fleet.step[member]), int(fleet.total[member])
    if recipe.optimizer not in ADAM_OPTIMIZERS:
        return None
    slots = fleet.slots[fleet.layout.bind(recipe.rule)]
    beta2, eps = (recipe.schedule(name).value(step, total) for name in ("beta2", "eps"))
    second = slots.get("square_max", slots["square"])[member]
    return adam_preconditioner(second, step=max(step, 1), beta2=beta2, eps=eps)


# Maximum and minimum number of probes of a training; chosen.
MAX_PROBES, MIN_PROBES = 8, 3
# Cost of a probe in gradients: one gradient, and a Hessian product, which costs two.
GRADIENTS_PER_PROBE = 3
# Maximum cost of all probes as a share of the gradients of the training; chosen.
MAX_PROBE_SHARE = 0.1


def probe_steps(steps: int) -> list[int]:
    """Return the steps at which a training of the given length is probed: the middles of equal parts.

    Example:
        >>> probe_steps(60), probe_steps(800)
        ([10, 30, 50], [50, 150, 250, 350, 450, 550, 650, 750])
    """
    count = max(min(MIN_PROBES, steps), min(MAX_PROBES, int(MAX_PROBE_SHARE * steps / GRADIENTS_PER_PROBE)))
    return [(2 * number + 1) * steps // (2 * count) for number in range(count)]


def probe_sharpness(fleet: Fleet, members: Sequence[int]) -> dict[int, SharpnessProbe]:
    """Return the probes of some members of a fleet, all at the same step, by their indices.

    Members whose probe is not finite, or whose loss has no second derivative, are left out.
    """
    if not members:
        return {}
    step = int(fleet.step[members[0]])
    probes: dict[int, SharpnessProbe] = {}
    try:
        with preserved_generators(), using_threads(fleet.threads):  # a dataset may draw random numbers
            seed_everything(derive_seed(fleet.seed, "initialisation"))
            model = fleet.task.new_model().to(fleet.device)
            batches = read_batches(fleet, step)
            for member in members:
                load_full_state(model, fleet.state_dict(member))
                probe = _probe_member(fleet, member, model, batches)
                if probe is not None:
                    probes[member] = probe
    except (MemoryError, RuntimeError):
        return {}  # out of memory, or no second derivative: the training goes on without probes
    return probes


def _probe_member(fleet: Fleet, member: int, model: nn.Module, batches: list[object]) -> SharpnessProbe | None:
    task, step = fleet.task, int(fleet.step[member])
    in_fp32 = replace(task, precision="fp32") if task.precision == "bf16" else task
    loss = MeanLoss(in_fp32, model, batches, sizes=[task.batch_size] * task.accumulate, seed=step)
    gradient = loss.gradient()
    divisor = member_preconditioner(fleet, member)
    direction = gradient if divisor is None else gradient / divisor
    curvature, slope = float(direction @ Hessian(loss).product(direction)), float(gradient @ direction)
    if not (math.isfinite(curvature) and math.isfinite(slope) and slope > 0):
        return None
    return SharpnessProbe(step, float(gradient.norm()), curvature / slope, _stability_limit(fleet, member))


def _stability_limit(fleet: Fleet, member: int) -> float | None:
    """Return the sharpness at the edge of stability, or ``None`` for optimizers for which it is not known."""
    recipe, step, total = fleet.recipes[member], int(fleet.step[member]), int(fleet.total[member])
    lr, momentum = (float(schedule.value(step, total)) for schedule in (recipe.lr, recipe.momentum))
    if lr <= 0 or recipe.optimizer not in ("sgd", *ADAM_OPTIMIZERS):
        return None
    return 2.0 / lr if recipe.optimizer in ADAM_OPTIMIZERS else 2.0 * (1.0 - momentum) / lr
