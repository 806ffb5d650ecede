"""The sharpness: the top eigenvalue of the training loss's Hessian, without the matrix.

How noisy the gradients of mini-batches are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from surefoot.core.values import Json
from surefoot.curvature.hessian import BASIS, Hessian, Method, NoSpectrum, Products, top
from surefoot.curvature.mean_loss import sampled_loss
from surefoot.tasks.task import Task

SAMPLES = 2048
TOLERANCE = 0.03
MOST_GRADIENTS = 40


@dataclass(frozen=True, slots=True)
class Sharpness:
    """A measured sharpness.

    Attributes:
        value: Top eigenvalue λ, or ``None`` where there is none to be had.
        residual: ``|H v - λ v| / |λ|`` of its eigenvector v: at most so far, relatively, is λ from an eigenvalue.
        gradients: What it cost, in gradients of the sample's mean loss; a Hessian-vector product counts as two.
        samples: How many the mean is over.
        method: How the products were computed.
        reason: Why there is no value.
    """

    value: float | None
    residual: float | None
    gradients: int
    samples: int
    method: Method
    reason: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
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
    samples: int = SAMPLES,
    most_gradients: int = MOST_GRADIENTS,
    tolerance: float = TOLERANCE,
    preconditioner: Tensor | None = None,
    device: str = "cpu",
) -> Sharpness:
    """Measure the top eigenvalue of the training loss's Hessian, on a sample of the training data.

    ARPACK's implicitly restarted Lanczos method, from a random vector that one product has turned towards the top of
    the spectrum. All of it happens on a model of its own, in training mode (see :class:`MeanLoss`); generators and
    the order of the data stay as they are. The sample is the beginning of the training's own order, in
    batches of the task's size; all of them are full where the model has BatchNorm, whose statistics depend on it.
    Tasks in bf16 are measured in float32: rounding would drown the second derivative.

    Args:
        task: Whose loss it is.
        state: A ``state_dict`` to measure at; the seed's initialisation, the one a fleet trains from, if not given.
        seed: Of initialisation, data order and dropout.
        samples: Most samples the mean is over.
        most_gradients: A ceiling on the cost.
        tolerance: Relative residual at which the method stops.
        preconditioner: What an adaptive optimizer divides each parameter's step by ``[P]``, above 0; the eigenvalue is
            then that of P⁻¹H, which decides over that optimizer's stability (:mod:`surefoot.curvature.preconditioner`).
        device: Where to compute.

    Returns:
        The sharpness; without a value where the loss is not finite, or the ceiling was too low.

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
        products = Products(hessian, most_gradients, preconditioner)
        value, residual = _top(products, seed=seed, tolerance=tolerance)
    except NoSpectrum as error:
        reason = str(error)
    return Sharpness(value, residual, loss.gradients, count, hessian.method, reason)


def _top(products: Products, *, seed: int, tolerance: float) -> tuple[float, float]:
    """Return the top eigenvalue and its relative residual."""
    (value,), (vector,) = top(products, seed=seed, tolerance=tolerance)
    if products.hessian.size <= BASIS or not value:
        return float(value), 0.0
    products.most_gradients += 2  # the one that says how good the answer is
    distance = float(np.linalg.norm(products(vector) - value * vector))
    return float(value), distance / abs(float(value))


@dataclass(frozen=True, slots=True)
class NoiseScale:
    """Gradient and noise of single samples, estimated without bias.

    Attributes:
        signal: ‖G‖², the squared norm of the whole loss's gradient; an estimate may be below 0 where noise drowns it.
        noise: tr Σ, the summed variance of a single sample's gradient.
    """

    signal: float
    noise: float

    @property
    def value(self) -> float:
        """Tr Σ / ‖G‖²: the batch size at which noise and gradient weigh the same; infinite where noise drowns it."""
        return self.noise / self.signal if self.signal > 0 else float("inf")

    def share_of_noise(self, batch_size: int) -> float:
        """Return which part of a mini-batch gradient's squared norm is noise, from 0 to 1.

        Example:
            >>> NoiseScale(signal=2.0, noise=6.0).share_of_noise(3)
            0.5
        """
        own = max(self.noise, 0.0) / batch_size
        whole = own + max(self.signal, 0.0)
        return own / whole if whole else 0.0


def noise_scale(gradients: Tensor, *, batch_size: int) -> NoiseScale:
    """Estimate the gradient noise scale from the gradients of several mini-batches at the same parameters.

    With b samples each and n of them, ``s`` the mean squared norm and ``m`` the squared norm of the mean,

        ‖G‖² = (n m - s) / (n - 1),    tr Σ = b n (s - m) / (n - 1)

    Args:
        gradients: ``[n, P]``, n at least 2.
        batch_size: b.

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
