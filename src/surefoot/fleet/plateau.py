"""The plateau controller: lowers the rate of members whose loss has stopped falling."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from surefoot.errors import RecipeError
from surefoot.fleet.protocol import Fleet


@dataclass(frozen=True, slots=True)
class Plateau:
    """Multiply a member's learning rate by ``factor`` after ``patience`` observations without a better loss.

    A loss is better when it is below ``best * (1 - threshold)``. After a drop the next ``cooldown`` observations do
    not count. Equal to ``torch.optim.lr_scheduler.ReduceLROnPlateau`` (mode ``min``, relative threshold), member by
    member; it reacts to a metric, so it is no schedule.

    Attributes:
        factor: In (0, 1).
        patience: Observations without progress that are borne.
        threshold: Relative improvement that counts.
        cooldown: Observations to wait after a drop.
        lowest: The scale never goes below this; at most 1.

    Raises:
        RecipeError: If a number is out of its range.

    Example:
        >>> controller = Plateau(factor=0.5, patience=0)
        >>> state = controller.start(1)
        >>> for loss in (1.0, 1.0):
        ...     state = controller.observe(state, torch.tensor([loss]))
        >>> state.scale
        tensor([0.5000], dtype=torch.float64)
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    lowest: float = 0.0

    def __post_init__(self) -> None:
        counts = self.patience, self.cooldown, self.threshold
        if not 0 < self.factor < 1 or min(counts) < 0 or not 0 <= self.lowest <= 1:
            raise RecipeError(
                "plateau: factor is in (0, 1), lowest in [0, 1], and the other numbers are at least 0; given "
                f"factor={self.factor:g}, patience={self.patience}, threshold={self.threshold:g}, "
                f"cooldown={self.cooldown}, lowest={self.lowest:g}."
            )

    def start(self, members: int) -> PlateauState:
        """Return the state before the first observation."""
        return PlateauState(
            best=torch.full((members,), float("inf"), dtype=torch.float64),
            bad=torch.zeros(members, dtype=torch.int64),
            resting=torch.zeros(members, dtype=torch.int64),
            scale=torch.ones(members, dtype=torch.float64),
        )

    def observe(self, state: PlateauState, loss: Tensor) -> PlateauState:
        """Return the state after one more loss of every member ``[K]``."""
        loss = loss.to(torch.float64)
        better = loss < state.best * (1 - self.threshold)
        bad = torch.where(better, 0, state.bad + 1)
        resting = (state.resting - 1).clamp(min=0)
        bad = torch.where(state.resting > 0, 0, bad)
        drop = bad > self.patience
        return PlateauState(
            best=torch.where(better, loss, state.best),
            bad=torch.where(drop, 0, bad),
            resting=torch.where(drop, self.cooldown, resting),
            scale=torch.where(drop, (state.scale * self.factor).clamp(min=self.lowest), state.scale),
        )

    def train(self, fleet: Fleet, *, steps: int, every: int) -> Tensor:
        """Train a fleet, look at its validation loss ``every`` so many steps, and set its ``lr_scale``.

        Returns:
            The training losses ``[steps, K]``.

        Raises:
            RecipeError: If there is no step between two looks.
        """
        if every < 1:
            raise RecipeError(f"plateau: it looks every so many steps, at least 1; given {every}.")
        state, losses = self.start(len(fleet.recipes)), []
        for begin in range(0, steps, every):
            losses.append(fleet.train(min(every, steps - begin)))
            state = self.observe(state, fleet.evaluate("valid").loss)
            fleet.lr_scale = state.scale
        return torch.cat(losses) if losses else fleet.train(0)


@dataclass(frozen=True, slots=True, eq=False)
class PlateauState:
    """What a plateau controller remembers of K members.

    Attributes:
        best: Best loss so far ``[K]``.
        bad: Observations without progress ``[K]``.
        resting: Observations left of the cooldown ``[K]``.
        scale: Factor on the learning rate ``[K]``.
    """

    best: Tensor
    bad: Tensor
    resting: Tensor
    scale: Tensor
