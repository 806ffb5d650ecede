"""What a range test found: plain data."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.curvature.sharpness import Sharpness
from surefoot.fleet import Plan
from surefoot.theory.optimum import effective_rate
from surefoot.tuning.range_test import Ramp
from surefoot.values import Interval, Json


@dataclass(frozen=True, slots=True)
class MomentumRange:
    """The usable learning rates at one momentum.

    Attributes:
        momentum: The momentum.
        low, high: Rates between which, around the best, short runs gain at least 90 % of what the best gains.
        best: Rate whose short run ends lowest, interpolated between the rates tried.
        limit: Where short runs begin to gain less than a tenth of that, or to diverge; mean over seeds in log rate.
        best_interval, limit_interval: Their 90 % intervals over seeds; ``None`` with one seed.
        prior: ``2 (1 - momentum) / sharpness``: a guess at the limit, for mini-batches.
        full_batch_limit: ``2 (1 + momentum) / sharpness``: the limit on a quadratic, with all data in one batch.
        rates, losses: What was tried, ascending, and the training loss at the end of each short run.
        ramp: The ramp that showed where to try.
    """

    momentum: float
    low: float | None
    best: float | None
    high: float | None
    limit: float | None
    best_interval: Interval | None
    limit_interval: Interval | None
    prior: float | None
    full_batch_limit: float | None
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    ramp: Ramp

    def effective(self, rate: float | None) -> float | None:
        """Return one of its rates as lr / (1 - momentum)."""
        return None if rate is None else effective_rate(rate, self.momentum)

    def to_json(self) -> dict[str, Json]:
        """Return the range as JSON, without the runs behind it."""
        rates = {"low": self.low, "best": self.best, "high": self.high, "limit": self.limit}
        return {
            "momentum": self.momentum,
            "lr": {**rates},
            "effective": {name: self.effective(rate) for name, rate in rates.items()},
            "intervals": {"best": _bounds(self.best_interval), "limit": _bounds(self.limit_interval)},
            "prior": self.prior,
            "full_batch_limit": self.full_batch_limit,
        }

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
        sharpness: Top eigenvalue of its Hessian there, on the first seed.
        steps: Length of the ramps.
        run_steps: Length of each short run.
        seeds: How many seeds the short runs were averaged over.
        config_steps, seconds: What it cost; the sharpness is counted by the samples it saw.
        plan: How it was run.
    """

    task: str
    ranges: tuple[MomentumRange, ...]
    suggestion: Suggestion | None
    reason: str | None
    start_loss: float
    sharpness: Sharpness
    steps: int
    run_steps: int
    seeds: int
    config_steps: int
    seconds: float
    plan: Plan

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        found = self.suggestion
        return {
            "schema": 1,
            "task": self.task,
            "ranges": [row.to_json() for row in self.ranges],
            "suggestion": None
            if found is None
            else {"lr": found.lr, "momentum": found.momentum, "low": found.low, "high": found.high},
            "reason": self.reason,
            "start_loss": self.start_loss,
            "sharpness": self.sharpness.to_json(),
            "steps": self.steps,
            "run_steps": self.run_steps,
            "seeds": self.seeds,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": self.plan.to_json(),
        }


def _bounds(interval: Interval | None) -> Json:
    return None if interval is None else [interval.low, interval.high]
