"""A plane in the space of a network's weights.

Along which two directions a loss is sliced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.curvature.hessian import Hessian, Products, top
from surefoot.curvature.mean_loss import MeanLoss


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """All weights ``origin + x axes[0] + y axes[1]``.

    Attributes:
        origin: Weights at (0, 0) ``[P]``.
        axes: Two directions, not parallel ``[2, P]``.
    """

    origin: Tensor
    axes: Tensor

    def at(self, x: float, y: float) -> Tensor:
        """Return the weights at a place ``[P]``."""
        return self.origin + x * self.axes[0] + y * self.axes[1]

    def shadow(self, weights: Tensor) -> tuple[NDArray[np.float64], float]:
        """Return the place nearest to some weights ``[P]``, and how far they are from it.

        Example:
            >>> plane = Plane(torch.zeros(3), torch.eye(3)[:2])
            >>> plane.shadow(torch.tensor([1.0, 2.0, 5.0]))
            (array([1., 2.]), 5.0)
        """
        away = (weights - self.origin).double()
        axes = self.axes.double()
        place = torch.linalg.solve(axes @ axes.T, axes @ away)
        return place.cpu().numpy(), float((away - place @ axes).norm())


# Lanczos for two directions: to a tenth is enough for the eye, at most so many gradients.
TOLERANCE, MOST_GRADIENTS = 0.1, 120
# Weights whose products are summed at once: they are made double for it.
CHUNK = 1 << 20
# A second spread smaller than this share of the first is rounding.
RANK = 1e-10


def spread_directions(places: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """Return the two directions in which weights spread most, and their shares of the whole spread.

    The principal components of the N places, by the eigenvectors of their N x N inner products: with X the places less
    their mean, of X Xᵀ u = λ u the direction is Xᵀ u / √λ, its share λ / Σ λ.

    Args:
        places: ``[N, P]``, P at least 2.

    Returns:
        Orthonormal directions ``[2, P]``, and the shares. Where all places lie on a line, the second is across it.

    Reference:
        Li et al. (2018), Visualizing the loss landscape of neural nets, arXiv:1712.09913, section 7.

    Example:
        >>> axes, shares = spread_directions(torch.tensor([[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 3.0, 1.0]]))
        >>> axes.shape, round(sum(shares), 6)
        (torch.Size([2, 3]), 1.0)
    """
    centred = places - places.mean(0)
    products = torch.zeros(len(places), len(places), dtype=torch.float64, device=places.device)
    for begin in range(0, centred.shape[1], CHUNK):
        part = centred[:, begin : begin + CHUNK].double()
        products += part @ part.T
    values, vectors = torch.linalg.eigh(products)
    values = values.clamp(min=0.0)
    first, second = (float(value) for value in values.flip(0)[:2])
    whole = float(values.sum()) or 1.0
    axes = [_unit(vectors[:, -1].to(places) @ centred)]
    if second > RANK * first:
        axes.append(_across(vectors[:, -2].to(places) @ centred, axes[0]))
    else:
        least = torch.zeros_like(axes[0])
        least[axes[0].abs().argmin()] = 1.0
        axes.append(_across(least, axes[0]))
    return torch.stack(axes), (first / whole, second / whole)


def bending_directions(loss: MeanLoss, *, seed: int) -> tuple[Tensor, tuple[float, float]]:
    """Return the directions of the Hessian's two largest eigenvalues where a loss stands, the flatter first.

    Returns:
        Orthonormal directions ``[2, P]``, and the eigenvalues.

    Raises:
        NoSpectrum: If they cannot be had.
    """
    ceiling = loss.gradients + MOST_GRADIENTS
    values, vectors = top(Products(Hessian(loss), ceiling), count=2, seed=seed, tolerance=TOLERANCE)
    here = loss.place()
    steep, flat = (torch.as_tensor(vector).to(here) for vector in vectors)
    return torch.stack([flat, steep]), (float(values[1]), float(values[0]))


def random_directions(params: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Return two random directions ``[2, P]`` whose filters are as long as those of the weights.

    Every filter of a random direction, a slice of a weight along its first dimension, is scaled to the norm of the
    filter that it changes; biases and what normalises, of one dimension, stay. A network whose filters are scaled up,
    and computes the same, has then the same picture.

    Args:
        params: The weights, in the order of their vector.
        generator: Luck.

    Reference:
        Li et al. (2018), arXiv:1712.09913, section 4.

    Example:
        >>> weight, bias = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.ones(2)
        >>> random_directions([weight, bias], torch.Generator().manual_seed(0))[0].view(3, 2).norm(dim=1).tolist()
        [5.0, 1.0, 0.0]
    """
    return torch.stack([torch.cat([_filters(param.detach(), generator) for param in params]) for _ in range(2)])


def _filters(param: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(param.shape, generator=generator).to(param)
    if param.dim() < 2:
        return torch.zeros_like(param).reshape(-1)
    lengths, wanted = (each.flatten(1).norm(dim=1) for each in (drawn, param))
    scaled: Tensor = drawn.flatten(1) * (wanted / lengths)[:, None]
    return scaled.reshape(-1)


def _unit(vector: Tensor) -> Tensor:
    length = vector.norm()
    unit: Tensor = vector / length if length > 0 else torch.eye(1, len(vector)).to(vector)[0]
    return unit


def _across(vector: Tensor, axis: Tensor) -> Tensor:
    """Return the part of a vector that is across an axis, of length 1."""
    return _unit(vector - (vector @ axis) * axis)
