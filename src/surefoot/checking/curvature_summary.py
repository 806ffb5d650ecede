"""A recipe's optimizer on the quadratic model, where theory has it.

Curvature of the loss where the recipe's training ended, against what its learning rate can stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils import _pytree as pytree

from surefoot.core.values import Json
from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.curvature.preconditioner import ADAMS
from surefoot.curvature.sharpness import NoiseScale, Sharpness, noise_scale, sharpness
from surefoot.curvature.step_curvature import StepSharpness, batch_sharpness
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.checkpoint import load_whole_state
from surefoot.tasks.seeding import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.task import Task
from surefoot.theory.linear_method import LinearMethod, adam, heavy_ball, nesterov
from surefoot.theory.stability import adam_limit, heavy_ball_limit, nesterov_limit
from surefoot.trainers.fleet_trainer import EndState
from surefoot.trainers.trial import Trial


@dataclass(frozen=True, slots=True)
class Quadratic:
    """An optimizer along one eigenvector of the Hessian; of the preconditioned one for Adam and AdamW.

    Attributes:
        name: What it is called in theory.
        method: Learning rate and momentum -> its recurrence.
        limit: Eigenvalue, above 0, and momentum -> the largest stable learning rate.
    """

    name: str
    method: Callable[[ArrayLike, ArrayLike], LinearMethod]
    limit: Callable[[float, float], float]


HEAVY_BALL = Quadratic("heavy ball", heavy_ball, lambda top, momentum: heavy_ball_limit(top, momentum=momentum))
NESTEROV = Quadratic("Nesterov", nesterov, lambda top, momentum: nesterov_limit(top, momentum=momentum))
ADAM = Quadratic("Adam, preconditioned", adam, lambda top, momentum: adam_limit(top, beta1=momentum))


def quadratic_of(recipe: Recipe) -> Quadratic | None:
    """Return what a recipe's optimizer is on a quadratic, ``None`` where theory does not say.

    Weight decay and clipping are left aside; a dampened velocity is not.

    Example:
        >>> quadratic_of(Recipe.parse("sgd(lr=0.1, momentum=0.9, nesterov=true)")).name
        'Nesterov'
    """
    if recipe.optimizer in ADAMS:
        return ADAM
    if recipe.optimizer != "sgd" or recipe.schedule("dampening").highest > 0:
        return None
    return NESTEROV if "nesterov" in recipe.switches else HEAVY_BALL


# Steps whose step sharpness and gradients are measured, each for three gradients: its own, and two for a product.
STEPS, GRADIENTS_A_STEP = 4, 3
# Gradients within which a top eigenvalue is found, as a rule.
FEWEST_GRADIENTS, MOST_GRADIENTS = 12, 40
LEAST_CONFIG_STEPS = STEPS * GRADIENTS_A_STEP + FEWEST_GRADIENTS
# The sharpness is that of so many batches at most.
MOST_BATCHES = 4


@dataclass(frozen=True, slots=True)
class CurvatureSummary:
    """The loss around the end of a training.

    Attributes:
        sharpness: Top eigenvalue of its Hessian; preconditioned for Adam and AdamW.
        limit: Largest learning rate that is stable there with full batches, ``None`` where the optimizer's is not
            known or the loss does not bend upwards.
        step_sharpness: Mean over the next steps' batches of gᵀHg / ‖g‖², each counted by its ‖g‖².
        noise: Gradient and noise of single samples.
        share_of_noise: Which part of the squared norm of a step's gradient is noise.
        config_steps: What measuring it cost, a Hessian-vector product counted as two gradients.
    """

    sharpness: Sharpness
    limit: float | None
    step_sharpness: float
    noise: NoiseScale
    share_of_noise: float
    config_steps: int

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "sharpness": self.sharpness.to_json(),
            "limit": self.limit,
            "step_sharpness": self.step_sharpness,
            "noise_scale": self.noise.value if self.noise.signal > 0 else None,
            "share_of_noise": self.share_of_noise,
            "config_steps": self.config_steps,
        }


def measure_curvature(
    task: Task, trial: Trial, end: EndState, *, config_steps: int, device: str = "cpu"
) -> CurvatureSummary | None:
    """Measure the curvature where a trial ended.

    Args:
        task: What was trained.
        trial: The trial.
        end: Where it ended.
        config_steps: What it may cost.
        device: Where to compute.

    Returns:
        The summary; ``None`` where it may not cost as much as it must, or the loss has no second derivative.
    """
    if config_steps < LEAST_CONFIG_STEPS:
        return None
    left = config_steps - STEPS * GRADIENTS_A_STEP
    batches = min(MOST_BATCHES, left // MOST_GRADIENTS) or 1
    gradients = min(MOST_GRADIENTS, left // batches)
    try:
        found = sharpness(
            task,
            state=end.state,
            seed=trial.seed,
            samples=batches * task.step_samples,
            most_gradients=gradients,
            preconditioner=end.preconditioner,
            device=device,
        )
        bends, rows = _of_next_steps(task, trial, end, device=device)
    except (MemoryError, RuntimeError):
        return None  # for want of memory or of a second derivative: the verdict does without
    noise = noise_scale(rows, batch_size=task.step_samples)
    return CurvatureSummary(
        found,
        None if found.value is None else stable_limit(trial.recipe, found.value),
        bends,
        noise,
        noise.share_of_noise(task.step_samples),
        found.gradients * batches + STEPS * GRADIENTS_A_STEP,
    )


def stable_limit(recipe: Recipe, curvature: float) -> float | None:
    """Return the largest stable learning rate of a recipe's optimizer with full batches on a quadratic.

    Args:
        recipe: Whose.
        curvature: Top eigenvalue; of the preconditioned Hessian for Adam and AdamW.

    Example:
        >>> round(stable_limit(Recipe.parse("sgd(lr=0.1, momentum=0.9)"), 41.0), 3)
        0.093
    """
    momentum = recipe.momentum.highest
    if not curvature > 0 or not 0.0 <= momentum < 1.0:
        return None
    model = quadratic_of(recipe)
    return None if model is None else float(model.limit(curvature, momentum))


def _of_next_steps(task: Task, trial: Trial, end: EndState, *, device: str) -> tuple[float, Tensor]:
    """Return the step sharpness over the batches of the steps that would come next, and their gradients ``[S, P]``."""
    measured = replace(task, precision="fp32") if task.precision == "bf16" else task
    order = BatchOrder(len(task.split("train")), task.batch_size, seed=draw_seed(trial.seed, "data"))
    bends, gradients = [], []
    with borrowed_generators():  # a dataset may draw
        seed_everything(draw_seed(trial.seed, "initialisation"))
        model = task.new_model().to(device)
        for step in range(trial.steps, trial.steps + STEPS):
            seed_everything(draw_seed(trial.seed, "data", step))
            load_whole_state(model, end.state)
            micro = range(step * task.accumulate, (step + 1) * task.accumulate)
            batches = pytree.tree_map_only(
                Tensor, lambda tensor: tensor.to(device), [task.batch("train", order.indices(each)) for each in micro]
            )
            loss = MeanLoss(measured, model, batches, sizes=[len(order.indices(each)) for each in micro], seed=step)
            gradient = loss.gradient()
            product = Hessian(loss).product(gradient)
            bends.append(StepSharpness(float(gradient @ product), float(gradient @ gradient)))
            gradients.append(gradient.cpu())
    return batch_sharpness(bends), torch.stack(gradients)
