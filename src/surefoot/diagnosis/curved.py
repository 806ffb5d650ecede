"""How the loss bends where the recipe's training ended, against what its learning rate can stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.curvature.noise_scale import NoiseScale, noise_scale
from surefoot.curvature.preconditioner import adam_preconditioner
from surefoot.curvature.sharpness import Sharpness, sharpness
from surefoot.curvature.step_sharpness import StepSharpness, batch_sharpness
from surefoot.diagnosis.quadratic import ADAMS, quadratic_of
from surefoot.fleet import LocalFleet
from surefoot.recipe import Recipe
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.values import Json

# Mini-batches whose step sharpness and gradients are looked at.
BATCHES = 8


@dataclass(frozen=True, slots=True)
class Curved:
    """The loss around the end of a training.

    Attributes:
        sharpness: Top eigenvalue of its Hessian; preconditioned for Adam and AdamW.
        limit: Largest learning rate that is stable there with full batches, ``None`` where the optimizer's is not
            known or the loss does not bend upwards.
        step_sharpness: Mean over mini-batches of gᵀHg / ‖g‖², each counted by its ‖g‖².
        noise: Gradient and noise of single samples.
        share_of_noise: Which part of a mini-batch gradient's squared norm is noise.
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
        task, state=state, seed=fleet.seed, preconditioner=_preconditioner(fleet, place), device=fleet.device
    )
    bends, gradients = _on_batches(fleet, state, first=int(fleet.step[place]))
    noise = noise_scale(gradients, batch_size=task.batch_size)
    return Curved(
        found,
        None if found.value is None else stable_limit(recipe, found.value),
        bends,
        noise,
        noise.share_of_noise(task.batch_size),
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


def _preconditioner(fleet: LocalFleet, place: int) -> Tensor | None:
    recipe = fleet.recipes[place]
    if recipe.optimizer not in ADAMS:
        return None
    slots = fleet.slots[fleet.layout.bound(recipe.rule)]
    step, total = int(fleet.step[place]), int(fleet.total[place])
    beta2, eps = (recipe.schedule(name).value(step, total) for name in ("beta2", "eps"))
    second = slots.get("square_max", slots["square"])[place]
    return adam_preconditioner(second, step=max(step, 1), beta2=beta2, eps=eps)


def _on_batches(fleet: LocalFleet, state: dict[str, Tensor], *, first: int) -> tuple[float, Tensor]:
    """Return the step sharpness over the batches that would come next, and their gradients ``[batches, P]``."""
    task = replace(fleet.task, precision="fp32") if fleet.task.precision == "bf16" else fleet.task
    with borrowed_generators():
        seed_everything(draw_seed(fleet.seed, "initialisation"))
        model = task.new_model().to(fleet.device)
    bends, gradients = [], []
    for number in range(first, first + BATCHES):
        model.load_state_dict(state)
        batch = pytree.tree_map_only(
            Tensor, lambda tensor: tensor.to(fleet.device), task.batch("train", fleet.order.indices(number))
        )
        loss = MeanLoss(task, model, [batch], sizes=[task.batch_size], seed=number)
        gradient = loss.gradient()
        product = Hessian(loss).product(gradient)
        bends.append(StepSharpness(float(gradient @ product), float(gradient @ gradient)))
        gradients.append(gradient.cpu())
    return batch_sharpness(bends), torch.stack(gradients)
