"""A landscape as what a survey is made of: balls take the place of trainings, starts that of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.progress import Interrupted, Progress, Stop
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.descent import descend
from surefoot.surfaces.surface import Surface

# Starts are drawn from this share of the picture around its middle: from its very edge balls would leave it at once.
CENTRAL = 0.8


@dataclass(frozen=True, slots=True)
class Landscape:
    """A surface, and how many steps are taken on it.

    Attributes:
        surface: Where.
        total_steps: Length of a descent.
    """

    surface: Surface
    total_steps: int

    @property
    def name(self) -> str:
        """The surface's."""
        return self.surface.name

    def with_length(self, *, steps: int) -> Landscape:
        """Return it with descents of another length."""
        return replace(self, total_steps=steps)


@dataclass(slots=True)
class Roller:
    """Lets balls roll from a start of each seed, and keeps the account.

    Attributes:
        seeds: Of the starts, and of the noise where there is some.
        progress: Receives what happens.
        stop: Asked before every start.
        config_steps: Steps of balls so far.
    """

    seeds: Sequence[int]
    progress: Progress
    stop: Stop
    config_steps: float = 0.0

    def courses(
        self, task: Landscape, recipes: Sequence[Recipe], *, seeds: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the losses above the lowest before each step ``[K, starts, steps]`` and at the end ``[K, starts]``.

        Raises:
            Interrupted: If asked to stop.
        """
        surface, steps = task.surface, task.total_steps
        losses = []
        for seed in self.seeds[:seeds]:
            if self.stop():
                raise Interrupted
            generator = torch.Generator().manual_seed(seed)
            start = start_on(surface, generator)
            way = descend(surface, recipes, steps=steps, start=start, generator=generator)
            # Where rounding goes below the lowest there is nothing left above it.
            losses.append(np.maximum(way.losses - surface.lowest, 0.0))
            self.progress.advance(len(recipes) * steps)
        found = np.stack(losses, axis=1)
        self.config_steps += found[..., 1:].size
        return found[..., :-1], found[..., -1]


def start_on(surface: Surface, generator: torch.Generator) -> tuple[float, ...]:
    """Return a random place in the middle of a surface's picture."""
    low, high = torch.tensor(surface.box, dtype=torch.float64).T
    share = 0.5 + CENTRAL * (torch.rand(len(low), dtype=torch.float64, generator=generator) - 0.5)
    return tuple((low + share * (high - low)).tolist())
