"""The recipe's own training: trained like all others, and looked at on its way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from torch import Tensor

from surefoot.fleet import LocalFleet
from surefoot.fleet.runner import Runner

# Looks at the validation loss on the way.
LOOKS = 8


@dataclass(frozen=True, slots=True)
class Course:
    """The recipe's own training, as it went.

    Attributes:
        train: Training loss before each step.
        valid: Steps at which the validation loss was looked at, and what it was; the first is before any step.
        cosines: Of successive updates, where they were looked at.
        ratios: Norm of an update over that of the weights, there.
    """

    train: tuple[float, ...]
    valid: tuple[tuple[int, float], ...]
    cosines: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()

    @property
    def start(self) -> float:
        """Validation loss before any step."""
        return self.valid[0][1]

    @property
    def final(self) -> float:
        """Validation loss at the end."""
        return self.valid[-1][1]

    @property
    def diverged(self) -> bool:
        """Whether it ended worse than it began, or in no number."""
        return not self.final <= self.start

    @property
    def diverged_at(self) -> int | None:
        """The first step whose training loss is no number."""
        return next((step for step, loss in enumerate(self.train) if not math.isfinite(loss)), None)


@dataclass(slots=True)
class Follower:
    """Trains a member, and takes note of how it goes.

    Attributes:
        fleet, place: Where it is trained.
        runner: Trains.
    """

    fleet: LocalFleet
    place: int
    runner: Runner
    _train: list[float] = field(default_factory=list)
    _valid: list[tuple[int, float]] = field(default_factory=list)
    _cosines: list[float] = field(default_factory=list)
    _ratios: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._look()

    @property
    def course(self) -> Course:
        """How it went so far."""
        return Course(tuple(self._train), tuple(self._valid), tuple(self._cosines), tuple(self._ratios))

    def follow(self, target: int) -> None:
        """Train it up to a step, and look at it on the way."""
        total = self.fleet.task.total_steps
        for look in range(1, LOOKS + 1):
            until = min(round(total * look / LOOKS), target)
            left = until - int(self.fleet.step[self.place])
            if left <= 0:
                continue
            self._take(max(left - 2, 0))
            weights = [self._weights()]
            for _ in range(min(left, 2)):
                self._take(1)
                weights.append(self._weights())
            self._compare(weights)
            self._look()

    def _take(self, steps: int) -> None:
        if steps:
            self._train += self.runner.train(self.fleet, steps, places=[self.place])[:, 0].tolist()

    def _weights(self) -> Tensor:
        return self.fleet.params[self.place].clone()

    def _compare(self, weights: Sequence[Tensor]) -> None:
        """Take note of two successive updates."""
        updates = [(after - before).double() for before, after in pairwise(weights)]
        norms = [float(update.norm()) for update in updates]
        size = float(weights[-1].double().norm())
        if size > 0 and math.isfinite(norms[-1]):
            self._ratios.append(norms[-1] / size)
        if len(updates) == 2 and all(norm > 0 and math.isfinite(norm) for norm in norms):
            self._cosines.append(float(updates[0] @ updates[1]) / (norms[0] * norms[1]))

    def _look(self) -> None:
        loss = float(self.fleet.evaluate("valid", places=[self.place]).loss[0])
        self._valid.append((int(self.fleet.step[self.place]), loss))
