"""Training fleets in slices short enough to show progress and to stop between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surefoot.fleet.local import LocalFleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.progress import Progress
from surefoot.interruption import Interrupted, Stop, never

SLICE_SECONDS = 0.5


@dataclass(slots=True)
class Runner:
    """Trains, shows progress, and stops when asked to.

    Attributes:
        plan: How fleets are run.
        progress: Receives what happens.
        stop: Asked between slices; where it says yes, :class:`Interrupted` is raised and the fleet stands at a
            whole step.
        after_slice: Called after every slice: for checkpoints.
    """

    plan: Plan
    progress: Progress
    stop: Stop = never
    after_slice: Callable[[], None] | None = None
    _step_seconds: float = 0.0

    def train(self, fleet: LocalFleet, steps: int, *, places: Sequence[int] | None = None) -> Tensor:
        """Train as :meth:`Fleet.train`, slice by slice.

        Raises:
            Interrupted: If asked to stop.
        """
        members = len(fleet.recipes) if places is None else len(places)
        losses: list[Tensor] = []
        left = steps if members else 0
        while left > 0:
            if self.stop():
                raise Interrupted
            losses += self._slice(lambda steps: [fleet.train(steps, places=places)], left, members)
            left -= len(losses[-1])
        return torch.cat(losses) if losses else torch.empty(0, members)

    def _slice(self, train: Callable[[int], list[Tensor]], left: int, members: int) -> list[Tensor]:
        cost = self._step_seconds * members
        steps = min(left, max(1, int(SLICE_SECONDS / cost)) if cost else 1)
        begin = time.perf_counter()
        losses = train(steps)
        self._step_seconds = (time.perf_counter() - begin) / (steps * members)
        self.progress.advance(steps * members)
        if self.after_slice is not None:
            self.after_slice()
        return losses
