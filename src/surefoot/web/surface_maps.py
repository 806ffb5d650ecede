"""The surfaces of the play page: their losses as a picture, and a map of how fast descent on them converges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from surefoot.checking.curvature_summary import HEAVY_BALL, NESTEROV, OptimizerOnQuadratic, optimizer_on_quadratic
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.quadratics import MAX_CONDITION, Ravine
from surefoot.surfaces.surface import Surface
from surefoot.theory.convergence import ConvergenceRegion, convergence_rate, convergence_region, steps_to_tolerance
from surefoot.theory.linear_method import LinearMethod
from surefoot.theory.noisy_quadratic import POSITION, noisy_limit, second_moment_rate, stationary_moments
from surefoot.web.query_parameters import Query

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
        surface = surface_named(name, condition=condition if name == Ravine.name else None)
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


Array: TypeAlias = NDArray[np.float64]
RegionBounds: TypeAlias = NDArray[np.int64]

METHODS = {"heavy-ball": HEAVY_BALL, "nesterov": NESTEROV}
# Size and range of the map; chosen, so that its figure shows all three regions of every surface.
LR_COLUMNS, MOMENTUM_ROWS = 64, 40
MIN_LR_TIMES_CURVATURE, MAX_LR_TIMES_CURVATURE = 4e-3, 8.0
MAX_MAP_MOMENTUM = 0.99
# The map counts the steps until the error has shrunk to this share.
ERROR_TOLERANCE = 0.1
# Learning rates above this one diverge as it does; powers of theirs would overflow.
MAX_COMPUTED_LR = 1e30
# Results kept: while one ball's controls change, those of the other balls are requested again each time.
CACHED_RECIPES, CACHED_MAPS = 256, 64
# Bisections between two columns of the map, until a boundary's learning rate is known to a millionth.
BISECTIONS = 24
# A region's label needs this many free columns around it; one row counts as two columns, because a label is wide.
MIN_LABEL_SPACE, ROW_HEIGHT_IN_COLUMNS = 7.0, 2.0


def map_data(query: Query) -> Data:
    """Answer a request for the map: ``surface``, ``condition``, ``noise`` and ``method``.

    Raises:
        QueryError: If a parameter is out of its bounds.
    """
    noisy_surface = NoisySurface.from_query(query)
    method = query.choice("method", "heavy-ball", allowed=METHODS)
    query.raise_if_invalid()
    return convergence_map(noisy_surface.surface, noise=noisy_surface.noise, method=method)


def convergence_map(surface: Surface, *, noise: float, method: str) -> Data:
    """Return the map: steps to a tenth of the error, and the boundaries of the regions.

    Args:
        surface: Gives the curvatures. Where it is quadratic the map is exact; elsewhere it holds near the minimum.
        noise: Noise of the gradients, and of every curvature as a share of it; ignored if the surface is not quadratic.
        method: ``heavy-ball`` or ``nesterov``.

    Returns:
        JSON data: ``lr`` and ``momentum`` of the cells; ``steps`` to a tenth of the error, row by row (``None`` where
        it does not shrink); the boundaries ``limit`` (of divergence) and ``monotone`` (of oscillation) as a learning
        rate for each momentum; ``labels`` of the regions, with the cell of each.
    """
    noise = noise if surface.quadratic else 0.0
    return _map_of_curvatures(surface.curvatures, noise=noise, method=method) | {
        "exact": surface.quadratic,
        "noise": noise,
    }


@lru_cache(maxsize=CACHED_RECIPES)
def recipe_convergence(surface: Surface, recipe: Recipe, *, noise: float) -> Data:
    """Return how a recipe converges on a surface's quadratic model, at the peak of its schedules.

    Args:
        surface: Gives the curvatures.
        recipe: Any recipe.
        noise: As for :func:`convergence_map`.

    Returns:
        JSON data: ``reason`` alone if the model says nothing of this recipe. Else ``method``, the convergence ``rate``
        per step (``None`` beyond floating point numbers), ``region``, ``steps`` to a tenth of the error (``None`` if it
        does not shrink), ``limit`` of the learning rate, ``noise_floor`` (root mean square distance from the minimum
        that noise keeps up, ``None`` without noise) and whether a setting is ``scheduled``.
    """
    reason = _not_on_map(recipe)
    if reason is not None:
        return {"reason": reason}
    noise = noise if surface.quadratic else 0.0
    name, quadratic = next(named for named in METHODS.items() if named[1] is optimizer_on_quadratic(recipe))
    model = _Model(surface.curvatures, noise=noise, method=METHODS[name].method)
    lr, momentum = np.array([min(recipe.lr.highest, MAX_COMPUTED_LR)]), np.array([recipe.momentum.highest])
    rates = model.rates(lr, momentum)
    steps = float(steps_to_tolerance(ERROR_TOLERANCE, rates)[0])
    return {
        "reason": None,
        "method": name,
        "rate": float(rates[0]) if recipe.lr.highest < MAX_COMPUTED_LR else None,
        "region": ConvergenceRegion(int(model.regions(lr, momentum)[0])).name.lower(),
        "steps": steps if math.isfinite(steps) else None,
        "limit": model.limit(quadratic, float(momentum[0])),
        "noise_floor": model.noise_floor(lr, momentum),
        "scheduled": any(schedule.name != "constant" for schedule in (recipe.lr, recipe.momentum)),
    }


def _not_on_map(recipe: Recipe) -> str | None:
    """Return why the quadratic model says nothing of a recipe, ``None`` if it does."""
    if recipe.optimizer != "sgd":
        return f"{recipe.optimizer} adapts its step size, which the quadratic model does not cover."
    if optimizer_on_quadratic(recipe) is None:
        return "the quadratic model does not cover dampening."
    if recipe.clip is not None or recipe.schedule("weight_decay").highest > 0.0:
        return "the quadratic model does not cover clipping and weight decay."
    return None


@lru_cache(maxsize=CACHED_MAPS)
def _map_of_curvatures(curvatures: tuple[float, ...], *, noise: float, method: str) -> Data:
    top = curvatures[-1]
    lr = np.geomspace(MIN_LR_TIMES_CURVATURE / top, MAX_LR_TIMES_CURVATURE / top, LR_COLUMNS)
    momentum = 1.0 - np.geomspace(1.0, 1.0 - MAX_MAP_MOMENTUM, MOMENTUM_ROWS)
    model = _Model(curvatures, noise=noise, method=METHODS[method].method)
    regions = model.regions(lr[None, :], momentum[:, None])
    steps = steps_to_tolerance(ERROR_TOLERANCE, model.rates(lr[None, :], momentum[:, None]))

    def boundary(region: ConvergenceRegion) -> list[float]:
        rates: list[float] = _boundary(model, lr=lr, momentum=momentum, regions=regions, region=region).tolist()
        return rates

    return {
        "schema": 1,
        "method": method,
        "curvatures": list(curvatures),
        "lr": lr.tolist(),
        "momentum": momentum.tolist(),
        "steps": [float(f"{each:.4g}") if math.isfinite(each) else None for each in steps.flatten().tolist()],
        "limit": boundary(ConvergenceRegion.DIVERGENT),
        "monotone": None if noise else boundary(ConvergenceRegion.OSCILLATING),
        "labels": _labels(regions, noisy=noise > 0.0),
    }


class _Model:
    """Descent with momentum on a quadratic; with noise, the second moments of its error.

    Args:
        curvatures: Curvatures of the quadratic, ascending, all above 0.
        noise: Noise of the gradient, and of every curvature as a share of it.
        method: From learning rate and momentum to the linear recurrence.
    """

    def __init__(
        self, curvatures: tuple[float, ...], *, noise: float, method: Callable[[ArrayLike, ArrayLike], LinearMethod]
    ) -> None:
        self.curvatures, self.noise, self.method = curvatures, noise, method

    def rates(self, lr: Array, momentum: Array) -> Array:
        """Return the factor by which the error shrinks per step along its slowest direction."""
        method = self.method(lr, momentum)
        if self.noise:
            rates = [np.sqrt(second_moment_rate(method, each, self.noise * each)) for each in self.curvatures]
        else:
            rates = [convergence_rate(method, each) for each in self.curvatures]
        slowest: Array = np.max(rates, axis=0)
        return slowest

    def regions(self, lr: Array, momentum: Array) -> RegionBounds:
        """Return values of :class:`ConvergenceRegion`; with noise only whether the mean squared error is bounded."""
        if self.noise:
            divergent = self.rates(lr, momentum) >= 1.0
            return np.where(divergent, ConvergenceRegion.DIVERGENT, ConvergenceRegion.MONOTONE).astype(np.int64)
        method = self.method(lr, momentum)
        worst: RegionBounds = np.max([convergence_region(method, each) for each in self.curvatures], axis=0)
        return worst

    def limit(self, quadratic: OptimizerOnQuadratic, momentum: float) -> float:
        """Return the largest stable learning rate, which the steepest direction sets."""
        top = self.curvatures[-1]
        if not self.noise:
            return quadratic.limit(top, momentum)
        return noisy_limit(lambda lr: self.method(lr, momentum), top, self.noise * top)

    def noise_floor(self, lr: Array, momentum: Array) -> float | None:
        """Return the root mean square distance from the minimum that noise keeps up, ``None`` if there is none."""
        if not self.noise:
            return None
        method = self.method(lr, momentum)
        squares = [
            stationary_moments(method, each, gradient_noise=self.noise, curvature_noise=self.noise * each)[0, POSITION]
            for each in self.curvatures
        ]
        distance = float(np.sqrt(np.sum(squares)))
        return distance if math.isfinite(distance) else None


def _boundary(model: _Model, *, lr: Array, momentum: Array, regions: RegionBounds, region: ConvergenceRegion) -> Array:
    """Return for each momentum the learning rate at which a region begins; the map's right edge if it does not.

    Args:
        model: Tells the regions between the map's columns.
        lr: Learning rates of the columns.
        momentum: Momentum of the rows.
        regions: RegionBounds of the cells ``[rows, columns]``.
        region: Region, with all above it, that lies to the right of the boundary.
    """
    beyond = regions >= region
    first = np.where(beyond.any(1), beyond.argmax(1), len(lr) - 1)
    low, high = np.where(first > 0, lr[np.maximum(first - 1, 0)], lr[0] * 1e-6), lr[first]
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        over = model.regions(middle, momentum) >= region
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return high


def _labels(regions: RegionBounds, *, noisy: bool) -> list[Data]:
    """Return the label of every region that has room for one, at the cell farthest from all other regions."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (a fifth of a second)

    texts = {
        ConvergenceRegion.MONOTONE: "bounded" if noisy else "monotone",
        ConvergenceRegion.OSCILLATING: "oscillates",
        ConvergenceRegion.DIVERGENT: "diverges",
    }
    labels = []
    for region, text in texts.items():
        inside = np.pad(regions == region, 1)
        distance = distance_transform_edt(inside, sampling=(ROW_HEIGHT_IN_COLUMNS, 1.0))[1:-1, 1:-1]
        if distance.max() >= MIN_LABEL_SPACE:
            row, column = np.unravel_index(int(distance.argmax()), distance.shape)
            labels.append({"text": text, "row": int(row), "column": int(column)})
    return labels
