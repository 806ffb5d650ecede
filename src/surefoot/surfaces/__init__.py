"""Surfaces: losses of one or two parameters with a known gradient, by name."""

from __future__ import annotations

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.surfaces.benchmark_functions import (
    Beale,
    Cliff,
    DoubleWell,
    Himmelblau,
    Plateau,
    Rastrigin,
    Rosenbrock,
    Saddle,
)
from surefoot.surfaces.quadratics import Bowl, NoisyBowl, Ravine
from surefoot.surfaces.surface import Surface

SURFACES: dict[str, type[Surface]] = {
    surface.name: surface
    for surface in (
        Bowl,
        Ravine,
        NoisyBowl,
        DoubleWell,
        Plateau,
        Saddle,
        Cliff,
        Rosenbrock,
        Beale,
        Himmelblau,
        Rastrigin,
    )
}


def surface_named(name: str, *, condition: float | None = None) -> Surface:
    """Return the surface of a name.

    Args:
        name: A key of ``SURFACES``.
        condition: Condition number of the ravine; ignored for other surfaces.

    Raises:
        RecipeError: If there is no surface of that name, or the condition number is out of bounds.

    Example:
        >>> surface_named("ravine", condition=4).curvatures
        (0.25, 1.0)
    """
    if name not in SURFACES:
        raise RecipeError(f"no surface {name!r}; there are {', '.join(SURFACES)}.", hint=did_you_mean(name, SURFACES))
    if name == Ravine.name and condition is not None:
        return Ravine(float(condition))
    return SURFACES[name]()
