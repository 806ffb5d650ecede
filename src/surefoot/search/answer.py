"""Trials -> what to use, for how long, what it will give, and which other settings are as good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surefoot.core.values import Interval
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import digits, scaled
from surefoot.search.cliff import BROKEN, MARGIN, Cliff, Trained
from surefoot.search.proposal import AS_GOOD, lattice
from surefoot.search.rate_range import are_usual
from surefoot.search.result import FrontierPoint, GoodRange, MomentumRow
from surefoot.search.space.axes import Axis
from surefoot.search.space.coordinates import EDGE, Coordinates, Point
from surefoot.search.space.schedule_shapes import with_momentum
from surefoot.surrogate.surrogate import Surrogate

Array = NDArray[np.float64]
# A rate is good where so large a share of the functions that the trials allow lose no more than the tolerance over
# their own lowest value, which is below their value at any one rate: a half would be strict (ADR 0020).
SURE = 0.3
# A momentum, with a rate of its own, is good where so large a share of them lose no more over the recommended recipe.
SURE_OF_MOMENTUM = 0.6
# Steps of the lattice of rates that the recommended one may lie outside the good ones.
NEAR = 2
DRAWS, RATES = 256, 97
# Rates are read this far around the recommended one, in logarithms.
REACH = math.log(100.0)
NORMAL_90 = 1.645
# Standard deviation, for each unit of the logarithm of the length beyond the longest trial, of what the loss does there
# that no shorter trial shows (ADR 0020).
UNSEEN = 0.6
# From fewer trials nothing is read but which of them was best.
FEWEST = 3
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


class Candidates(NamedTuple):
    """Points to choose from.

    Attributes:
        points: In the unit cube.
        features: As the surrogate sees them ``[m, D]``.
        safe: Whether they do not break ``[m]``.
        held: Whether a trial at as high a rate held ``[m]``.
        usual: Whether their rates are no higher than is usual ``[m]``.
    """

    points: list[Point]
    features: Array
    safe: NDArray[np.bool_]
    held: NDArray[np.bool_]
    usual: NDArray[np.bool_]


@dataclass(slots=True)
class Reader:
    """Reads answers off the surrogate through some trials.

    Attributes:
        trials: All of the search.
        coordinates: Of the search.
        full_steps: Length of a full training.
        tolerance: Loss over the best, as a share, that is still good.
        generator: Draws functions and candidates.
    """

    trials: Sequence[Trained]
    coordinates: Coordinates
    full_steps: int
    tolerance: float
    generator: Generator
    _surrogate: Surrogate | None = None
    _cliff: Cliff | None = None
    _candidates: Candidates | None = None

    @property
    def cliff(self) -> Cliff:
        """Which trials broke."""
        if self._cliff is None:
            self._cliff = Cliff.of(self.trials, self.surrogate.scale, steps=self.full_steps, error=self.surrogate.error)
        return self._cliff

    @property
    def surrogate(self) -> Surrogate:
        """The surrogate through all trials; some of them ended with a finite loss."""
        if self._surrogate is None:
            observations = [trial.observation for trial in self.trials]
            fitted = Surrogate.fit(observations, full_steps=self.full_steps, generator=self.generator)
            if fitted is None:
                raise ValueError("no trial ended with a finite loss")
            self._surrogate = fitted
        return self._surrogate

    @property
    def tells(self) -> bool:
        """Whether enough trials came to their end to say more than which was best."""
        return sum(math.isfinite(trial.observation.loss) for trial in self.trials) >= FEWEST

    def best(self, steps: int) -> tuple[Recipe, float, float]:
        """Return the recipe expected to be best after so many steps, and mean and deviation of its value."""
        points, features, safe, held, usual = self.candidates
        means, deviations = self.surrogate.predict(features, steps)
        # Weighed with the mean at a somewhat larger rate: on the edge of a cliff the next seed may fall.
        ahead, _ = self.surrogate.predict(features + np.eye(1, features.shape[1]) * MARGIN, steps)
        values = np.where(safe | ~safe.any(), np.maximum(means, 0.5 * (means + ahead)), np.inf)
        # Of those about as good the largest rate that is usual: what short trials cannot tell apart, long trainings do.
        as_good = (values <= values.min() + AS_GOOD) & held & usual & self.tells
        number = int(np.argmax(np.where(as_good, features[:, 0], -np.inf)) if as_good.any() else np.argmin(values))
        return self.coordinates.recipe(points[number]), float(means[number]), float(deviations[number])

    @property
    def candidates(self) -> Candidates:
        """Points to choose from: of a lattice, around the best tried, and those tried."""
        if self._candidates is None:
            order = sorted(self.trials, key=lambda trial: trial.observation.loss)
            box = ((0.0, 1.0),) * len(self.coordinates.axes)
            inside = [trial.point for trial in order if all(0.0 <= unit <= 1.0 for unit in trial.point)]
            around = lattice(box, inside, generator=self.generator) if self.tells else []
            points = [*around, *inside] or [trial.point for trial in order]
            features = self.coordinates.features_at(points)
            optimizers = self.coordinates.optimizers_at(points)
            safe, held = ~self.cliff.breaks(features, optimizers), self.cliff.held(features, optimizers)
            usual = are_usual(self.coordinates.log_rates(features, optimizers), optimizers)
            self._candidates = Candidates(points, features, safe, held, usual)
        return self._candidates

    def frontier(self, lengths: Sequence[int]) -> tuple[FrontierPoint, ...]:
        """Return what can be had at each of some lengths."""
        points = []
        for steps in lengths:
            recipe, mean, deviation = self.best(steps)
            lowest = self._lowest(steps)
            if lowest is not None and mean < lowest[1] - NORMAL_90 * max(self.surrogate.noise, deviation):
                recipe = lowest[0]  # no trial of this length supports the other
            elif lowest is not None and self.value(recipe, steps)[0] > lowest[1] + BROKEN:
                recipe = lowest[0]  # what breaks in more steps may be best in so few
            points.append(self._point(recipe, steps, *self.value(recipe, steps)))
        return tuple(points)

    def point(self, recipe: Recipe, steps: int) -> FrontierPoint:
        """Return what a recipe gives at a length."""
        return self._point(recipe, steps, *self.value(recipe, steps))

    def _lowest(self, steps: int) -> tuple[Recipe, float] | None:
        """Return the recipe of the lowest trial of a length and its value, ``None`` where none ended."""
        found = [trial for trial in self.trials if trial.observation.steps == steps]
        best = min(found, key=lambda trial: trial.observation.loss, default=None)
        if best is None or not math.isfinite(best.observation.loss):
            return None
        return best.recipe, self.surrogate.scale.value(best.observation.loss)

    def _point(self, recipe: Recipe, steps: int, mean: float, deviation: float) -> FrontierPoint:
        spread = math.hypot(deviation, self.surrogate.noise, UNSEEN * self._beyond(steps))
        low, loss, high = (self.surrogate.scale.loss(mean + sign * NORMAL_90 * spread) for sign in (-1.0, 0.0, 1.0))
        return FrontierPoint(
            steps, recipe, loss, low, high, sum(trial.observation.steps == steps for trial in self.trials)
        )

    def _beyond(self, steps: int) -> float:
        """Return by how much, as a logarithm, a length exceeds that of the longest trial that came to its end."""
        longest = max(trial.observation.steps for trial in self.trials if math.isfinite(trial.observation.loss))
        return max(0.0, math.log(steps / longest))

    def value(self, recipe: Recipe, steps: int) -> tuple[float, float]:
        """Return mean and deviation of a recipe's value after so many steps.

        Where the recipe's own trials of that length say otherwise than the surrogate, they count.
        """
        expected = self.surrogate.expected(self._features([recipe]), steps)
        own = [
            self.surrogate.scale.value(trial.observation.loss)
            for trial in self.trials
            if (trial.recipe, trial.observation.steps) == (recipe, steps) and math.isfinite(trial.observation.loss)
        ]
        if own:
            measured, deviation = float(np.mean(own)), self.surrogate.noise / math.sqrt(len(own))
            if abs(expected[0] - measured) > NORMAL_90 * deviation:
                return measured, deviation
        return expected

    def expected(self, recipe: Recipe, steps: int) -> float:
        """Return what all trials make expect of a recipe's value after so many steps."""
        return self.surrogate.expected(self._features([recipe]), steps)[0]

    def runner_up(self, best: Recipe, steps: int) -> Recipe | None:
        """Return the best recipe of those tried that is clearly another one than the best, ``None`` without one."""
        tried = dict.fromkeys(trial.recipe for trial in self.trials if math.isfinite(trial.observation.loss))
        others = [recipe for recipe in tried if _apart(recipe, best) and not self._breaks(recipe)]
        return min(others, key=lambda recipe: self.value(recipe, steps)[0], default=None)

    def _breaks(self, recipe: Recipe) -> bool:
        """Tell whether a recipe lies above, or too near below, one that broke."""
        return bool(self.cliff.breaks(self._features([recipe]), [recipe.optimizer])[0])

    def good_range(self, recipe: Recipe, steps: int) -> GoodRange | None:
        """Return the learning rates and momenta that lose little at a length, ``None`` where the trials do not tell."""
        lr = self._good_rates(recipe, steps)
        return None if lr is None else GoodRange(lr, self._good_momenta(recipe, steps), self.tolerance)

    def limit(self, recipe: Recipe) -> float | None:
        """Return the largest usable rate at a recipe's momentum, ``None`` where none that was tried broke.

        It is no lower than the recipe's own.
        """
        edge = self._edge(recipe)
        return None if edge is None else digits(recipe.lr.highest * math.exp(max(edge, 0.0)))

    def _edge(self, recipe: Recipe) -> float | None:
        """Return how far above a recipe's rate the largest usable one lies, as a logarithm."""
        return self.cliff.edge(recipe.optimizer, self._features([recipe])[0])

    def by_momentum(self, recipe: Recipe, steps: int) -> tuple[MomentumRow, ...]:
        """Return the best and the good rates at several momenta, everything else as in a recipe."""
        rows = []
        for momentum in self._momenta() if self.tells else []:
            best = self._best_rate(self._with_momentum(recipe, momentum), steps)
            if best is None or (self._edge(best) or 0.0) < 0.0:  # whatever was tried at this momentum broke
                continue
            mean, _ = self.value(best, steps)
            rows.append(
                MomentumRow(
                    momentum,
                    best.lr.highest,
                    self._good_rates(best, steps),
                    self.surrogate.scale.loss(mean),
                    self.limit(best),
                )
            )
        return tuple(rows)

    def boundary(self, recipe: Recipe) -> tuple[str, ...]:
        """Return the hyperparameters whose recommended value lies on the edge of what the user allows."""
        space = self.coordinates.space
        found = []
        if space.lr is not None and not space.lr.fixed and _at_end(recipe.lr.highest, space.lr.low, space.lr.high):
            found.append("lr")
        momentum = next((axis for axis in self.coordinates.axes if axis.name == "momentum"), None)
        if isinstance(momentum, Axis) and not space.momentum.fixed:
            unit = momentum.unit(recipe.momentum.highest)
            if unit > 1.0 - EDGE or (space.momentum.low > 0 and unit < EDGE):
                found.append("momentum")
        return tuple(found)

    def _features(self, recipes: Sequence[Recipe]) -> Array:
        return np.array([self.coordinates.features(recipe) for recipe in recipes])

    def _good_rates(self, recipe: Recipe, steps: int) -> Interval | None:
        """Return the rates around a recipe's own that lose little over the best one, ``None`` where its own does not.

        Over the best rate of the same function: what is unknown of both cancels.
        """
        own = recipe.lr.highest
        if not self.tells:
            return Interval(own, own)
        shifts = np.linspace(-REACH, REACH, RATES)
        centre = RATES // 2
        features = np.repeat(self._features([recipe]), RATES, axis=0)
        features[:, 0] += shifts
        allowed = self._explored(recipe, shifts)
        drawn = self.surrogate.draws(features, steps, DRAWS, generator=self.generator)
        lowest = np.where(allowed | ~allowed.any(), drawn, np.inf).min(axis=1, keepdims=True)
        most = self.surrogate.scale.excess(self.tolerance, over=float(drawn[:, centre].mean()))
        good = np.flatnonzero(((drawn - lowest <= most).mean(axis=0) >= SURE) & allowed)
        if not len(good) or abs(good - centre).min() > NEAR:
            return None
        # The run of neighbours that holds the one nearest to the recipe's own.
        runs = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
        run = min(runs, key=lambda run: abs(run - centre).min())
        low, high = own * math.exp(min(shifts[run[0]], 0.0)), own * math.exp(max(shifts[run[-1]], 0.0))
        bounds = self.coordinates.space.lr
        if bounds is not None:
            low, high = max(low, bounds.low), min(high, bounds.high)
        return Interval(digits(min(low, own)), digits(max(high, own)))

    def _explored(self, recipe: Recipe, shifts: Array) -> NDArray[np.bool_]:
        """Return which rates lie where trials of like momentum were, and below all that broke."""
        features = self._features([recipe])[0]
        held, _ = self.cliff.distances(recipe.optimizer, features)
        edge = self.cliff.edge(recipe.optimizer, features)
        ceiling = math.inf if edge is None else edge
        lowest, highest = min(held.min(initial=0.0), ceiling), min(held.max(initial=0.0), ceiling)
        allowed: NDArray[np.bool_] = (shifts >= lowest) & (shifts <= highest)
        return allowed

    def _good_momenta(self, recipe: Recipe, steps: int) -> Interval | None:
        """Return the momenta that lose little with a rate of their own."""
        momenta = self._momenta()
        if len(momenta) < 2 or not self.tells:
            return None
        found = {each: self._best_rate(self._with_momentum(recipe, each), steps) for each in momenta}
        bests = {momentum: best for momentum, best in found.items() if best is not None}
        features = self._features([recipe, *bests.values()])
        drawn = self.surrogate.draws(features, steps, DRAWS, generator=self.generator)
        loses = drawn[:, 1:] - drawn[:, :1]
        most = self.surrogate.scale.excess(self.tolerance, over=float(drawn[:, 0].mean()))
        sure = (loses <= most).mean(axis=0)
        good = [momentum for momentum, share in zip(bests, sure, strict=True) if share >= SURE_OF_MOMENTUM]
        own = recipe.momentum.highest
        return Interval(min([own, *good]), max([own, *good]))

    def _best_rate(self, recipe: Recipe, steps: int) -> Recipe | None:
        """Return a recipe with the rate expected to be best at its momentum, of those that do not break.

        ``None`` where the user allows no rate within reach.
        """
        low, high = -REACH, REACH
        if (bounds := self.coordinates.space.lr) is not None:
            low = max(low, math.log(bounds.low / recipe.lr.highest))
            high = min(high, math.log(bounds.high / recipe.lr.highest))
        if low > high:
            return None
        shifts = np.linspace(low, high, RATES)
        features = np.repeat(self._features([recipe]), RATES, axis=0)
        features[:, 0] += shifts
        means, _ = self.surrogate.predict(features, steps)
        allowed = self._explored(recipe, shifts)
        number = int(np.argmin(np.where(allowed | ~allowed.any(), means, np.inf)))
        return recipe.with_(lr=scaled(recipe.lr, math.exp(shifts[number])))

    def _momenta(self) -> list[float]:
        """Return momenta that the search covered."""
        axis = next((axis for axis in self.coordinates.axes if axis.name == "momentum"), None)
        if not isinstance(axis, Axis):
            return []
        return [momentum for momentum in MOMENTA if -1e-9 <= axis.unit(momentum) <= 1.0 + 1e-9]

    def _with_momentum(self, recipe: Recipe, momentum: float) -> Recipe:
        """Return a recipe with another momentum at the same effective rate."""
        family = family_of(recipe.optimizer)
        if family.momentum is None:
            return recipe
        factor = family.lr(1.0, momentum) / family.lr(1.0, recipe.momentum.highest)
        return with_momentum(recipe, momentum).with_(lr=scaled(recipe.lr, factor))


def _at_end(value: float, low: float, high: float) -> bool:
    edge = EDGE * math.log(high / low)
    return value <= low * math.exp(edge) or value >= high * math.exp(-edge)


def _apart(one: Recipe, other: Recipe) -> bool:
    """Tell whether two recipes differ by more than a few per cent of the rate or the momentum's memory."""
    rates = abs(math.log(one.lr.highest / other.lr.highest))
    memories = abs(math.log((1.0 - one.momentum.highest) / (1.0 - other.momentum.highest)))
    return one.optimizer != other.optimizer or rates > 0.25 or memories > 0.25
