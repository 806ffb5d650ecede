"""Training fleets in slices short enough to show progress and to stop between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surefoot.fleet import LocalFleet, Plan
from surefoot.tuning.progress import Interrupted, Progress, Stop, never

SLICE_SECONDS = 0.3


@dataclass(slots=True)
class Runner:
    """Trains, shows progress, and stops when asked to.

    Attributes:
        plan: How fleets are run.
        progress: Receives what happens.
        stop: Asked between slices; where it says yes, :class:`Interrupted` is raised and the fleet stands at a
            whole step.
        after_slice: Called with the fleet after every slice: for checkpoints.
    """

    plan: Plan
    progress: Progress
    stop: Stop = never
    after_slice: Callable[[LocalFleet], None] | None = None
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
            losses.append(self._slice(fleet, left, members, places))
            left -= len(losses[-1])
            if self.after_slice is not None:
                self.after_slice(fleet)
        return torch.cat(losses) if losses else torch.empty(0, members)

    def _slice(self, fleet: LocalFleet, left: int, members: int, places: Sequence[int] | None) -> Tensor:
        cost = self._step_seconds * members
        steps = min(left, max(1, int(SLICE_SECONDS / cost)) if cost else 1)
        begin = time.perf_counter()
        losses = fleet.train(steps, places=places)
        self._step_seconds = (time.perf_counter() - begin) / (steps * members)
        self.progress.advance(steps * members)
        return losses
