"""A recipe's learning rate and momentum, and the neighbours it is compared with; all else in the recipe stays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import MomentumUse, momentum_use
from surefoot.schedules.composition import scaled
from surefoot.schedules.constant import Constant
from surefoot.schedules.scanner import rounded_number

ChangeKind: TypeAlias = Literal["lr", "momentum", "momentum at equal effective rate"]
CHANGE_KINDS: tuple[ChangeKind, ...] = ("lr", "momentum", "momentum at equal effective rate")

# Momenta that a check considers. Chosen: each has about twice the memory 1 / (1 - momentum) of the one before.
CANDIDATE_MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
# Largest change of the learning rate, up or down, in doublings: a factor of 32,768. Chosen to cover any mistake.
MAX_DOUBLINGS = 15


@dataclass(frozen=True, slots=True, order=True)
class LrAndMomentum:
    """The two hyperparameters that a check varies.

    Attributes:
        lr: Peak of the learning rate's schedule.
        momentum: Momentum, or beta1 of Adam and its kin.
    """

    lr: float
    momentum: float

    def is_close(self, other: LrAndMomentum) -> bool:
        """Return whether both values are the same up to rounding."""
        return math.isclose(self.lr, other.lr, rel_tol=1e-6) and math.isclose(self.momentum, other.momentum)


@dataclass(frozen=True)
class Neighbourhood:
    """The learning rates and momenta around those of a recipe.

    Attributes:
        recipe: The recipe to check.
    """

    recipe: Recipe

    @property
    def current(self) -> LrAndMomentum:
        """Learning rate and momentum of the recipe itself."""
        return LrAndMomentum(self.recipe.lr.highest, self.recipe.momentum.highest)

    @property
    def momentum_use(self) -> MomentumUse:
        """How the recipe's optimizer uses its momentum."""
        return momentum_use(self.recipe.optimizer)

    @property
    def momentum_name(self) -> str | None:
        """The optimizer's name for the momentum; ``None`` where it has none, or where the momentum is scheduled."""
        name = self.momentum_use.momentum
        return name if name is not None and isinstance(self.recipe.schedule(name), Constant) else None

    def features(self, hyperparameters: LrAndMomentum) -> tuple[float, float]:
        """Return the surrogate's inputs: ln of the effective learning rate, and ln of the memory 1 / (1 - momentum).

        Example:
            >>> neighbourhood = Neighbourhood(Recipe.parse("sgd(lr=0.1, momentum=0.9)"))
            >>> [round(each, 3) for each in neighbourhood.features(neighbourhood.current)]
            [0.0, 2.303]
        """
        rate = self.momentum_use.effective(hyperparameters.lr, hyperparameters.momentum)
        return math.log(rate), -math.log1p(-hyperparameters.momentum)

    def recipe_at(self, hyperparameters: LrAndMomentum) -> Recipe:
        """Return the recipe with another learning rate and momentum; the learning rate's schedule is scaled.

        Nesterov momentum is switched off where the momentum becomes 0.

        Example:
            >>> recipe = Recipe.parse("sgd(lr=cosine(0.1, final=0.01), momentum=0.9, nesterov=true)")
            >>> str(Neighbourhood(recipe).recipe_at(LrAndMomentum(0.8, 0.0)))
            'sgd(lr=cosine(0.8, final=0.08), momentum=0)'
        """
        if hyperparameters == self.current:
            return self.recipe
        changes: dict[str, object] = {"lr": scaled(self.recipe.lr, hyperparameters.lr / self.current.lr)}
        if self.momentum_name is not None and hyperparameters.momentum != self.current.momentum:
            changes[self.momentum_name] = hyperparameters.momentum
            if hyperparameters.momentum == 0.0 and "nesterov" in self.recipe.switches:
                changes["nesterov"] = False
        return self.recipe.with_(**changes)

    def with_lr_doubled(self, times: float) -> LrAndMomentum:
        """Return the recipe's hyperparameters with the learning rate times ``2 ** times``."""
        if not times:
            return self.current
        return LrAndMomentum(rounded_number(self.current.lr * 2.0**times), self.current.momentum)

    def lr_doublings(self, hyperparameters: LrAndMomentum) -> float:
        """Return how many doublings a learning rate lies above the recipe's, to the nearest half."""
        return round(2.0 * math.log2(hyperparameters.lr / self.current.lr)) / 2.0

    def with_momentum(self, momentum: float) -> LrAndMomentum:
        """Return the recipe's learning rate with another momentum."""
        return LrAndMomentum(self.current.lr, momentum)

    def with_momentum_at_equal_effective_rate(self, momentum: float) -> LrAndMomentum:
        """Return another momentum, with the learning rate at which the recipe's effective rate stays the same."""
        rate = self.momentum_use.effective(self.current.lr, self.current.momentum)
        return LrAndMomentum(rounded_number(self.momentum_use.lr(rate, momentum)), momentum)

    @cached_property
    def other_momenta(self) -> tuple[float, ...]:
        """The candidate momenta other than the recipe's; empty where the recipe has no constant momentum."""
        if self.momentum_name is None:
            return ()
        return tuple(each for each in CANDIDATE_MOMENTA if not math.isclose(each, self.current.momentum))

    @cached_property
    def candidates(self) -> dict[ChangeKind, tuple[LrAndMomentum, ...]]:
        """All neighbours of the recipe, by the kind of change that leads to them."""
        doublings = [times for times in range(-MAX_DOUBLINGS, MAX_DOUBLINGS + 1) if times]
        equal_rate = tuple(map(self.with_momentum_at_equal_effective_rate, self.other_momenta))
        return {
            "lr": tuple(map(self.with_lr_doubled, doublings)),
            "momentum": tuple(map(self.with_momentum, self.other_momenta)),
            # Where the effective rate is the learning rate, both changes of the momentum are the same.
            "momentum at equal effective rate": equal_rate if self.momentum_use.sums_gradients else (),
        }
