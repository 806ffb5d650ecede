"""Coordinates: the map between the unit cube of a search and recipes, and points drawn in the cube."""

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
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use, names_of
from surefoot.schedules.composition import Warmup, without_warmup
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.scanner import rounded_number
from surefoot.schedules.schedule import Schedule
from surefoot.search.space.axes import Axis, Choice, Range, choice_axis, range_axis
from surefoot.search.space.further_settings import SearchedSetting, searched_settings
from surefoot.search.space.schedule_shapes import make_lr_schedule
from surefoot.search.space.search_space import ANY_MOMENTUM, SearchSpace

UnitPoint: TypeAlias = tuple[float, ...]
Box: TypeAlias = tuple[tuple[float, float], ...]
Array: TypeAlias = NDArray[np.float64]
# The first axis reaches from so many times below to so many times above the best of a few rates a factor of ten apart.
MAX_FACTOR_BELOW, MAX_FACTOR_ABOVE = 20.0, 10.0
# Momentum averages over 1 / (1 - momentum) steps, its memory. A training has room for at least this many memories of
# the largest momentum.
MEMORIES_PER_TRAINING = 8.0
# Distance, in features, between the ends of an axis, and between two options of a choice. The length scales of the
# surrogate's kernel are of this size.
AXIS_SPAN, OPTION_GAP = 2.0, 1.0
# A value this close to a bound, as a share of the range, lies on the boundary of the space.
BOUNDARY_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The unit cube of a search: its first axis is the effective rate, its second the memory of the momentum.

    The effective rate is lr / (1 - momentum) for optimizers that sum past gradients (SGD, RMSprop), and lr for those
    that average them (Adam and its relatives). Good settings of different momentum have about the same effective rate.
    The first axis is its logarithm, the second the logarithm of the memory, 1 / (1 - momentum). If the user bounds the
    learning rate, that is the first axis instead.

    Attributes:
        space: Search space: what may be tried.
        rates: Bounds of the first axis for each optimizer, as (name, lowest, highest).
        steps: Length of a full training, in steps.
        axes: Axes of the cube, in order; a fixed setting has none.

    Raises:
        RecipeError: If the space leaves nothing to search.
    """

    space: SearchSpace
    rates: tuple[tuple[str, float, float], ...]
    steps: int
    axes: tuple[Axis | Choice, ...] = field(init=False, compare=False, repr=False)
    _settings: tuple[SearchedSetting, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Made once: they are used for every candidate.
        object.__setattr__(self, "_settings", tuple(searched_settings(self.space)))
        object.__setattr__(self, "axes", tuple(axis for axis in self._all_axes() if axis is not None))
        if not self.axes:
            raise RecipeError(
                "search space: nothing to search, every setting is a single number.",
                hint="give one of them bounds, as in lr = [0.001, 1.0].",
            )

    @classmethod
    def around(cls, space: SearchSpace, bests: Mapping[str, float], *, steps: int) -> Coordinates:
        """Return the coordinates around the best rates known, or between the user's bounds.

        Args:
            space: Search space.
            bests: Best effective rate so far of each optimizer; ignored if the user bounds the learning rate.
            steps: Length of a full training, in steps.
        """

        def bounds(optimizer: str) -> tuple[float, float]:
            if space.lr is not None:
                return space.lr.low, space.lr.high
            return bests[optimizer] / MAX_FACTOR_BELOW, bests[optimizer] * MAX_FACTOR_ABOVE

        return cls(space, tuple((optimizer, *bounds(optimizer)) for optimizer in space.optimizers), steps)

    def _all_axes(self) -> tuple[Axis | Choice | None, ...]:
        space = self.space
        fixed_lr = space.lr is not None and space.lr.fixed
        return (
            None if fixed_lr else self.rate_axis(space.optimizers[0]),
            self._momentum_axis(),
            choice_axis("optimizer", space.optimizers),
            choice_axis("schedule", space.schedules),
            range_axis("warmup", space.warmup),
            range_axis("final", space.final),
            *(setting.axis for setting in self._settings),
        )

    def rate_axis(self, optimizer: str) -> Axis:
        """Return the first axis of an optimizer."""
        low, high = next((low, high) for name, low, high in self.rates if name == optimizer)
        return Axis("rate", low, high, "log")

    def _momentum_axis(self) -> Axis | None:
        """Return the second axis, ``None`` if momentum is fixed.

        Unless the user bounds momentum, the length of training does.
        """
        if not any(momentum_use(optimizer).momentum for optimizer in self.space.optimizers):
            return None
        low, high = self.space.momentum.low, self.space.momentum.high
        if self.space.momentum == ANY_MOMENTUM:
            high = min(high, 1.0 - 1.0 / max(2.0, self.steps / MEMORIES_PER_TRAINING))
        return range_axis("momentum", Range(low, high), scale="memory")

    def recipe(self, point: UnitPoint) -> Recipe:
        """Return the recipe at a point, its numbers rounded to four digits.

        Example:
            >>> coordinates = Coordinates.around(SearchSpace(), {"sgd": 0.1}, steps=1000)
            >>> str(coordinates.recipe((1.0, 0.5)))
            'sgd(lr=cosine(0.1), momentum=0.9)'
        """
        values: dict[str, Any] = {axis.name: axis.value(unit) for axis, unit in zip(self.axes, point, strict=True)}
        space = self.space
        optimizer = values.get("optimizer", space.optimizers[0])
        use = momentum_use(optimizer)
        momentum = 0.0
        arguments: dict[str, Any] = {}
        if use.momentum is not None:
            momentum = arguments[use.momentum] = rounded_number(values.get("momentum", space.momentum.low))
        for setting in self._settings:
            setting.add_to(arguments, optimizer, values)
        if space.lr is None:
            peak = use.lr(self.rate_axis(optimizer).value(point[0]), momentum)
            peak /= 1.0 - arguments.get("dampening", 0.0)
        else:
            peak = values.get("rate", space.lr.low)
        warmup, final = values.get("warmup", space.warmup.low), values.get("final", space.final.low)
        arguments["lr"] = make_lr_schedule(
            values.get("schedule", space.schedules[0]), rounded_number(peak), warmup=warmup, final=rounded_number(final)
        )
        return Recipe.of(optimizer, **arguments)

    def features(self, recipe: Recipe) -> tuple[float, ...]:
        """Return the features of a recipe, which the surrogate takes: u, m, and its position on each other axis.

        u is the logarithm of the effective rate over the lowest one of the optimizer, so that good rates of several
        optimizers have about the same u; m is the logarithm of the momentum's memory.
        """
        effective = recipe.effective_rate
        reference = next((low for name, low, _ in self.rates if name == recipe.optimizer), 1.0)
        momentum = recipe.momentum.highest if momentum_use(recipe.optimizer).momentum else 0.0
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

    def features_at(self, points: Sequence[UnitPoint]) -> Array:
        """Return the features of the recipes at some points ``[n, D]``, without making the recipes.

        Example:
            >>> coordinates = Coordinates.around(SearchSpace(), {"sgd": 0.1}, steps=1000)
            >>> expected = coordinates.features(coordinates.recipe((0.3, 0.7)))
            >>> bool(np.allclose(coordinates.features_at([(0.3, 0.7)])[0], expected, atol=1e-3))
            True
        """
        units = np.array(points, dtype=np.float64)
        columns = {axis.name: units[:, number] for number, axis in enumerate(self.axes)}
        names = np.array(self.optimizers_at(points))
        momentum, lr = self._momenta(columns, names), self._rates(columns, names)
        u = np.empty(len(units))
        for name in set(names.tolist()):
            rows, use = names == name, momentum_use(name)
            low = next((low for known, low, _ in self.rates if known == name), 1.0)
            u[rows] = np.log(lr[rows] / low)
            if self.space.lr is not None and use.sums_gradients:
                u[rows] += np.log1p(-self._dampening(columns, name)[rows]) - np.log1p(-momentum[rows])
        others: list[Array] = []
        for axis in self.axes:
            if isinstance(axis, Choice):
                picked = np.clip((columns[axis.name] * len(axis.options)).astype(int), 0, len(axis.options) - 1)
                others += [np.where(picked == number, OPTION_GAP, 0.0) for number in range(len(axis.options))]
            elif axis.name not in ("rate", "momentum"):
                others.append(AXIS_SPAN * columns[axis.name])
        return np.column_stack([u, -np.log1p(-momentum), *others])

    def optimizers_at(self, points: Sequence[UnitPoint]) -> list[str]:
        """Return the optimizer at each of some points."""
        number = next((number for number, axis in enumerate(self.axes) if axis.name == "optimizer"), None)
        if number is None:
            return [self.space.optimizers[0]] * len(points)
        return [str(self.axes[number].value(point[number])) for point in points]

    def log_rates(self, features: Array, optimizers: Sequence[str]) -> Array:
        """Return the logarithm of the effective rate of each row of features ``[n, D]``: ``[n]``.

        Example:
            >>> coordinates = Coordinates.around(SearchSpace(), {"sgd": 0.1}, steps=1000)
            >>> features = np.array([coordinates.features(Recipe.parse("sgd(lr=0.05, momentum=0.9)"))])
            >>> np.exp(coordinates.log_rates(features, ["sgd"])).round(9).tolist()
            [0.5]
        """
        references = {name: low for name, low, _ in self.rates}
        log_rates: Array = features[:, 0] + np.log([references.get(name, 1.0) for name in optimizers])
        return log_rates

    def _momenta(self, columns: Mapping[str, Array], names: NDArray[np.str_]) -> Array:
        """Return the momentum at some points, given the coordinates of each axis; 0 where the optimizer has none."""
        momentum = np.full(len(names), self.space.momentum.low)
        axis = self._momentum_axis()
        if axis is not None:
            momentum = np.asarray(axis.values(columns["momentum"]))
        has = np.array([momentum_use(str(name)).momentum is not None for name in names])
        return np.where(has, momentum, 0.0)

    def _dampening(self, columns: Mapping[str, Array], optimizer: str) -> Array:
        """Return an optimizer's dampening at some points."""
        count = len(next(iter(columns.values())))
        bounds = dict(self.space.hyper).get("dampening")
        if bounds is None or "dampening" not in names_of(optimizer):
            return np.zeros(count)
        axis = next((axis for axis in self.axes if axis.name == "dampening"), None)
        return np.asarray(axis.values(columns["dampening"])) if isinstance(axis, Axis) else np.full(count, bounds.low)

    def _rates(self, columns: Mapping[str, Array], names: NDArray[np.str_]) -> Array:
        """Return the effective rates at some points; the learning rates if the user bounds these."""
        if "rate" not in columns:
            return np.full(len(names), self.space.lr.low if self.space.lr is not None else 1.0)
        ends = {name: (low, high) for name, low, high in self.rates}
        low, high = np.array([ends[str(name)] for name in names]).T
        rates: Array = low * (high / low) ** columns["rate"]
        return rates

    def covers(self, recipe: Recipe) -> bool:
        """Return whether a recipe is one of the space, or would be with wider bounds: its features then describe it."""
        shape = without_warmup(recipe.lr).name
        if recipe.optimizer not in self.space.optimizers or shape not in self.space.schedules or recipe.lr.highest <= 0:
            return False
        return _equal_up_to_digits(self.recipe(self.point(recipe)), recipe)

    def at_boundary(self, recipe: Recipe) -> tuple[str, ...]:
        """Return which of ``lr`` and ``momentum`` lie on a bound of the search space in a recipe."""
        low, high = BOUNDARY_SHARE, 1.0 - BOUNDARY_SHARE
        on_boundary = []
        if self.space.lr is not None and not self.space.lr.fixed:
            unit = self.rate_axis(recipe.optimizer).unit(recipe.lr.highest)
            if not low < unit < high:
                on_boundary.append("lr")
        momentum = next((axis for axis in self.axes if axis.name == "momentum"), None)
        if isinstance(momentum, Axis):
            unit = momentum.unit(recipe.momentum.highest)
            # A momentum of 0 is the end of its range, not a bound that could be widened.
            if unit > high or (unit < low and self.space.momentum.low > 0):
                on_boundary.append("momentum")
        return tuple(on_boundary)

    def middle(self, optimizer: str) -> UnitPoint:
        """Return the middle of the cube of an optimizer."""
        return tuple(
            axis.unit(optimizer) if isinstance(axis, Choice) and axis.name == "optimizer" else 0.5 for axis in self.axes
        )

    def point(self, recipe: Recipe) -> UnitPoint:
        """Return the point of a recipe of this space; the inverse of :meth:`recipe` up to rounding.

        A setting that the recipe does not have, such as momentum with Adagrad, is in the middle of its axis.
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


def sobol_points(count: int, *, dimensions: int, generator: Generator) -> list[UnitPoint]:
    """Return points that cover the unit cube evenly: a scrambled Sobol sequence.

    Reference:
        Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points".
    """
    from torch.quasirandom import SobolEngine  # noqa: PLC0415  (SciPy's takes half a second to load)

    engine = SobolEngine(dimensions, scramble=True, seed=int(generator.integers(2**31)))  # type: ignore[no-untyped-call]
    return [tuple(row) for row in engine.draw(count, dtype=torch.float64).tolist()]


def perturbed_point(point: UnitPoint, *, width: float, box: Box, generator: Generator) -> UnitPoint:
    """Return a point drawn from a normal distribution around another, reflected at the bounds of a box.

    Args:
        point: Centre of the distribution.
        width: Its standard deviation on every axis.
        box: Bounds of the point on each axis.
        generator: Random generator that draws the point.
    """
    low, high = np.array(box).T
    drawn = np.array(point) + width * generator.standard_normal(len(point))
    size = high - low
    folded = np.abs((drawn - low) / size) % 2.0
    return tuple((low + size * np.where(folded > 1.0, 2.0 - folded, folded)).tolist())


def _equal_up_to_digits(one: Recipe, other: Recipe) -> bool:
    """Return whether two recipes of one optimizer are the same up to the rounding of their numbers."""

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
    """Return the last rate of a schedule as a share of its peak, ``None`` if its shape has no such setting."""
    plain = without_warmup(schedule)
    if isinstance(plain, Exponential):
        return plain.rate
    final: float | None = getattr(plain, "final", None)
    return None if final is None else final / plain.highest


def _value(name: str, recipe: Recipe) -> float | str | None:
    """Return the value in a recipe of a setting that every space has, ``None`` if the recipe has none."""
    if name == "optimizer":
        return recipe.optimizer
    if name == "schedule":
        return without_warmup(recipe.lr).name
    if name == "momentum":
        return recipe.momentum.highest if momentum_use(recipe.optimizer).momentum else None
    if name == "warmup":
        return recipe.lr.length.amount / 100 if isinstance(recipe.lr, Warmup) else 0.0
    return final_share(recipe.lr)
