"""Points of the unit cube: evenly spread, or drawn around another.

Coordinates: the map between the unit cube and recipes, in which good settings lie together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from surefoot.core.errors import RecipeError
from surefoot.recipe.names import family_of, names_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Warmup, digits, without_warmup
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.schedule import Schedule
from surefoot.search.space.axes import Axis, Choice, Range, axis_over, choice_of
from surefoot.search.space.schedule_shapes import shaped
from surefoot.search.space.search_space import ANY_MOMENTUM, SearchSpace
from surefoot.search.space.settings import Setting, settings_of

Point: TypeAlias = tuple[float, ...]
Box: TypeAlias = tuple[tuple[float, float], ...]


def spread(count: int, *, dimensions: int, generator: Generator) -> list[Point]:
    """Return points that cover the unit cube evenly: a scrambled Sobol sequence.

    Reference:
        Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points".
    """
    from torch.quasirandom import SobolEngine  # noqa: PLC0415  (SciPy's takes half a second to load)

    engine = SobolEngine(dimensions, scramble=True, seed=int(generator.integers(2**31)))  # type: ignore[no-untyped-call]
    return [tuple(row) for row in engine.draw(count, dtype=torch.float64).tolist()]


def near(point: Point, *, width: float, box: Box, generator: Generator) -> Point:
    """Return a point drawn around another, normally distributed, reflected at the walls of a box."""
    low, high = np.array(box).T
    drawn = np.array(point) + width * generator.standard_normal(len(point))
    size = high - low
    folded = np.abs((drawn - low) / size) % 2.0
    return tuple((low + size * np.where(folded > 1.0, 2.0 - folded, folded)).tolist())


# The search begins so many times below and above the best of a few rates that are factors of ten apart.
BELOW, ABOVE = 20.0, 10.0
# Momentum remembers 1 / (1 - momentum) steps; a training shorter than a few such memories cannot use it.
MEMORIES_PER_TRAINING = 8.0
# How far apart the ends of an axis, and two of several options, are for the surrogate; its lengths are of this size.
AXIS_SPAN, OPTION_GAP = 2.0, 1.0
# A value this near to a wall, as a share of the range, sits on the boundary.
EDGE = 0.04


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The unit cube of a search: its first axis is the effective rate, its second the memory of the momentum.

    The effective rate is lr / (1 - momentum) where past gradients are summed (SGD, RMSprop) and lr where they are
    averaged (Adam's family): the valley of good settings runs along it. It is spread evenly in its logarithm, momentum
    in that of its memory, 1 / (1 - momentum). Where the user bounds the learning rate, it is the first axis itself.

    Attributes:
        space: What may be tried.
        rates: Bounds of the first axis for each optimizer: its name, lowest, highest.
        steps: Length of a training.
        axes: The axes of the cube, in order; what is fixed has none.

    Raises:
        RecipeError: If the space leaves nothing to search.
    """

    space: SearchSpace
    rates: tuple[tuple[str, float, float], ...]
    steps: int
    axes: tuple[Axis | Choice, ...] = field(init=False, compare=False, repr=False)
    _settings: tuple[Setting, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Once: they are asked for at every candidate.
        object.__setattr__(self, "_settings", tuple(settings_of(self.space)))
        object.__setattr__(self, "axes", tuple(axis for axis in self._all_axes() if axis is not None))
        if not self.axes:
            raise RecipeError(
                "search space: nothing to search, every setting is one number.", hint="bound one, as lr = [0.001, 1.0]."
            )

    @classmethod
    def around(cls, space: SearchSpace, bests: Mapping[str, float], *, steps: int) -> Coordinates:
        """Return the coordinates around each optimizer's best effective rate so far, or for the user's own bounds."""
        own = space.lr
        bounds = {
            optimizer: (bests[optimizer] / BELOW, bests[optimizer] * ABOVE) if own is None else (own.low, own.high)
            for optimizer in space.optimizers
        }
        return cls(space, tuple((optimizer, low, high) for optimizer, (low, high) in bounds.items()), steps)

    def _all_axes(self) -> tuple[Axis | Choice | None, ...]:
        space = self.space
        fixed_lr = space.lr is not None and space.lr.fixed
        return (
            None if fixed_lr else self.rate_axis(space.optimizers[0]),
            self._momentum_axis(),
            choice_of("optimizer", space.optimizers),
            choice_of("schedule", space.schedules),
            axis_over("warmup", space.warmup),
            axis_over("final", space.final),
            *(setting.axis for setting in self._settings),
        )

    def rate_axis(self, optimizer: str) -> Axis:
        """Return the first axis as it is for one optimizer."""
        low, high = next((low, high) for name, low, high in self.rates if name == optimizer)
        return Axis("rate", low, high, "log")

    def _momentum_axis(self) -> Axis | None:
        """Return the second axis; what the user did not bound himself is bounded by the length of the training."""
        if not any(family_of(optimizer).momentum for optimizer in self.space.optimizers):
            return None
        low, high = self.space.momentum.low, self.space.momentum.high
        if self.space.momentum == ANY_MOMENTUM:
            high = min(high, 1.0 - 1.0 / max(2.0, self.steps / MEMORIES_PER_TRAINING))
        return axis_over("momentum", Range(low, high), "memory")

    def recipe(self, point: Point) -> Recipe:
        """Return the recipe of a point, its numbers to four digits.

        Example:
            >>> where = Coordinates.around(SearchSpace(), {"sgd": 0.1}, steps=1000)
            >>> str(where.recipe((1.0, 0.5)))
            'sgd(lr=cosine(0.1), momentum=0.9)'
        """
        at: dict[str, Any] = {axis.name: axis.value(unit) for axis, unit in zip(self.axes, point, strict=True)}
        space = self.space
        optimizer = at.get("optimizer", space.optimizers[0])
        family = family_of(optimizer)
        momentum = 0.0
        settings: dict[str, Any] = {}
        if family.momentum is not None:
            momentum = settings[family.momentum] = digits(at.get("momentum", space.momentum.low))
        for setting in self._settings:
            setting.put(settings, optimizer, at)
        if space.lr is None:
            peak = family.lr(self.rate_axis(optimizer).value(point[0]), momentum)
            peak /= 1.0 - settings.get("dampening", 0.0)
        else:
            peak = at.get("rate", space.lr.low)
        warmup, final = at.get("warmup", space.warmup.low), at.get("final", space.final.low)
        settings["lr"] = shaped(
            at.get("schedule", space.schedules[0]), digits(peak), warmup=warmup, final=digits(final)
        )
        return Recipe.of(optimizer, **settings)

    def features(self, recipe: Recipe) -> tuple[float, ...]:
        """Return a recipe as the surrogate sees it: u, m, and its place on each other axis.

        u is the logarithm of the effective rate over the lowest of the optimizer's first axis, so that the valleys of
        several optimizers lie at about the same place; m that of the momentum's memory.
        """
        effective = recipe.effective_rate
        reference = next((low for name, low, _ in self.rates if name == recipe.optimizer), 1.0)
        momentum = recipe.momentum.highest if family_of(recipe.optimizer).momentum else 0.0
        others: list[float] = []
        for axis in self.axes:
            if axis.name in ("rate", "momentum"):
                continue
            unit = self._unit(axis, recipe)
            if isinstance(axis, Choice):
                chosen = axis.value(unit)
                others += [OPTION_GAP if option == chosen else 0.0 for option in axis.options]
            else:
                others.append(AXIS_SPAN * unit)
        return (math.log(effective / reference), -math.log1p(-momentum), *others)

    def features_at(self, points: Sequence[Point]) -> NDArray[np.float64]:
        """Return what :meth:`features` returns of the recipes of some points, ``[n, D]``, without making these.

        Example:
            >>> where = Coordinates.around(SearchSpace(), {"sgd": 0.1}, steps=1000)
            >>> made = where.features(where.recipe((0.3, 0.7)))
            >>> bool(np.allclose(where.features_at([(0.3, 0.7)])[0], made, atol=1e-3))
            True
        """
        units = np.array(points, dtype=np.float64)
        columns = {axis.name: units[:, number] for number, axis in enumerate(self.axes)}
        names = np.array(self.optimizers_at(points))
        momentum, lr = self._momenta(columns, names), self._rates(columns, names)
        u = np.empty(len(units))
        for name in set(names.tolist()):
            own, family = names == name, family_of(name)
            low = next((low for known, low, _ in self.rates if known == name), 1.0)
            u[own] = np.log(lr[own] / low)
            if self.space.lr is not None and family.accumulates:
                u[own] += np.log1p(-self._dampening(columns, name)[own]) - np.log1p(-momentum[own])
        others: list[NDArray[np.float64]] = []
        for axis in self.axes:
            if isinstance(axis, Choice):
                picked = np.clip((columns[axis.name] * len(axis.options)).astype(int), 0, len(axis.options) - 1)
                others += [np.where(picked == number, OPTION_GAP, 0.0) for number in range(len(axis.options))]
            elif axis.name not in ("rate", "momentum"):
                others.append(AXIS_SPAN * columns[axis.name])
        return np.column_stack([u, -np.log1p(-momentum), *others])

    def optimizers_at(self, points: Sequence[Point]) -> list[str]:
        """Return the optimizer of each of some points."""
        number = next((number for number, axis in enumerate(self.axes) if axis.name == "optimizer"), None)
        if number is None:
            return [self.space.optimizers[0]] * len(points)
        return [str(self.axes[number].value(point[number])) for point in points]

    def log_rates(self, features: NDArray[np.float64], optimizers: Sequence[str]) -> NDArray[np.float64]:
        """Return the logarithms of the effective rates that features ``[n, D]`` stand for, ``[n]``.

        Example:
            >>> where = Coordinates.around(SearchSpace(), {"sgd": 0.1}, steps=1000)
            >>> features = np.array([where.features(Recipe.parse("sgd(lr=0.05, momentum=0.9)"))])
            >>> np.exp(where.log_rates(features, ["sgd"])).round(9).tolist()
            [0.5]
        """
        references = {name: low for name, low, _ in self.rates}
        log_rates: NDArray[np.float64] = features[:, 0] + np.log([references.get(name, 1.0) for name in optimizers])
        return log_rates

    def _momenta(self, columns: Mapping[str, NDArray[np.float64]], names: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return the momentum at some points; 0 where the optimizer has none."""
        momentum = np.full(len(names), self.space.momentum.low)
        axis = self._momentum_axis()
        if axis is not None:
            momentum = np.asarray(axis.values(columns["momentum"]))
        has = np.array([family_of(str(name)).momentum is not None for name in names])
        return np.where(has, momentum, 0.0)

    def _dampening(self, columns: Mapping[str, NDArray[np.float64]], optimizer: str) -> NDArray[np.float64]:
        """Return an optimizer's dampening at some points."""
        count = len(next(iter(columns.values())))
        found = dict(self.space.hyper).get("dampening")
        if found is None or "dampening" not in names_of(optimizer):
            return np.zeros(count)
        axis = next((axis for axis in self.axes if axis.name == "dampening"), None)
        return np.asarray(axis.values(columns["dampening"])) if isinstance(axis, Axis) else np.full(count, found.low)

    def _rates(self, columns: Mapping[str, NDArray[np.float64]], names: NDArray[np.str_]) -> NDArray[np.float64]:
        """Return the first axis at some points: effective rates, or rates where the user bounds them."""
        if "rate" not in columns:
            return np.full(len(names), self.space.lr.low if self.space.lr is not None else 1.0)
        ends = {name: (low, high) for name, low, high in self.rates}
        low, high = np.array([ends[str(name)] for name in names]).T
        rates: NDArray[np.float64] = low * (high / low) ** columns["rate"]
        return rates

    def covers(self, recipe: Recipe) -> bool:
        """Tell whether a recipe is one of the space, perhaps beyond its bounds, so that its features say what it is."""
        shape = without_warmup(recipe.lr).name
        if recipe.optimizer not in self.space.optimizers or shape not in self.space.schedules or recipe.lr.highest <= 0:
            return False
        return _alike(self.recipe(self.point(recipe)), recipe)

    def middle(self, optimizer: str) -> Point:
        """Return the middle of the cube, for one optimizer."""
        return tuple(
            axis.unit(optimizer) if isinstance(axis, Choice) and axis.name == "optimizer" else 0.5 for axis in self.axes
        )

    def point(self, recipe: Recipe) -> Point:
        """Return the point of a recipe of this space; the inverse of :meth:`recipe` but for its digits.

        What a recipe does not have, as momentum with Adagrad, lies in the middle of its axis.
        """
        return tuple(self._unit(axis, recipe) for axis in self.axes)

    def _unit(self, axis: Axis | Choice, recipe: Recipe) -> float:
        if axis.name == "rate":
            rate = recipe.lr.highest if self.space.lr is not None else recipe.effective_rate
            return self.rate_axis(recipe.optimizer).unit(rate)
        read = next((setting.read for setting in self._settings if setting.axis is axis), None)
        value = _value(axis.name, recipe) if read is None else read(recipe)
        if isinstance(axis, Choice):
            return axis.unit(str(value)) if value in axis.options else 0.5
        return 0.5 if value is None else axis.unit(float(value))


def _alike(one: Recipe, other: Recipe) -> bool:
    """Tell whether two recipes of one optimizer are the same but for the digits of their numbers."""

    def parts(recipe: Recipe) -> tuple[Any, ...]:
        factors = [pattern for pattern, _ in recipe.groups.lr_factor]
        kinds = [type(schedule) for _, schedule in recipe.hyper]
        return kinds, recipe.switches, recipe.clip is None, {*recipe.groups.no_decay}, factors

    def numbers(recipe: Recipe) -> list[float]:
        factors = [factor for _, factor in recipe.groups.lr_factor]
        return [*(schedule.highest for _, schedule in recipe.hyper), recipe.clip or 0.0, *factors]

    return parts(one) == parts(other) and all(map(_close, numbers(one), numbers(other)))


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=0.02, abs_tol=1e-9)


def final_share(schedule: Schedule) -> float | None:
    """Return the last rate as a share of the peak, ``None`` for a shape that has none."""
    plain = without_warmup(schedule)
    if isinstance(plain, Exponential):
        return plain.rate
    final: float | None = getattr(plain, "final", None)
    return None if final is None else final / plain.highest


def _value(name: str, recipe: Recipe) -> float | str | None:
    """Return one of the settings that every space has as it is in a recipe, ``None`` where that has none."""
    if name == "optimizer":
        return recipe.optimizer
    if name == "schedule":
        return without_warmup(recipe.lr).name
    if name == "momentum":
        return recipe.momentum.highest if family_of(recipe.optimizer).momentum else None
    if name == "warmup":
        return recipe.lr.length.amount / 100 if isinstance(recipe.lr, Warmup) else 0.0
    return final_share(recipe.lr)
