"""Curvature of a mini-batch's loss along its gradient, and along the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from surefoot.curvature.hessian import double_backward
from surefoot.curvature.mean_loss import vector_of


@dataclass(frozen=True, slots=True)
class GradientSharpness:
    """Curvature of a mini-batch's loss along its own gradient g, with its own Hessian H.

    Attributes:
        curvature: gᵀ H g.
        squared_norm: ‖g‖².
    """

    curvature: float
    squared_norm: float

    @property
    def value(self) -> float:
        """gᵀ H g / ‖g‖²; 0 if the gradient is 0."""
        return self.curvature / self.squared_norm if self.squared_norm else 0.0


def gradient_sharpness(loss: Tensor, params: Sequence[Tensor]) -> GradientSharpness:
    """Measure the sharpness of a loss along its gradient, by one gradient and one Hessian-vector product.

        gᵀ H g / ‖g‖²

    A step of gradient descent with a learning rate above 2 divided by it raises the loss of its own batch.
    The ``grad`` fields of the parameters are overwritten.

    Args:
        loss: A scalar with its graph.
        params: Parameters to differentiate by.

    Raises:
        RuntimeError: If an operation has no double backward.

    Reference:
        Andreyev & Beneventano (2024), Edge of stochastic stability, arXiv:2412.20553.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> gradient_sharpness((torch.tensor([2.0, 0.0]) * w**2).sum() / 2, [w])
        GradientSharpness(curvature=8.0, squared_norm=4.0)
    """
    gradient, product = map(vector_of, double_backward(loss, params))
    return GradientSharpness(float(gradient @ product), float(gradient @ gradient))


def batch_sharpness(batches: Sequence[GradientSharpness]) -> float:
    """Return the mean over mini-batches, weighted by the squared norms of their gradients: E[gᵀ H g] / E‖g‖².

    Training at the edge of stability settles where it is 2 / lr without momentum, and 2 (1 - momentum) / lr with
    momentum and small batches.

    Args:
        batches: The sharpness of each mini-batch.

    Reference:
        Andreyev & Beneventano (2024), arXiv:2412.20553; with momentum arXiv:2604.14108.
    """
    squared_norms = sum(each.squared_norm for each in batches)
    return sum(each.curvature for each in batches) / squared_norms if squared_norms else 0.0


@dataclass(frozen=True, slots=True)
class CurvatureRatio:
    """Curvature and slope of a mini-batch's loss along the step -u that an optimizer makes of its gradient g.

    Attributes:
        curvature: uᵀ H u, with the Hessian H of the mini-batch's loss.
        slope: gᵀ u.
    """

    curvature: float
    slope: float

    @property
    def value(self) -> float:
        """uᵀ H u / gᵀ u; 0 if there is no slope.

        Close to 0 the loss is nearly linear along the step; at 1 the step ends at the lowest point along its direction,
        and at 2 where the loss is as high as before the step.
        """
        return self.curvature / self.slope if self.slope else 0.0


def curvature_ratio(
    loss: Tensor, params: Sequence[Tensor], step: Callable[[list[Tensor]], Sequence[Tensor]]
) -> CurvatureRatio:
    """Measure the ratio of curvature to slope along a step, by one gradient and one Hessian-vector product.

        uᵀ H u / gᵀ u,    u = step(g)

    For gradient descent, u = lr g, it is the learning rate times the sharpness along the gradient, gᵀHg / ‖g‖².
    The ``grad`` fields of the parameters are overwritten.

    Args:
        loss: A scalar with its graph.
        params: Parameters to differentiate by.
        step: Returns what is subtracted from the parameters, given the gradient; both are lists of tensors with the
            shapes of the parameters.

    Raises:
        RuntimeError: If an operation has no double backward.

    Reference:
        Andreyev & Beneventano (2024), Edge of stochastic stability, arXiv:2412.20553; with momentum, where
        u = lr g / (1 - momentum) settles at a ratio of 2, arXiv:2604.14108.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
        >>> h = torch.tensor([2.0, 1.0])
        >>> curvature_ratio((h * w**2).sum() / 2, [w], lambda gradient: [gradient[0] / h]).value  # Newton's step
        1.0
    """
    parts: list[Tensor] = []

    def record_step(gradient: list[Tensor]) -> Sequence[Tensor]:
        parts.extend(step(gradient))
        return parts

    gradient, product = map(vector_of, double_backward(loss, params, record_step))
    direction = vector_of(parts)
    return CurvatureRatio(float(direction @ product), float(direction @ gradient))
