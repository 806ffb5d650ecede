"""The sharpness: the top eigenvalue of the training loss's Hessian, without the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from surefoot.curvature.hessian import Hessian, Method
from surefoot.curvature.sampled import sampled_loss
from surefoot.curvature.spectrum import BASIS, NoSpectrum, Products, top
from surefoot.tasks.task import Task
from surefoot.values import Json

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
