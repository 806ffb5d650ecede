"""What mini-batches do to a gradient: they err by some amount, and they see another curvature every time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Noise:
    """A gradient g becomes ``(1 + curvature * a) g + gradient * b`` with a and b fresh standard normal numbers.

    Every coordinate has its own. On a bowl along the axes this is exactly the noisy quadratic of
    :mod:`surefoot.theory.noisy_quadratic`, whose curvature noise is ``curvature`` times the curvature.

    Attributes:
        gradient: Standard deviation of what is added.
        curvature: Standard deviation of the factor.

    Raises:
        RecipeError: If one is negative or not finite.
    """

    gradient: float = 0.0
    curvature: float = 0.0

    def __post_init__(self) -> None:
        given = self.gradient, self.curvature
        if not all(math.isfinite(each) and each >= 0.0 for each in given):
            raise RecipeError(f"noise must be a finite number, at least 0; given {given[0]:g} and {given[1]:g}.")

    def __bool__(self) -> bool:
        return self.gradient > 0.0 or self.curvature > 0.0
