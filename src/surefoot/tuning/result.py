"""What a tune found: plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.fleet import Plan
from surefoot.recipe import Recipe
from surefoot.studies import Measurement
from surefoot.tuning.goal import Goal
from surefoot.tuning.range_test import Ramp
from surefoot.tuning.scaling import Transfer
from surefoot.values import Interval, Json, Score


@dataclass(frozen=True, slots=True)
class Contestant:
    """A recipe of the confirmation.

    Attributes:
        recipe: The recipe.
        valid: Its validation loss over the fresh seeds.
        test: Its test loss, where the task has test data.
        metric: Mean of the task's metric over the seeds.
        runs: Its measurements, one a seed.
        searched: Whether the search found it; the defaults are compared with.
        tied: Whether it cannot be told apart from the best.
    """

    recipe: Recipe
    valid: Score
    test: Score | None
    metric: float | None
    runs: tuple[Measurement, ...]
    searched: bool = True
    tied: bool = False


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What :func:`surefoot.tune` found.

    Attributes:
        task: The task's name.
        steps: Length of a full training.
        contestants: The confirmed recipes, the recommended one first, then by their means; none of them where every
            setting diverged.
        default: SGD at learning rate 0.01 and momentum 0.9, constant.
        default_scheduled: The same under the recommended schedule.
        lr, momentum: Peak values that cannot be told apart from the best at 90 %, or ``None``: rates at the best
            one's momentum, and momenta that each have a rate of their own.
        boundary: Hyperparameters whose best value sits on the edge of the space.
        ramps: The range test.
        measurements: Everything that was measured, confirmations included.
        search_config_steps, config_steps: What the search cost, and everything.
        seconds: Wall clock.
        trials: How many recipes were tried.
        plan: How fleets were run.
        study: Text that opens the study again, or ``None`` where none was kept.
        goal: What was made as good as possible.
        transfer: How the answer changes with the length of training and the batch size, where that was asked for.
    """

    task: str
    steps: int
    contestants: tuple[Contestant, ...]
    default: Contestant
    default_scheduled: Contestant
    lr: Interval | None
    momentum: Interval | None
    boundary: tuple[str, ...]
    ramps: tuple[Ramp, ...]
    measurements: tuple[Measurement, ...]
    search_config_steps: int
    config_steps: int
    seconds: float
    trials: int
    plan: Plan
    study: str | None
    goal: Goal = "loss"
    transfer: Transfer | None = None

    @property
    def best(self) -> Contestant | None:
        """The recommended recipe, ``None`` where every setting diverged."""
        return self.contestants[0] if self.contestants else None

    @property
    def reason(self) -> str | None:
        """Why there is no recommendation, in one line."""
        if self.best is not None:
            return None
        return "every setting diverged: no learning rate trained this model; check the loss, the data and their scale."

    def improvement(self, over: Contestant) -> float | None:
        """Return how many times lower the recommended recipe's loss is, ``None`` where that says nothing."""
        if self.best is None or not 0 < self.best.valid.mean < math.inf or not over.valid.mean > 0:
            return None
        return over.valid.mean / self.best.valid.mean

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        best = self.best
        return {
            "schema": 1,
            "task": self.task,
            "goal": self.goal,
            "recipe": None if best is None else str(best.recipe),
            "recipe_json": None if best is None else best.recipe.to_json(),
            "reason": self.reason,
            "valid_loss": None if best is None else _score(best.valid),
            "default_valid_loss": _score(self.default.valid),
            "default_scheduled_recipe": str(self.default_scheduled.recipe),
            "default_scheduled_valid_loss": _score(self.default_scheduled.valid),
            "test_loss": None if best is None or best.test is None else _score(best.test),
            "metric": None if best is None else best.metric,
            "interval": {"lr": _interval(self.lr), "momentum": _interval(self.momentum)},
            "boundary": list(self.boundary),
            "search_config_steps": self.search_config_steps,
            "config_steps": self.config_steps,
            "steps": self.steps,
            "seconds": self.seconds,
            "trials": self.trials,
            "plan": self.plan.to_json(),
            "study": self.study,
            "transfer": None if self.transfer is None else self.transfer.to_json(),
        }


def _score(score: Score) -> dict[str, Json]:
    return {
        "mean": _number(score.mean),
        "low": _number(score.low),
        "high": _number(score.high),
        "seeds": score.seeds,
    }


def _number(value: float) -> float | None:
    """JSON has no infinity: a loss that diverged, or a bound that is not known, is null."""
    return value if math.isfinite(value) else None


def _interval(interval: Interval | None) -> Json:
    return None if interval is None else [interval.low, interval.high]
