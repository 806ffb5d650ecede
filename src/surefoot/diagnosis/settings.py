"""A recipe's learning rate and momentum, and what else they could be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from surefoot.recipe import Recipe
from surefoot.recipe.families import family_of
from surefoot.schedules import Constant, digits, scaled

Change: TypeAlias = Literal["lr", "momentum", "momentum with lr / (1 - momentum) kept"]
CHANGES: tuple[Change, ...] = ("lr", "momentum", "momentum with lr / (1 - momentum) kept")

# Momenta worth knowing about: each remembers about twice as long as the last.
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
# Factors of 2 that a learning rate may be changed by, up or down.
OCTAVES = 12


@dataclass(frozen=True, slots=True)
class Setting:
    """A learning rate, by its peak, and a momentum."""

    lr: float
    momentum: float

    @property
    def place(self) -> tuple[float, float]:
        """Octaves of lr / (1 - momentum) and of the memory 1 / (1 - momentum)."""
        memory = -math.log2(1.0 - self.momentum)
        return math.log2(self.lr) + memory, memory

    def is_close(self, other: Setting) -> bool:
        """Tell whether another setting is the same but for rounding."""
        return math.isclose(self.lr, other.lr, rel_tol=1e-6) and math.isclose(self.momentum, other.momentum)


@dataclass(frozen=True)
class Plane:
    """The settings that a recipe could have, everything else left as it is.

    Attributes:
        recipe: The user's.
    """

    recipe: Recipe

    @property
    def own(self) -> Setting:
        """The recipe's setting."""
        return Setting(self.recipe.lr.highest, self.recipe.momentum.highest)

    @property
    def momentum_name(self) -> str | None:
        """Name of the momentum, ``None`` where there is none or it follows a schedule of its own."""
        name = family_of(self.recipe.optimizer).momentum
        return name if name is not None and isinstance(self.recipe.schedule(name), Constant) else None

    def recipe_at(self, setting: Setting) -> Recipe:
        """Return the recipe with another setting; its learning rate keeps its shape.

        Example:
            >>> plane = Plane(Recipe.parse("sgd(lr=cosine(0.1, final=0.01), momentum=0.9, nesterov=true)"))
            >>> str(plane.recipe_at(Setting(0.8, 0.0)))
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

    @cached_property
    def lines(self) -> dict[Change, list[Setting]]:
        """All settings that differ from the recipe's in one of the three ways."""
        own = self.own
        rates = [Setting(self.rate(octave), own.momentum) for octave in range(-OCTAVES, OCTAVES + 1) if octave]
        others = [momentum for momentum in MOMENTA if momentum != own.momentum and self.momentum_name is not None]
        return {
            "lr": rates,
            "momentum": [Setting(own.lr, momentum) for momentum in others],
            "momentum with lr / (1 - momentum) kept": [self.kept(momentum) for momentum in others],
        }

    def rate(self, octave: int) -> float:
        """Return the learning rate so many factors of 2 above the recipe's."""
        return digits(self.own.lr * 2.0**octave)

    def kept(self, momentum: float) -> Setting:
        """Return the setting of another momentum with the same lr / (1 - momentum)."""
        return Setting(digits(self.own.lr * (1.0 - momentum) / (1.0 - self.own.momentum)), momentum)

    def everywhere(self) -> list[Setting]:
        """Return the recipe's own setting, and those of every line, each once."""
        return [*dict.fromkeys([self.own, *(setting for line in self.lines.values() for setting in line)])]
