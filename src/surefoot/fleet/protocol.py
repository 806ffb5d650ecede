"""What a fleet is: K recipes trained together on the same luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import SplitName


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The members' results on one split.

    Attributes:
        loss: Mean loss ``[K]``, float64.
        metric: The task's metric ``[K]``, or ``None`` where it has none.
    """

    loss: Tensor
    metric: Tensor | None


class Fleet(Protocol):
    """K members, each a recipe at its own place on its own schedule, all from one seed.

    The seed gives every member the same initialisation and the same mini-batches: member k's step t sees batch t.
    Another seed is another fleet.

    Attributes:
        recipes: K recipes.
        seed: Of initialisation, data order and dropout.
        step: Optimizer steps taken ``[K]``.
        total: Length of each member's training ``[K]``; its schedules run over it.
        lr_scale: Factor on each member's learning rate ``[K]``, 1 unless a controller has set it.
        diverged_at: Step of the first loss that is not finite ``[K]``, -1 where there is none.
    """

    recipes: tuple[Recipe, ...]
    seed: int
    step: Tensor
    total: Tensor
    lr_scale: Tensor
    diverged_at: Tensor

    def train(self, steps: int, *, places: Sequence[int] | None = None) -> Tensor:
        """Take ``steps`` optimizer steps with every member, or with some while the others rest.

        Returns:
            The losses before each step, ``[steps, K]``, or one column for each of ``places``.
        """
        ...

    def evaluate(self, split: SplitName, *, places: Sequence[int] | None = None) -> Scores:
        """Return the loss and metric of every member, or of some, on a whole split."""
        ...

    def curve(self, place: int) -> list[tuple[int, float]]:
        """Return a member's training loss so far: (step, mean loss since the point before)."""
        ...

    def save(self, path: Path) -> None:
        """Write the whole state to one file, atomically."""
        ...
