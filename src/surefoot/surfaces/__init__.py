"""Surfaces: losses of one or two parameters with a known gradient, by name."""

from __future__ import annotations

from typing import TypeVar

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.formatting import short_repr
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

T = TypeVar("T")

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
        condition: Condition number of the ravine; other surfaces have none.

    Raises:
        RecipeError: If there is no surface of that name, or the condition number is out of bounds.

    Example:
        >>> surface_named("ravine", condition=4).curvatures
        (0.25, 1.0)
    """
    if name not in SURFACES:
        raise RecipeError(f"no surface {name!r}; there are {', '.join(SURFACES)}.", hint=did_you_mean(name, SURFACES))
    if condition is None:
        return SURFACES[name]()
    if name != Ravine.name:
        raise RecipeError(f"a condition number is of the ravine only; given with {name}.")
    try:
        return Ravine(float(condition))
    except (TypeError, ValueError) as error:
        if isinstance(error, RecipeError):
            raise
        raise RecipeError(f"a condition number is a number; given {short_repr(condition)}.") from error


def as_surface(surface: Surface | str) -> Surface:
    """Return a surface that is given as one, or by its name.

    Raises:
        RecipeError: If it is neither.
    """
    if isinstance(surface, str):
        return surface_named(surface)
    if not isinstance(surface, Surface):
        raise RecipeError(f"a surface is one of {', '.join(SURFACES)}, or a Surface; given {short_repr(surface)}.")
    return surface


def surface_if_named(subject: T) -> T | Surface:
    """Return the surface of a name; whatever is no name of a surface, such as a task or its text, as it is."""
    return surface_named(subject) if isinstance(subject, str) and subject in SURFACES else subject
