"""Descents of the play page: one ball per recipe on a surface, and the choices of the page's controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import QueryError
from surefoot.core.formatting import short_repr
from surefoot.core.progress import StopCondition, never_stop
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES
from surefoot.surfaces.descent import descend
from surefoot.surfaces.quadratics import MAX_CONDITION
from surefoot.surfaces.surface import Noise
from surefoot.web.query_parameters import Query
from surefoot.web.recipe_controls import (
    MAX_LR,
    MAX_SLIDER_MOMENTUM,
    MIN_LR,
    OPTIMIZER_CHOICES,
    SCHEDULE_CHOICES,
    controls_of,
    with_control,
)
from surefoot.web.surface_maps import NoisySurface, describe_surface, recipe_convergence

Data: TypeAlias = dict[str, Any]

# 16 balls over 100,000 steps take some 15 seconds.
MAX_STEPS, MAX_BALLS, MAX_RECIPE_CHARACTERS, MAX_SEED = 100_000, 16, 500, 2**31
MAX_CHANGES = 4 * MAX_BALLS
# A canvas shows no more points than this: of longer trajectories only every n-th point is sent.
MAX_TRAJECTORY_POINTS = 2000
# Starts farther out than this multiple of the box's size are refused: every descent would diverge.
MAX_START_IN_BOX_SIZES = 1e3


def choices() -> Data:
    """Return the choices and bounds of the page's controls."""
    return {
        "schema": 1,
        "surfaces": [describe_surface(kind()) for kind in SURFACES.values()],
        "optimizers": list(OPTIMIZER_CHOICES),
        "schedules": list(SCHEDULE_CHOICES),
        "limits": {
            "steps": MAX_STEPS,
            "balls": MAX_BALLS,
            "lr": [MIN_LR, MAX_LR],
            "momentum": [0.0, MAX_SLIDER_MOMENTUM],
            "condition": [1.0, MAX_CONDITION],
        },
    }


def descents(
    query: Query, recipes: Sequence[str], *, changes: Sequence[str] = (), stop: StopCondition = never_stop
) -> Data:
    """Return the balls' trajectories, their events and how each recipe converges on the quadratic model.

    Args:
        query: ``surface``, ``condition``, ``noise``, ``seed``, ``steps`` and ``start``.
        recipes: Text of every ball's recipe.
        changes: Controls to change first, as ``BALL:CONTROL:VALUE``; for example ``0:lr:0.3``.
        stop: Asked during the descent; it ends when this returns ``True``.

    Raises:
        Interrupted: If asked to stop.
        QueryError: If a parameter is out of its bounds.
        RecipeError: If a text is no recipe.
    """
    noisy_surface = NoisySurface.from_query(query)
    surface, noise = noisy_surface.surface, noisy_surface.noise
    steps = query.integer("steps", 200, low=1, high=MAX_STEPS)
    seed = query.integer("seed", 0, low=0, high=MAX_SEED)
    box_size = max(high - low for low, high in surface.box)
    start = query.point("start", dimensions=surface.dimensions, max_size=MAX_START_IN_BOX_SIZES * box_size)
    query.raise_if_invalid()
    parsed = _with_changes(_parse_recipes(recipes), changes)
    descent = descend(
        surface,
        parsed,
        steps=steps,
        start=start,
        noise=Noise(noise, noise),
        seed=seed,
        stop=stop,
    )
    stride = math.ceil(steps / MAX_TRAJECTORY_POINTS)
    sent = np.arange(0, steps + 1, stride)
    events_by_ball = descent.events
    return {
        "schema": 1,
        "surface": surface.name,
        "steps": steps,
        "stride": stride,
        "start": start or surface.start,
        "lowest": surface.lowest,
        "balls": [
            {
                "recipe": str(recipe),
                "controls": controls_of(recipe).to_json(),
                "positions": _finite_or_none(descent.positions[k, sent]),
                "losses": _finite_or_none(descent.losses[k, sent]),
                "events": [{"kind": event.kind.value, "step": event.step} for event in events_by_ball[k]],
                "convergence": recipe_convergence(surface, recipe, noise=noise),
            }
            for k, recipe in enumerate(parsed)
        ],
    }


def _parse_recipes(texts: Sequence[str]) -> list[Recipe]:
    if not 1 <= len(texts) <= MAX_BALLS:
        raise QueryError(f"the number of balls must be 1 to {MAX_BALLS}; given {len(texts)}.")
    longest = max(map(len, texts))
    if longest > MAX_RECIPE_CHARACTERS:
        raise QueryError(f"a recipe must have at most {MAX_RECIPE_CHARACTERS} characters; given {longest}.")
    return [Recipe.parse(text) for text in texts]


def _with_changes(recipes: Sequence[Recipe], changes: Sequence[str]) -> list[Recipe]:
    if len(changes) > MAX_CHANGES:
        raise QueryError(f"at most {MAX_CHANGES} controls can be changed at once; given {len(changes)}.")
    changed = list(recipes)
    for change in changes:
        ball, _, rest = change.partition(":")
        control, _, value = rest.partition(":")
        if not (ball.isascii() and ball.isdecimal() and len(ball) <= 2 and int(ball) < len(changed)):
            raise QueryError(f"a change must be BALL:CONTROL:VALUE, as 0:lr:0.3; given {short_repr(change)}.")
        changed[int(ball)] = with_control(changed[int(ball)], control=control, value=value)
    return changed


def _finite_or_none(values: NDArray[np.float64]) -> Any:
    """Return nested lists with ``None`` for infinity and NaN, which JSON does not have."""
    if np.isfinite(values).all():
        return values.tolist()
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return listed.tolist()
