"""The plane of learning rate and momentum: how fast a surface's quadratic model shrinks its error, and where not."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.checking.curvature_summary import HEAVY_BALL, NESTEROV, Quadratic, quadratic_of
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.surface import Surface
from surefoot.theory.convergence import Region, rate, region, steps_to
from surefoot.theory.linear_method import LinearMethod
from surefoot.theory.noisy_quadratic import POSITION, noisy_limit, second_moment_rate, stationary_moments

Array: TypeAlias = NDArray[np.float64]
Data: TypeAlias = dict[str, Any]

METHODS = {"heavy-ball": HEAVY_BALL, "nesterov": NESTEROV}
# Cells across and up; momentum goes from 0 to this; rates are given in 1 / curvature.
COLUMNS, ROWS = 64, 40
HIGHEST_MOMENTUM = 0.99
LOWEST, HIGHEST = 4e-3, 8.0
# The error is to shrink to this share.
SHARE = 0.1
# Rates above this one diverge as it does; their squares' squares would be beyond all numbers.
BEYOND = 1e30
# Standings that are kept: of several balls a turned dial moves one.
KNOWN = 256
# Halvings until a line's place is known to a millionth.
HALVINGS = 24


def plane(surface: Surface, noise: float, method: str) -> Data:
    """Return the plane as a picture: steps to a tenth of the error, regions, and the lines between them.

    Args:
        surface: Whose curvatures are taken; the model is exact where it is quadratic, else it holds near the minimum.
        noise: Of gradients, and of curvatures as a share of them; left aside where the surface is not quadratic.
        method: ``heavy-ball`` or ``nesterov``.

    Returns:
        JSON data: ``lr`` and ``momentum`` of the cells, ``steps`` to a tenth row by row (``None`` where the error does
        not shrink), ``limit`` and ``monotone`` as a learning rate for each momentum, a place for each region's name.
    """
    return _plane(surface.curvatures, noise if surface.quadratic else 0.0, method) | {
        "exact": surface.quadratic,
        "noise": noise if surface.quadratic else 0.0,
    }


@lru_cache(maxsize=64)
def _plane(curvatures: tuple[float, ...], noise: float, method: str) -> Data:
    top = curvatures[-1]
    lr = np.geomspace(LOWEST / top, HIGHEST / top, COLUMNS)
    momentum = 1.0 - np.geomspace(1.0, 1.0 - HIGHEST_MOMENTUM, ROWS)
    model = _Model(curvatures, noise, METHODS[method].method)
    rates = model.rates(lr[None, :], momentum[:, None])
    regions = model.regions(lr[None, :], momentum[:, None])
    steps = steps_to(SHARE, rates)
    return {
        "schema": 1,
        "method": method,
        "curvatures": list(curvatures),
        "lr": lr.tolist(),
        "momentum": momentum.tolist(),
        "steps": [float(f"{each:.4g}") if math.isfinite(each) else None for each in steps.flatten().tolist()],
        "limit": _line(model, lr, momentum, regions, Region.DIVERGENT).tolist(),
        "monotone": None if noise else _line(model, lr, momentum, regions, Region.OSCILLATING).tolist(),
        "names": _names(regions, noisy=noise > 0.0),
    }


@lru_cache(maxsize=KNOWN)
def standing(surface: Surface, noise: float, recipe: Recipe) -> Data:
    """Return where a recipe stands on the plane, at the peak of its schedules, or why it has no place there.

    Returns:
        JSON data: ``why`` alone, or ``method``, ``rate`` (``None`` beyond all numbers), ``region``, ``steps`` to a
        tenth of the error (``None`` where it does not shrink), ``limit`` of the learning rate, ``floor`` (the root of
        the mean square of the distance that noise keeps; ``None`` where there is none), and whether it ``varies``.
    """
    why = _why_not(recipe)
    if why is not None:
        return {"why": why}
    noise = noise if surface.quadratic else 0.0
    name, quadratic = next(named for named in METHODS.items() if named[1] is quadratic_of(recipe))
    model = _Model(surface.curvatures, noise, METHODS[name].method)
    lr, momentum = np.array([min(recipe.lr.highest, BEYOND)]), np.array([recipe.momentum.highest])
    found = model.rates(lr, momentum)
    steps = float(steps_to(SHARE, found)[0])
    schedules = (recipe.lr, recipe.momentum)
    return {
        "why": None,
        "method": name,
        "rate": float(found[0]) if recipe.lr.highest < BEYOND else None,
        "region": Region(int(model.regions(lr, momentum)[0])).name.lower(),
        "steps": steps if math.isfinite(steps) else None,
        "limit": model.limit(quadratic, float(momentum[0])),
        "floor": model.floor(lr, momentum),
        "varies": any(each.name != "constant" for each in schedules),
    }


def _why_not(recipe: Recipe) -> str | None:
    if recipe.optimizer != "sgd":
        return f"{recipe.optimizer} scales its steps as it goes: the quadratic model has no line for it."
    if quadratic_of(recipe) is None:
        return "the quadratic model has no line for a dampened velocity."
    if recipe.clip is not None or recipe.schedule("weight_decay").highest > 0.0:
        return "the lines hold without clipping and weight decay."
    return None


class _Model:
    """A method on a quadratic with some curvatures; with noise its second moments take the place of its error.

    Args:
        curvatures: Ascending; all above 0.
        noise: Of every curvature as a share of it, and of the gradient.
        method: Learning rate and momentum -> the recurrence.
    """

    def __init__(
        self, curvatures: tuple[float, ...], noise: float, method: Callable[[ArrayLike, ArrayLike], LinearMethod]
    ) -> None:
        self.curvatures, self.noise, self.method = curvatures, noise, method

    def rates(self, lr: Array, momentum: Array) -> Array:
        """Return the factor by which the slowest direction's error shrinks a step."""
        method = self.method(lr, momentum)
        if not self.noise:
            rates = [rate(method, each) for each in self.curvatures]
        else:
            rates = [np.sqrt(second_moment_rate(method, each, self.noise * each)) for each in self.curvatures]
        slowest: Array = np.max(rates, axis=0)
        return slowest

    def regions(self, lr: Array, momentum: Array) -> NDArray[np.int64]:
        """Return numbers of :class:`Region`; with noise whether the mean square is bounded, and nothing finer."""
        if self.noise:
            return np.where(self.rates(lr, momentum) >= 1.0, Region.DIVERGENT, Region.MONOTONE).astype(np.int64)
        method = self.method(lr, momentum)
        worst: NDArray[np.int64] = np.max([region(method, each) for each in self.curvatures], axis=0)
        return worst

    def limit(self, quadratic: Quadratic, momentum: float) -> float:
        """Return the largest stable learning rate; noise goes with curvature, so the steepest direction sets it."""
        top = self.curvatures[-1]
        if not self.noise:
            return quadratic.limit(top, momentum)
        return noisy_limit(lambda lr: self.method(lr, momentum), top, self.noise * top)

    def floor(self, lr: Array, momentum: Array) -> float | None:
        """Return the distance from the minimum that noise keeps up, ``None`` without noise or without a bound."""
        if not self.noise:
            return None
        method = self.method(lr, momentum)
        squares = [
            stationary_moments(method, each, gradient_noise=self.noise, curvature_noise=self.noise * each)[0, POSITION]
            for each in self.curvatures
        ]
        total = float(np.sqrt(np.sum(squares)))
        return total if math.isfinite(total) else None


