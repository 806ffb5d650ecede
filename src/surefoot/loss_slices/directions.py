"""A plane in the space of a network's weights, and three ways to choose its directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.curvature.hessian import Hessian, HessianProducts, top_eigenpairs
from surefoot.curvature.mean_loss import MeanLoss

# Relative residual of the Hessian's eigenvectors, and the maximum cost in gradients. Chosen: for a picture, a tenth is
# exact enough.
LANCZOS_TOLERANCE, MAX_LANCZOS_GRADIENTS = 0.1, 120
# Number of weights whose inner products are summed at a time, as these are converted to float64.
CHUNK_WEIGHTS = 1 << 20
# A variance along the second direction below this share of the first is rounding.
MIN_SECOND_VARIANCE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class WeightPlane:
    """The plane of all weights ``origin + x axes[0] + y axes[1]``.

    Attributes:
        origin: Weights at the point (0, 0), shape ``[P]``.
        axes: Two directions that are not parallel, shape ``[2, P]``.
    """

    origin: Tensor
    axes: Tensor

    def at(self, x: float, y: float) -> Tensor:
        """Return the weights at a point, shape ``[P]``."""
        return self.origin + x * self.axes[0] + y * self.axes[1]

    def project(self, weights: Tensor) -> tuple[NDArray[np.float64], float]:
        """Return the point of the plane that is nearest to some weights ``[P]``, and its distance from them.

        Example:
            >>> plane = WeightPlane(torch.zeros(3), torch.eye(3)[:2])
            >>> plane.project(torch.tensor([1.0, 2.0, 5.0]))
            (array([1., 2.]), 5.0)
        """
        offset = (weights - self.origin).double()
        axes = self.axes.double()
        point = torch.linalg.solve(axes @ axes.T, axes @ offset)
        return point.cpu().numpy(), float((offset - point @ axes).norm())


def principal_directions(weights: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """Return the first two principal components of some weights, and their shares of the variance.

    They are computed from the N x N matrix of inner products: with X the weights less their mean, and X Xᵀ u = λ u, the
    direction is Xᵀ u / √λ and its share λ / Σ λ.

    Args:
        weights: N vectors of weights, shape ``[N, P]``, P at least 2.

    Returns:
        Orthonormal directions ``[2, P]``, and their shares. If all weights lie on a line, the second direction is
        any one orthogonal to it.

    Reference:
        Li et al. (2018), Visualizing the loss landscape of neural nets, arXiv:1712.09913, section 7.

    Example:
        >>> axes, shares = principal_directions(torch.tensor([[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 3.0, 1.0]]))
        >>> axes.shape, round(sum(shares), 6)
        (torch.Size([2, 3]), 1.0)
    """
    centred = weights - weights.mean(0)
    products = torch.zeros(len(weights), len(weights), dtype=torch.float64, device=weights.device)
    for begin in range(0, centred.shape[1], CHUNK_WEIGHTS):
        chunk = centred[:, begin : begin + CHUNK_WEIGHTS].double()
        products += chunk @ chunk.T
    values, vectors = torch.linalg.eigh(products)
    values = values.clamp(min=0.0)
    first, second = (float(value) for value in values.flip(0)[:2])
    total = float(values.sum()) or 1.0
    axes = [_unit_vector(vectors[:, -1].to(weights) @ centred)]
    if second > MIN_SECOND_VARIANCE * first:
        axes.append(_orthogonal_part(vectors[:, -2].to(weights) @ centred, axes[0]))
    else:
        coordinate = torch.zeros_like(axes[0])
        coordinate[axes[0].abs().argmin()] = 1.0
        axes.append(_orthogonal_part(coordinate, axes[0]))
    return torch.stack(axes), (first / total, second / total)


def hessian_directions(loss: MeanLoss, *, seed: int) -> tuple[Tensor, tuple[float, float]]:
    """Return the eigenvectors of the Hessian's two largest eigenvalues, at the parameters of the loss's model.

    Args:
        loss: The mean loss.
        seed: Seed of the Lanczos method's random start.

    Returns:
        Orthonormal directions ``[2, P]``, and their eigenvalues; the second largest first.

    Raises:
        EigenvalueUnavailable: If they cannot be computed.
    """
    max_gradients = loss.gradients + MAX_LANCZOS_GRADIENTS
    products = HessianProducts(Hessian(loss), max_gradients)
    values, vectors = top_eigenpairs(products, count=2, seed=seed, tolerance=LANCZOS_TOLERANCE)
    parameters = loss.parameter_vector()
    largest, second = (torch.as_tensor(vector).to(parameters) for vector in vectors)
    return torch.stack([second, largest]), (float(values[1]), float(values[0]))


def random_directions(params: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Return two random directions ``[2, P]`` with filter normalisation.

    Every filter of a random direction, a slice of a weight along its first dimension, is scaled to the norm of the
    network's own filter. Parameters of one dimension, biases and those of normalisation layers, stay as they are. A
    network with rescaled filters that computes the same function then has the same picture.

    Args:
        params: The weights, in the order of their vector.
        generator: Source of randomness.

    Reference:
        Li et al. (2018), arXiv:1712.09913, section 4.

    Example:
        >>> weight, bias = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.ones(2)
        >>> random_directions([weight, bias], torch.Generator().manual_seed(0))[0].view(3, 2).norm(dim=1).tolist()
        [5.0, 1.0, 0.0]
    """
    return torch.stack([torch.cat([_random_filters(param.detach(), generator) for param in params]) for _ in range(2)])


def _random_filters(param: Tensor, generator: torch.Generator) -> Tensor:
    """Return random filters with the norms of a parameter's filters, as a vector; zeros if it has no filters."""
    drawn = torch.randn(param.shape, generator=generator).to(param)
    if param.dim() < 2:
        return torch.zeros_like(param).reshape(-1)
    norms, target_norms = (each.flatten(1).norm(dim=1) for each in (drawn, param))
    scaled: Tensor = drawn.flatten(1) * (target_norms / norms)[:, None]
    return scaled.reshape(-1)


def _unit_vector(vector: Tensor) -> Tensor:
    """Return a vector scaled to length 1; the first coordinate vector for a vector of length 0."""
    length = vector.norm()
    unit: Tensor = vector / length if length > 0 else torch.eye(1, len(vector)).to(vector)[0]
    return unit


def _orthogonal_part(vector: Tensor, axis: Tensor) -> Tensor:
    """Return the part of a vector that is orthogonal to a unit vector, scaled to length 1."""
    return _unit_vector(vector - (vector @ axis) * axis)
