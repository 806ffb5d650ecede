"""All surfaces by name."""

from __future__ import annotations

from surefoot.core.errors import RecipeError, nearest
from surefoot.surfaces.one_dimensional import Cliff, DoubleWell, Plateau
from surefoot.surfaces.quadratics import Bowl, NoisyBowl, Ravine
from surefoot.surfaces.surface import Surface
from surefoot.surfaces.test_functions import Beale, Himmelblau, Rastrigin, Rosenbrock, Saddle

SURFACES: dict[str, type[Surface]] = {
    kind.name: kind
    for kind in (
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
    """Return a surface.

    Args:
        name: One of ``SURFACES``.
        condition: A ravine's condition number; the others have none and do not ask.

    Raises:
        RecipeError: If there is none of that name, or the condition number is out of its bounds.

    Example:
        >>> surface_named("ravine", condition=4).curvatures
        (0.25, 1.0)
    """
    if name not in SURFACES:
        raise RecipeError(f"no surface {name!r}; there are {', '.join(SURFACES)}.", hint=nearest(name, SURFACES))
    if name == Ravine.name and condition is not None:
        return Ravine(float(condition))
    return SURFACES[name]()
