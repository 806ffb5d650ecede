"""A recipe's learning rate and momentum, and the settings around it, everything else left as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from surefoot.recipe.names import Family, family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import digits, scaled
from surefoot.schedules.constant import Constant

Change: TypeAlias = Literal["lr", "momentum", "momentum at equal effective rate"]
CHANGES: tuple[Change, ...] = ("lr", "momentum", "momentum at equal effective rate")

# Momenta that are considered: the memory of each is about twice that of the one before.
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
# Factors of 2 that a learning rate may be changed by, up or down.
OCTAVES = 15


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """A learning rate, by its peak, and a momentum."""

    lr: float
    momentum: float

    def is_close(self, other: Setting) -> bool:
        """Tell whether another setting is the same but for rounding."""
        return math.isclose(self.lr, other.lr, rel_tol=1e-6) and math.isclose(self.momentum, other.momentum)


@dataclass(frozen=True)
class Neighbourhood:
    """The settings that a recipe could have.

    Attributes:
        recipe: The user's.
    """

    recipe: Recipe

    @property
    def own(self) -> Setting:
        """The recipe's setting."""
        return Setting(self.recipe.lr.highest, self.recipe.momentum.highest)

    @property
    def family(self) -> Family:
        """What learning rate and momentum mean to the recipe's optimizer."""
        return family_of(self.recipe.optimizer)

    @property
    def momentum_name(self) -> str | None:
        """Name of the momentum, ``None`` where there is none or it follows a schedule of its own."""
        name = self.family.momentum
        return name if name is not None and isinstance(self.recipe.schedule(name), Constant) else None

    def features(self, setting: Setting) -> tuple[float, float]:
        """Return what the surrogate sees of a setting: ln of the effective rate, ln of the memory 1 / (1 - momentum).

        Example:
            >>> neighbourhood = Neighbourhood(Recipe.parse("sgd(lr=0.1, momentum=0.9)"))
            >>> [round(each, 3) for each in neighbourhood.features(neighbourhood.own)]
            [0.0, 2.303]
        """
        rate = self.family.effective(setting.lr, setting.momentum)
        return math.log(rate), -math.log1p(-setting.momentum)

    def recipe_at(self, setting: Setting) -> Recipe:
        """Return the recipe with another setting; its learning rate keeps its schedule, scaled.

        Example:
            >>> recipe = Recipe.parse("sgd(lr=cosine(0.1, final=0.01), momentum=0.9, nesterov=true)")
            >>> str(Neighbourhood(recipe).recipe_at(Setting(0.8, 0.0)))
            'sgd(lr=cosine(0.8, final=0.08), momentum=0)'
        """
        if setting == self.own:
            return self.recipe
        changes: dict[str, object] = {"lr": scaled(self.recipe.lr, setting.lr / self.own.lr)}
        if self.momentum_name is not None and setting.momentum != self.own.momentum:
            changes[self.momentum_name] = setting.momentum
            if setting.momentum == 0.0 and "nesterov" in self.recipe.switches:
                changes["nesterov"] = False
        return self.recipe.with_(**changes)

    def rate(self, octave: float) -> Setting:
        """Return the recipe's setting with its learning rate so many factors of 2 higher."""
        return Setting(digits(self.own.lr * 2.0**octave), self.own.momentum) if octave else self.own

    def octave(self, setting: Setting) -> float:
        """Return how many factors of 2 a learning rate lies above the recipe's."""
        return round(2.0 * math.log2(setting.lr / self.own.lr)) / 2.0

    def same_lr(self, momentum: float) -> Setting:
        """Return the recipe's setting with another momentum."""
        return Setting(self.own.lr, momentum)

    def same_effective_rate(self, momentum: float) -> Setting:
        """Return the setting of another momentum whose effective rate is the recipe's."""
        rate = self.family.effective(self.own.lr, self.own.momentum)
        return Setting(digits(self.family.lr(rate, momentum)), momentum)

    @cached_property
    def other_momenta(self) -> tuple[float, ...]:
        """The momenta that the recipe does not have; none where it has no momentum to change."""
        if self.momentum_name is None:
            return ()
        return tuple(each for each in MOMENTA if not math.isclose(each, self.own.momentum))

    @cached_property
    def lines(self) -> dict[Change, tuple[Setting, ...]]:
        """All settings that differ from the recipe's by one kind of change."""
        rates = tuple(self.rate(octave) for octave in range(-OCTAVES, OCTAVES + 1) if octave)
        kept = tuple(self.same_effective_rate(momentum) for momentum in self.other_momenta)
        same = tuple(self.same_lr(momentum) for momentum in self.other_momenta)
        # Where the effective rate is the learning rate, the two are one change.
        return {
            "lr": rates,
            "momentum": same,
            "momentum at equal effective rate": kept if self.family.accumulates else (),
        }
