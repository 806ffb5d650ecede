"""The sharpness along the gradient of a mini-batch: what decides whether the next step overshoots."""

from __future__ import annotations

from collections.abc import Sequence
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
