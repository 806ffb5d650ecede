"""Curvature of the loss where a recipe's training ended, and the largest learning rate that is stable there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils import _pytree as pytree

from surefoot.core.value_types import Json
from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.curvature.preconditioner import ADAM_OPTIMIZERS
from surefoot.curvature.sharpness import (
    DEFAULT_MAX_GRADIENTS,
    GradientSharpness,
    NoiseScale,
    Sharpness,
    batch_sharpness,
    noise_scale,
    sharpness,
)
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import derive_seed, preserved_generators, seed_everything
from surefoot.tasks.start_from_checkpoint import load_full_state
from surefoot.tasks.task import Task
from surefoot.theory.linear_method import LinearMethod, adam, heavy_ball, nesterov
from surefoot.theory.stable_and_best_rates import adam_limit, heavy_ball_limit, nesterov_limit
from surefoot.trainers.fleet_trainer import EndState
from surefoot.trainers.trial import Trial


@dataclass(frozen=True, slots=True)
class OptimizerOnQuadratic:
    """An optimizer on a quadratic loss, along one eigenvector of the Hessian (preconditioned for Adam and AdamW).

    Attributes:
        name: Name of the method in theory.
        method: Function from learning rate and momentum to the linear recurrence.
        limit: Function from a positive eigenvalue and the momentum to the largest stable learning rate.
    """

    name: str
    method: Callable[[ArrayLike, ArrayLike], LinearMethod]
    limit: Callable[[float, float], float]


HEAVY_BALL = OptimizerOnQuadratic(
    "heavy ball", heavy_ball, lambda top, momentum: heavy_ball_limit(top, momentum=momentum)
)
NESTEROV = OptimizerOnQuadratic("Nesterov", nesterov, lambda top, momentum: nesterov_limit(top, momentum=momentum))
ADAM = OptimizerOnQuadratic("Adam, preconditioned", adam, lambda top, momentum: adam_limit(top, beta1=momentum))


def optimizer_on_quadratic(recipe: Recipe) -> OptimizerOnQuadratic | None:
    """Return a recipe's optimizer on a quadratic loss; ``None`` where theory has no formula for it.

    Weight decay and gradient clipping are ignored. There is no formula with dampening.

    Example:
        >>> optimizer_on_quadratic(Recipe.parse("sgd(lr=0.1, momentum=0.9, nesterov=true)")).name
        'Nesterov'
    """
    if recipe.optimizer in ADAM_OPTIMIZERS:
        return ADAM
    if recipe.optimizer != "sgd" or recipe.schedule("dampening").highest > 0:
        return None
    return NESTEROV if "nesterov" in recipe.switches else HEAVY_BALL


# Number of next steps whose step sharpness and gradients are measured. Chosen: a variance needs a few.
MEASURED_STEPS = 4
# Cost of each of these steps, in gradients: the gradient itself, and a Hessian-vector product, which counts as two.
GRADIENTS_PER_STEP = 3
# Fewest gradients that usually yield a top eigenvalue.
MIN_GRADIENTS = 12
# Fewest config-steps for which curvature can be measured.
MIN_CONFIG_STEPS = MEASURED_STEPS * GRADIENTS_PER_STEP + MIN_GRADIENTS
# Most batches whose mean loss the sharpness is measured of. Chosen: more would hardly change it.
MAX_BATCHES = 4


@dataclass(frozen=True, slots=True)
class CurvatureSummary:
    """Curvature and gradient noise of the loss where a training ended.

    Attributes:
        sharpness: Top eigenvalue of the Hessian; of the preconditioned Hessian for Adam and AdamW.
        limit: Largest learning rate that is stable there with full batches; ``None`` where there is no formula for the
            optimizer, or the top eigenvalue is not above 0.
        step_sharpness: Mean of gᵀHg / ‖g‖² over the batches of the next steps, weighted by ‖g‖².
        noise: Squared norm of the gradient, and variance of the gradients of single samples.
        share_of_noise: Share of the squared norm of a batch's gradient that is noise.
        config_steps: Cost of the measurement; a Hessian-vector product counts as two.
    """

    sharpness: Sharpness
    limit: float | None
    step_sharpness: float
    noise: NoiseScale
    share_of_noise: float
    config_steps: int

    def to_json(self) -> dict[str, Json]:
        """Return the summary as part of the JSON object that the command prints."""
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
    """Measure the curvature of the loss where a trial ended.

    Args:
        task: The task that was trained.
        trial: The trial.
        end: Weights and optimizer state at the end of the trial.
        config_steps: Ceiling on the cost, in config-steps.
        device: Device to compute on.

    Returns:
        The summary; ``None`` where the ceiling is too low, memory ran out, or the loss has no second derivative.
    """
    if config_steps < MIN_CONFIG_STEPS:
        return None
    left = config_steps - MEASURED_STEPS * GRADIENTS_PER_STEP
    batches = min(MAX_BATCHES, left // DEFAULT_MAX_GRADIENTS) or 1
    gradients = min(DEFAULT_MAX_GRADIENTS, left // batches)
    try:
        top = sharpness(
            task,
            state=end.state,
            seed=trial.seed,
            samples=batches * task.step_samples,
            max_gradients=gradients,
            preconditioner=end.preconditioner,
            device=device,
        )
        step_sharpness, next_gradients = _measure_next_steps(task, trial, end, device=device)
    except (MemoryError, RuntimeError):
        return None  # memory ran out, or there is no second derivative: a verdict needs neither
    noise = noise_scale(next_gradients, batch_size=task.step_samples)
    return CurvatureSummary(
        sharpness=top,
        limit=None if top.value is None else stable_limit(trial.recipe, top.value),
        step_sharpness=step_sharpness,
        noise=noise,
        share_of_noise=noise.share_of_noise(task.step_samples),
        config_steps=top.gradients * batches + MEASURED_STEPS * GRADIENTS_PER_STEP,
    )


def stable_limit(recipe: Recipe, curvature: float) -> float | None:
    """Return the largest stable learning rate of a recipe's optimizer with full batches on a quadratic.

    Args:
        recipe: The recipe that names the optimizer and the momentum.
        curvature: Top eigenvalue of the Hessian; of the preconditioned Hessian for Adam and AdamW.

    Returns:
        The limit; ``None`` where there is no formula for the optimizer, or the curvature is not above 0.

    Example:
        >>> round(stable_limit(Recipe.parse("sgd(lr=0.1, momentum=0.9)"), 41.0), 3)
        0.093
    """
    momentum = recipe.momentum.highest
    if not curvature > 0 or not 0.0 <= momentum < 1.0:
        return None
    model = optimizer_on_quadratic(recipe)
    return None if model is None else float(model.limit(curvature, momentum))


def _measure_next_steps(task: Task, trial: Trial, end: EndState, *, device: str) -> tuple[float, Tensor]:
    """Return the step sharpness over the batches of the steps that would come next, and their gradients ``[S, P]``."""
    fp32_task = replace(task, precision="fp32") if task.precision == "bf16" else task
    order = BatchOrder(len(task.split("train")), task.batch_size, seed=derive_seed(trial.seed, "data"))
    sharpnesses, gradients = [], []
    with preserved_generators():  # reading a dataset may draw random numbers
        seed_everything(derive_seed(trial.seed, "initialisation"))
        model = task.new_model().to(device)
        for step in range(trial.steps, trial.steps + MEASURED_STEPS):
            seed_everything(derive_seed(trial.seed, "data", step))
            load_full_state(model, end.state)
            micro = range(step * task.accumulate, (step + 1) * task.accumulate)
            batches = pytree.tree_map_only(
                Tensor, lambda tensor: tensor.to(device), [task.batch("train", order.indices(each)) for each in micro]
            )
            loss = MeanLoss(fp32_task, model, batches, sizes=[len(order.indices(each)) for each in micro], seed=step)
            gradient = loss.gradient()
            product = Hessian(loss).product(gradient)
            sharpnesses.append(GradientSharpness(float(gradient @ product), float(gradient @ gradient)))
            gradients.append(gradient.cpu())
    return batch_sharpness(sharpnesses), torch.stack(gradients)