def _line(model: _Model, lr: Array, momentum: Array, regions: NDArray[np.int64], least: Region) -> Array:
    """Return for each momentum the learning rate at which a region begins; the grid's end where it does not.

    Args:
        model: Tells the regions.
        lr: Columns of the grid.
        momentum: Its rows.
        regions: Of its cells ``[rows, columns]``; between two columns the line's place is found by halving.
        least: The line is where this region begins.
    """
    beyond = regions >= least
    first = np.where(beyond.any(1), beyond.argmax(1), len(lr) - 1)
    low, high = np.where(first > 0, lr[np.maximum(first - 1, 0)], lr[0] * 1e-6), lr[first]
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        over = model.regions(middle, momentum) >= least
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return high


def _names(regions: NDArray[np.int64], *, noisy: bool) -> list[Data]:
    """Return a place for the name of every region that has room for it: where it is farthest from all others."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (a fifth of a second)

    words = {
        Region.MONOTONE: "bounded" if noisy else "monotone",
        Region.OSCILLATING: "oscillates",
        Region.DIVERGENT: "diverges",
    }
    places = []
    for each, word in words.items():
        # A word is wide: rows count twice.
        room = distance_transform_edt(np.pad(regions == each, 1), sampling=(2.0, 1.0))[1:-1, 1:-1]
        if room.max() >= 7.0:
            row, column = np.unravel_index(int(room.argmax()), room.shape)
            places.append({"word": word, "row": int(row), "column": int(column)})
    return places
