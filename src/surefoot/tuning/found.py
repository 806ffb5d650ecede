"""What a range test found: plain data."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.fleet import Plan
from surefoot.tuning.range_test import Ramp
from surefoot.values import Json


@dataclass(frozen=True, slots=True)
class MomentumRange:
    """The usable learning rates at one momentum.

    Attributes:
        momentum: The momentum.
        low, high: Smallest and largest rate whose short run gained 90 % of what the best gained.
        best: Rate whose short run ended lowest, interpolated between the rates tried.
        limit: Where short runs begin to end above their start, or to diverge.
        rates, losses: What was tried, ascending, and the training loss at the end of each short run.
        ramp: The ramp that showed where to try.
    """

    momentum: float
    low: float | None
    best: float | None
    high: float | None
    limit: float | None
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    ramp: Ramp

    @property
    def best_loss(self) -> float:
        """Loss at the end of the best short run."""
        return min(self.losses)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A learning rate and momentum to start from, with the range around it."""

    lr: float
    momentum: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FindResult:
    """What :func:`find` found.

    Attributes:
        task: The task's name.
        ranges: One for each momentum.
        suggestion: The best of them, or ``None``.
        reason: Why there is no suggestion.
        start_loss: Training loss before the first step.
        steps: Length of the ramp and of each short run.
        seeds: How many seeds each was averaged over.
        config_steps, seconds: What it cost.
        plan: How it was run.
    """

    task: str
    ranges: tuple[MomentumRange, ...]
    suggestion: Suggestion | None
    reason: str | None
    start_loss: float
    steps: int
    seeds: int
    config_steps: int
    seconds: float
    plan: Plan

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        rows: list[Json] = [
            {
                "momentum": row.momentum,
                "lr": {"low": row.low, "best": row.best, "high": row.high, "limit": row.limit},
            }
            for row in self.ranges
        ]
        found = self.suggestion
        return {
            "schema": 1,
            "task": self.task,
            "ranges": rows,
            "suggestion": None
            if found is None
            else {"lr": found.lr, "momentum": found.momentum, "low": found.low, "high": found.high},
            "reason": self.reason,
            "start_loss": self.start_loss,
            "steps": self.steps,
            "seeds": self.seeds,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": self.plan.to_json(),
        }
