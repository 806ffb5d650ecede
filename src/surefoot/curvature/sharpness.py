"""Sharpness: the Hessian's largest eigenvalue, or curvature along a gradient or step; and the gradient noise scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from surefoot.core.value_types import Json
from surefoot.curvature.hessian import (
    LANCZOS_BASIS,
    EigenvalueUnavailable,
    Hessian,
    HessianProducts,
    Method,
    double_backward,
    top_eigenpairs,
)
from surefoot.curvature.mean_loss import sampled_loss, vector_of
from surefoot.tasks.task import Task

# Maximum number of samples, relative residual of the eigenvector, and maximum cost in gradients. Chosen: exact enough
# for a limit of the learning rate, at the price of some dozens of steps.
DEFAULT_SAMPLES = 2048
DEFAULT_TOLERANCE = 0.03
DEFAULT_MAX_GRADIENTS = 40


@dataclass(frozen=True, slots=True)
class Sharpness:
    """A measured sharpness.

    Attributes:
        value: Largest eigenvalue λ; ``None`` if it could not be computed.
        residual: ``|H v - λ v| / |λ|`` with its eigenvector v: a bound on the relative error of λ as an eigenvalue.
        gradients: Cost in gradients of the mean loss; a Hessian-vector product counts as two.
        samples: Number of samples that the loss is the mean over.
        method: How Hessian-vector products were computed.
        reason: Why there is no value; ``None`` if there is one.
    """

    value: float | None
    residual: float | None
    gradients: int
    samples: int
    method: Method
    reason: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the sharpness as JSON."""
        return {
            "value": self.value,
            "residual": self.residual,
            "gradients": self.gradients,
            "samples": self.samples,
            "method": self.method,
            "reason": self.reason,
        }


def sharpness(
    task: Task,
    *,
    state: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    samples: int = DEFAULT_SAMPLES,
    max_gradients: int = DEFAULT_MAX_GRADIENTS,
    tolerance: float = DEFAULT_TOLERANCE,
    preconditioner: Tensor | None = None,
    device: str = "cpu",
) -> Sharpness:
    """Measure the largest eigenvalue of the training loss's Hessian, on a sample of the training data.

    By the Lanczos method (:func:`surefoot.curvature.hessian.top_eigenpairs`), on a new model in training mode. How the
    sample is drawn says :func:`surefoot.curvature.mean_loss.sampled_loss`. The states of random generators and the
    order of the data do not change.

    Args:
        task: The task with the loss function and the data.
        state: The model's ``state_dict``; by default the initialisation that a fleet with this seed starts from.
        seed: Seed of initialisation, data order and dropout.
        samples: Maximum number of samples.
        max_gradients: Maximum cost in gradients.
        tolerance: Relative residual at which the method stops.
        preconditioner: What an adaptive optimizer divides the step of each parameter by, above 0, shape ``[P]``; the
            eigenvalue is then that of P⁻¹H, which determines the optimizer's stability
            (:mod:`surefoot.curvature.preconditioner`).
        device: Where to compute.

    Returns:
        The sharpness; without a value if the loss is not finite, or the maximum cost is too low.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> data = (torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1))
        >>> line = Task("line", lambda: nn.Linear(1, 1), nn.functional.mse_loss, data, data, batch_size=2, steps=1)
        >>> round(sharpness(line).value, 3)  # of 2 [[mean(x^2), mean(x)], [mean(x), 1]]
        11.657
    """
    loss, count = sampled_loss(task, state=state, seed=seed, samples=samples, device=device)
    hessian = Hessian(loss)
    value = residual = reason = None
    try:
        products = HessianProducts(hessian, max_gradients, preconditioner)
        value, residual = _largest_eigenvalue(products, seed=seed, tolerance=tolerance)
    except EigenvalueUnavailable as error:
        reason = str(error)
    return Sharpness(value, residual, loss.gradients, count, hessian.method, reason)


def _largest_eigenvalue(products: HessianProducts, *, seed: int, tolerance: float) -> tuple[float, float]:
    """Return the largest eigenvalue and its relative residual."""
    (value,), (vector,) = top_eigenpairs(products, seed=seed, tolerance=tolerance)
    if products.hessian.size <= LANCZOS_BASIS or not value:
        return float(value), 0.0
    products.max_gradients += 2  # the residual needs one more product
    distance = float(np.linalg.norm(products(vector) - value * vector))
    return float(value), distance / abs(float(value))


@dataclass(frozen=True, slots=True)
class NoiseScale:
    """Unbiased estimates of the gradient's norm and of the noise of single samples.

    Attributes:
        signal: ‖G‖², the squared norm of the gradient of the mean loss over all data; an estimate may be below 0 if
            the noise is much larger.
        noise: tr Σ, the variance of a single sample's gradient, summed over parameters.
    """

    signal: float
    noise: float

    @property
    def value(self) -> float:
        """Tr Σ / ‖G‖²: the batch size at which noise equals the gradient; infinite if the signal is below 0."""
        return self.noise / self.signal if self.signal > 0 else float("inf")

    def share_of_noise(self, batch_size: int) -> float:
        """Return the share of noise in the squared norm of a mini-batch gradient, from 0 to 1.

        Example:
            >>> NoiseScale(signal=2.0, noise=6.0).share_of_noise(3)
            0.5
        """
        noise = max(self.noise, 0.0) / batch_size
        squared_norm = noise + max(self.signal, 0.0)
        return noise / squared_norm if squared_norm else 0.0


def noise_scale(gradients: Tensor, *, batch_size: int) -> NoiseScale:
    """Estimate the gradient noise scale from the gradients of several mini-batches at the same parameters.

    With b samples each and n of them, ``s`` the mean squared norm and ``m`` the squared norm of the mean,

        ‖G‖² = (n m - s) / (n - 1),    tr Σ = b n (s - m) / (n - 1)

    Args:
        gradients: Gradients of n mini-batches, n at least 2, shape ``[n, P]``.
        batch_size: Number of samples b in each mini-batch.

    Raises:
        ValueError: If there are fewer than two gradients.

    Reference:
        McCandlish et al. (2018), An empirical model of large-batch training, arXiv:1812.06162, appendix A.

    Example:
        >>> import torch
        >>> noise_scale(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), batch_size=4)
        NoiseScale(signal=0.0, noise=8.0)
    """
    count = len(gradients)
    if count < 2:
        raise ValueError(f"a noise scale needs at least 2 gradients; given {count}")
    mean_square = float(gradients.double().square().sum(1).mean())
    square_of_mean = float(gradients.double().mean(0).square().sum())
    signal = (count * square_of_mean - mean_square) / (count - 1)
    return NoiseScale(signal, batch_size * count * (mean_square - square_of_mean) / (count - 1))


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
