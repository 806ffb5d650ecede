"""The sharpness along the gradient of a mini-batch: what decides whether the next step overshoots.

The reach of a step: how much of the slope along it the bending of the loss takes away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from surefoot.curvature.hessian import double_backward
from surefoot.curvature.mean_loss import vector_of


@dataclass(frozen=True, slots=True)
class StepSharpness:
    """How a mini-batch's loss bends along its own gradient g, with its own Hessian H.

    Attributes:
        bend: gᵀ H g.
        squared_norm: ‖g‖².
    """

    bend: float
    squared_norm: float

    @property
    def value(self) -> float:
        """gᵀ H g / ‖g‖²; 0 where there is no gradient."""
        return self.bend / self.squared_norm if self.squared_norm else 0.0


def step_sharpness(loss: Tensor, params: Sequence[Tensor]) -> StepSharpness:
    """Measure the sharpness along the gradient of a loss, by one gradient and one product.

        gᵀ H g / ‖g‖²

    A step of plain descent with a learning rate above 2 over it raises the loss of its own batch.
    Changes the parameters' ``grad`` fields.

    Args:
        loss: A scalar with its graph.
        params: What is trained.

    Raises:
        RuntimeError: If an operation has no double backward.

    Reference:
        Andreyev & Beneventano (2024), Edge of stochastic stability, arXiv:2412.20553.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> step_sharpness((torch.tensor([2.0, 0.0]) * w**2).sum() / 2, [w])
        StepSharpness(bend=8.0, squared_norm=4.0)
    """
    gradient, product = map(vector_of, double_backward(loss, params))
    return StepSharpness(float(gradient @ product), float(gradient @ gradient))


def batch_sharpness(found: Sequence[StepSharpness]) -> float:
    """Return the mean over mini-batches in which each counts by its gradient: E[gᵀ H g] / E‖g‖².

    Training at the edge of stability settles where it is 2 / lr without momentum, and 2 (1 - momentum) / lr with it,
    at small batches.

    Reference:
        Andreyev & Beneventano (2024), arXiv:2412.20553; with momentum arXiv:2604.14108.
    """
    norms = sum(each.squared_norm for each in found)
    return sum(each.bend for each in found) / norms if norms else 0.0


@dataclass(frozen=True, slots=True)
class Reach:
    """How a mini-batch's loss bends along the step -u that an optimizer makes of its gradient g; H is its own Hessian.

    Attributes:
        bend: uᵀ H u.
        slope: gᵀ u.
    """

    bend: float
    slope: float

    @property
    def value(self) -> float:
        """uᵀ H u / gᵀ u; 0 where there is no slope.

        Near 0 the loss is straight as far as the step goes, at 1 the step ends in the lowest place along its way, and
        at 2 where the loss is as high as before.
        """
        return self.bend / self.slope if self.slope else 0.0


def reach(loss: Tensor, params: Sequence[Tensor], step: Callable[[list[Tensor]], Sequence[Tensor]]) -> Reach:
    """Measure the reach of a step, by one gradient and one Hessian-vector product.

        uᵀ H u / gᵀ u,    u = step(g)

    For plain descent, u = lr g, it is the learning rate times the step sharpness gᵀHg / ‖g‖².
    Changes the parameters' ``grad`` fields.

    Args:
        loss: A scalar with its graph.
        params: What is trained.
        step: Makes of the gradient what is taken off the parameters, both in pieces of the parameters' shapes.

    Raises:
        RuntimeError: If an operation has no double backward.

    Reference:
        Andreyev & Beneventano (2024), Edge of stochastic stability, arXiv:2412.20553; with momentum, where
        u = lr g / (1 - momentum) settles at a reach of 2, arXiv:2604.14108.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> bend = torch.tensor([2.0, 1.0])
        >>> reach((bend * w**2).sum() / 2, [w], lambda gradient: [gradient[0] / bend]).value  # Newton's step
        1.0
    """
    taken: list[Tensor] = []

    def step_of(gradient: list[Tensor]) -> Sequence[Tensor]:
        taken.extend(step(gradient))
        return taken

    gradient, product = map(vector_of, double_backward(loss, params, step_of))
    along = vector_of(taken)
    return Reach(float(along @ product), float(along @ gradient))
