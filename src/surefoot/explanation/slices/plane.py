"""A plane in the space of a network's weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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
