"""The surfaces of the play page: their choice and noise in a query, and their losses as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.quadratics import MAX_CONDITION, Ravine
from surefoot.surfaces.surface import Surface
from surefoot.web.query import Query

Data: TypeAlias = dict[str, Any]

MAX_NOISE = 3.0
# Points of a picture: along the curve of a surface of one dimension, and along width and height in two.
CURVE_POINTS, GRID_COLUMNS, GRID_ROWS = 481, 161, 121


@dataclass(frozen=True, slots=True)
class NoisySurface:
    """A surface, and the noise of its gradients and curvatures.

    Attributes:
        surface: The surface.
        noise: Standard deviation of the gradients' noise, and of every curvature's as a share of it.
    """

    surface: Surface
    noise: float

    @classmethod
    def from_query(cls, query: Query) -> NoisySurface:
        """Read ``surface``, ``condition`` and ``noise`` from a query."""
        name = query.choice("surface", "bowl", allowed=SURFACES)
        condition = query.number("condition", None, low=1.0, high=MAX_CONDITION)
        surface = surface_named(name, condition=condition)
        return cls(surface, query.number("noise", surface.noise.curvature, low=0.0, high=MAX_NOISE))


def surface_data(query: Query) -> Data:
    """Return a surface's losses over its box: along the curve, or row by row from the bottom.

    Raises:
        QueryError: If a parameter is out of its bounds.
    """
    surface = NoisySurface.from_query(query).surface
    query.raise_if_invalid()
    counts = (CURVE_POINTS,) if surface.dimensions == 1 else (GRID_COLUMNS, GRID_ROWS)
    axes = [torch.linspace(*ends, count, dtype=torch.float64) for ends, count in zip(surface.box, counts, strict=True)]
    values = surface.value(torch.stack(torch.meshgrid(*axes, indexing="xy"), -1))
    return {
        "schema": 1,
        **describe_surface(surface),
        "counts": counts,
        "lowest": surface.lowest,
        "minima": surface.minima,
        "values": [float(f"{value:.6g}") for value in values.flatten().tolist()],
    }


def describe_surface(surface: Surface) -> Data:
    """Return what the page shows of a surface before its picture."""
    return {
        "name": surface.name,
        "description": surface.about,
        "start": surface.start,
        "box": surface.box,
        "dimensions": surface.dimensions,
        "quadratic": surface.quadratic,
        "noise": surface.noise.curvature,
        "condition": surface.condition if isinstance(surface, Ravine) else None,
    }
