"""The sharpness: the top eigenvalue of the training loss's Hessian, without the matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from surefoot.curvature.hessian import Hessian, Method
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.tasks.batches import BatchOrder, chunks
from surefoot.tasks.exhaustion import is_out_of_memory
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.task import Task
from surefoot.values import Json

SAMPLES = 2048
# A prior needs no more: a handful of batches, and the eigenvalue to a few per cent.
PRIOR_SAMPLES, PRIOR_BATCHES = 512, 4
TOLERANCE = 0.03
MOST_GRADIENTS = 40
# Vectors that the Lanczos method keeps; a Hessian no larger is worked out as a whole.
BASIS = 8


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
        >>> data = (torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1))
        >>> line = Task("line", lambda: nn.Linear(1, 1), nn.functional.mse_loss, data, data, batch_size=2, steps=1)
        >>> round(sharpness(line).value, 3)  # of 2 [[mean(x^2), mean(x)], [mean(x), 1]]
        11.657
    """
    hessian, count = _hessian(task, state, seed=seed, samples=samples, device=device)
    value = residual = reason = None
    try:
        products = _Products(hessian, most_gradients, preconditioner)
        value, residual = _top(products, seed=seed, tolerance=tolerance)
    except _NoAnswer as error:
        reason = str(error)
    except ArpackError as error:
        reason = f"the Lanczos method failed: {error}"
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        reason = "there is not enough memory for a second derivative"
    return Sharpness(value, residual, hessian.loss.gradients, count, hessian.method, reason)


def sharpness_prior(task: Task, *, seed: int = 0, device: str = "cpu") -> Sharpness:
    """Measure the sharpness at initialisation roughly, for a prior: at most 40 gradients of at most 4 batches.

    That is ``MOST_GRADIENTS * PRIOR_BATCHES`` = 160 config-steps at most; 80 to 120 are usual.

    Example:
        >>> from surefoot.tasks.loader import load
        >>> sharpness_prior(load("wine")).gradients <= 40
        True
    """
    return sharpness(task, seed=seed, samples=min(PRIOR_SAMPLES, PRIOR_BATCHES * task.step_samples), device=device)


class _NoAnswer(Exception):  # noqa: N818  (a reason, which becomes data)
    """Why there is no eigenvalue."""


@dataclass(slots=True)
class _Products:
    """Hessian-vector products in NumPy, as many as are paid for.

    With a preconditioner P they are those of P^(-1/2) H P^(-1/2): symmetric, and its eigenvalues are those of P⁻¹H.
    """

    hessian: Hessian
    most_gradients: int
    preconditioner: Tensor | None = None

    def __call__(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.hessian.loss.gradients + 2 > self.most_gradients:
            raise _NoAnswer(f"{self.most_gradients} gradients were not enough for the tolerance")
        like = self.hessian.loss.params[0]
        scale = 1.0 if self.preconditioner is None else self.preconditioner.to(like).rsqrt()
        product = scale * self.hessian.product(scale * torch.as_tensor(vector.reshape(-1)).to(like))
        if not torch.isfinite(product).all():
            raise _NoAnswer("the loss or its derivatives are not finite there")
        found: NDArray[np.float64] = product.double().cpu().numpy()
        return found


def _top(products: _Products, *, seed: int, tolerance: float) -> tuple[float, float]:
    """Return the top eigenvalue and its relative residual."""
    size = products.hessian.size
    if size <= BASIS:
        matrix = np.stack([products(row) for row in np.eye(size)])
        return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1]), 0.0
    start = products(np.random.default_rng(seed).standard_normal(size))
    if not start.any():
        return 0.0, 0.0
    operator = LinearOperator((size, size), matvec=products, dtype=np.float64)
    values, vectors = eigsh(operator, k=1, which="LA", v0=start, ncv=BASIS, tol=tolerance)
    value, vector = float(values[0]), vectors[:, 0]
    products.most_gradients += 2  # the one that says how good the answer is
    distance = float(np.linalg.norm(products(vector) - value * vector))
    return value, distance / abs(value) if value else math.inf


def _hessian(
    task: Task, state: Mapping[str, Tensor] | None, *, seed: int, samples: int, device: str
) -> tuple[Hessian, int]:
    """Return the Hessian over a sample, and how many samples that is."""
    with borrowed_generators():
        seed_everything(draw_seed(seed, "initialisation"))
        model = task.new_model().to(device)
        if state is not None:
            model.load_state_dict(state)
        batches, sizes = _sample(task, seed=seed, samples=samples, whole=_sees_batches(model), device=device)
    measured = replace(task, precision="fp32") if task.precision == "bf16" else task
    return Hessian(MeanLoss(measured, model, batches, sizes=sizes, seed=seed)), sum(sizes)


def _sample(task: Task, *, seed: int, samples: int, whole: bool, device: str) -> tuple[list[object], list[int]]:
    """Return the first samples of the training's order in batches of the task's size, and the batches' sizes."""
    available = min(samples, len(task.split("train")))
    size = min(task.batch_size, available)
    if whole:  # as in training, all of them full
        available -= available % size
    order = BatchOrder(len(task.split("train")), available, seed=draw_seed(seed, "data")).indices(0)
    places = [order[part.start : part.stop] for part in chunks(available, size)]
    batches = [
        pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), task.batch("train", place)) for place in places
    ]
    return batches, [len(place) for place in places]


def _sees_batches(model: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in model.modules())
