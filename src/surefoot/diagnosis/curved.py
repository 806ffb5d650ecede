"""How the loss bends where the recipe's training ended, against what its learning rate can stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.curvature.noise_scale import NoiseScale, noise_scale
from surefoot.curvature.sharpness import Sharpness, sharpness
from surefoot.curvature.step_sharpness import StepSharpness, batch_sharpness
from surefoot.diagnosis.quadratic import quadratic_of
from surefoot.fleet import LocalFleet
from surefoot.fleet.preconditioned import preconditioner_of
from surefoot.fleet.training import read_batches
from surefoot.recipe import Recipe
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.values import Json

# Steps whose step sharpness and gradients are looked at.
STEPS = 8


@dataclass(frozen=True, slots=True)
class Curved:
    """The loss around the end of a training.

    Attributes:
        sharpness: Top eigenvalue of its Hessian; preconditioned for Adam and AdamW.
        limit: Largest learning rate that is stable there with full batches, ``None`` where the optimizer's is not
            known or the loss does not bend upwards.
        step_sharpness: Mean over the next steps' batches of gᵀHg / ‖g‖², each counted by its ‖g‖².
        noise: Gradient and noise of single samples.
        share_of_noise: Which part of the squared norm of a step's gradient is noise.
    """

    sharpness: Sharpness
    limit: float | None
    step_sharpness: float
    noise: NoiseScale
    share_of_noise: float

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "sharpness": self.sharpness.to_json(),
            "limit": self.limit,
            "step_sharpness": self.step_sharpness,
            "noise_scale": self.noise.value if self.noise.signal > 0 else None,
            "share_of_noise": self.share_of_noise,
        }


def measure_curvature(fleet: LocalFleet, place: int) -> Curved:
    """Measure how the loss bends where a member stands; the member is left as it is."""
    task, recipe, state = fleet.task, fleet.recipes[place], fleet.state_dict(place)
    found = sharpness(
        task, state=state, seed=fleet.seed, preconditioner=preconditioner_of(fleet, place), device=fleet.device
    )
    bends, gradients = _of_next_steps(fleet, state, first=int(fleet.step[place]))
    noise = noise_scale(gradients, batch_size=task.step_samples)
    return Curved(
        found,
        None if found.value is None else stable_limit(recipe, found.value),
        bends,
        noise,
        noise.share_of_noise(task.step_samples),
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


def _of_next_steps(fleet: LocalFleet, state: dict[str, Tensor], *, first: int) -> tuple[float, Tensor]:
    """Return the step sharpness over the batches of the steps that would come next, and their gradients ``[S, P]``."""
    task = replace(fleet.task, precision="fp32") if fleet.task.precision == "bf16" else fleet.task
    sizes = [task.batch_size] * task.accumulate
    bends, gradients = [], []
    with borrowed_generators():  # a dataset may draw
        seed_everything(draw_seed(fleet.seed, "initialisation"))
        model = task.new_model().to(fleet.device)
        for number in range(first, first + STEPS):
            model.load_state_dict(state)
            loss = MeanLoss(task, model, read_batches(fleet, number), sizes=sizes, seed=number)
            gradient = loss.gradient()
            product = Hessian(loss).product(gradient)
            bends.append(StepSharpness(float(gradient @ product), float(gradient @ gradient)))
            gradients.append(gradient.cpu())
    return batch_sharpness(bends), torch.stack(gradients)
