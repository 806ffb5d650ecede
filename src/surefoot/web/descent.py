"""Surfaces as pictures, and the balls on them: what the page draws and does not compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.errors import QueryError
from surefoot.core.progress import Stop, never
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.descent import descend
from surefoot.surfaces.events import events
from surefoot.surfaces.quadratics import LARGEST_CONDITION, Ravine
from surefoot.surfaces.surface import Noise, Surface
from surefoot.web.convergence_map import standing
from surefoot.web.recipe_controls import HIGHEST_MOMENTUM, HIGHEST_RATE, LOWEST_RATE, METHODS, SHAPES, dials_of, turned
from surefoot.web.server import Query

Data: TypeAlias = dict[str, Any]

MOST_STEPS, MOST_BALLS, LONGEST_RECIPE = 100_000, 16, 500
# More points than this no canvas shows: longer ways are thinned.
MOST_POINTS = 2000
# Points of a picture along its width and height.
LINE, WIDE, HIGH = 481, 161, 121
# A start so many times as far out as the picture is wide tells nothing.
FARTHEST = 1e3


@dataclass(frozen=True, slots=True)
class Place:
    """Which surface, and how noisy its gradients are."""

    surface: Surface
    noise: float

    @classmethod
    def of(cls, query: Query) -> Place:
        """Read it from a query; the noise slider is both kinds of noise at once."""
        name = query.name("surface", "bowl", SURFACES)
        condition = query.number("condition", None, low=1.0, high=LARGEST_CONDITION)
        surface = surface_named(name, condition=condition)
        return cls(surface, query.number("noise", surface.noise.curvature, low=0.0, high=3.0))


def gallery() -> Data:
    """Return what there is to choose from."""
    return {
        "schema": 1,
        "surfaces": [_about(kind()) for kind in SURFACES.values()],
        "methods": list(METHODS),
        "schedules": list(SHAPES),
        "limits": {
            "steps": MOST_STEPS,
            "balls": MOST_BALLS,
            "lr": [LOWEST_RATE, HIGHEST_RATE],
            "momentum": [0.0, HIGHEST_MOMENTUM],
            "condition": [1.0, LARGEST_CONDITION],
        },
    }


def _about(surface: Surface) -> Data:
    return {
        "name": surface.name,
        "about": surface.about,
        "start": surface.start,
        "box": surface.box,
        "dimensions": surface.dimensions,
        "quadratic": surface.quadratic,
        "noise": surface.noise.curvature,
        "condition": surface.condition if isinstance(surface, Ravine) else None,
    }


def picture(query: Query) -> Data:
    """Return a surface's losses over its box: along the line, or row by row from the bottom."""
    place = Place.of(query)
    query.settle()
    surface = place.surface
    counts = (LINE,) if surface.dimensions == 1 else (WIDE, HIGH)
    axes = [torch.linspace(*ends, count, dtype=torch.float64) for ends, count in zip(surface.box, counts, strict=True)]
    values = surface.value(torch.stack(torch.meshgrid(*axes, indexing="xy"), -1))
    return {
        "schema": 1,
        **_about(surface),
        "counts": counts,
        "lowest": surface.lowest,
        "minima": surface.minima,
        "values": [float(f"{value:.6g}") for value in values.flatten().tolist()],
    }


def descent(query: Query, recipes: Sequence[str], turns: Sequence[str], *, stop: Stop = never) -> Data:
    """Return the ways of the balls, what happened to them and where they stand on the quadratic model.

    Args:
        query: ``surface``, ``condition``, ``noise``, ``seed``, ``steps``, ``start``.
        recipes: A text for each ball.
        turns: Dials to be turned first, as ``0:lr:0.3``.
        stop: Whether nobody waits for it any more.

    Raises:
        Interrupted: If asked to stop.
        QueryError: If something is out of its bounds.
        RecipeError: If a text is no recipe.
    """
    place = Place.of(query)
    steps = query.whole("steps", 200, low=1, high=MOST_STEPS)
    seed = query.whole("seed", 0, low=0, high=2**31)
    widest = max(high - low for low, high in place.surface.box)
    start = query.place("start", dimensions=place.surface.dimensions, largest=FARTHEST * widest)
    query.settle()
    balls = _turned(_recipes(recipes), turns)
    found = descend(
        place.surface,
        balls,
        steps=steps,
        start=start,
        noise=Noise(place.noise, place.noise),
        generator=torch.Generator().manual_seed(seed),
        stop=stop,
    )
    every = math.ceil(steps / MOST_POINTS)
    shown = np.arange(0, steps + 1, every)
    happened = events(place.surface, found)
    return {
        "schema": 1,
        "surface": place.surface.name,
        "steps": steps,
        "every": every,
        "start": start or place.surface.start,
        "lowest": place.surface.lowest,
        "balls": [
            {
                "recipe": str(recipe),
                "dials": dials_of(recipe).as_json(),
                "positions": _finite(found.positions[k, shown]),
                "losses": _finite(found.losses[k, shown]),
                "events": [{"kind": event.kind.value, "step": event.step} for event in happened[k]],
                "theory": standing(place.surface, place.noise, recipe),
            }
            for k, recipe in enumerate(balls)
        ],
    }


def _recipes(texts: Sequence[str]) -> list[Recipe]:
    if not 1 <= len(texts) <= MOST_BALLS:
        raise QueryError(f"there are 1 to {MOST_BALLS} balls; given {len(texts)}.")
    long = next((text for text in texts if len(text) > LONGEST_RECIPE), None)
    if long is not None:
        raise QueryError(f"a recipe here has at most {LONGEST_RECIPE} characters; given {len(long)}.")
    return [Recipe.parse(text) for text in texts]


def _turned(recipes: list[Recipe], turns: Sequence[str]) -> list[Recipe]:
    if len(turns) > 4 * MOST_BALLS:
        raise QueryError(f"at most {4 * MOST_BALLS} dials are turned at once; given {len(turns)}.")
    for turn in turns:
        ball, _, rest = turn.partition(":")
        dial, _, value = rest.partition(":")
        if not (ball.isascii() and ball.isdecimal() and len(ball) < 3 and int(ball) < len(recipes)):
            raise QueryError(f"a turn is BALL:DIAL:VALUE, as in 0:lr:0.3; given {turn[:60]!r}.")
        recipes[int(ball)] = turned(recipes[int(ball)], dial, value)
    return recipes


def _finite(values: NDArray[np.float64]) -> Any:
    """Return nested lists in which what is not finite is ``None``: JSON has no other word for it."""
    if np.isfinite(values).all():
        return values.tolist()
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return listed.tolist()
