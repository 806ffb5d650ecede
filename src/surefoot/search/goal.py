"""What is made as good as possible: a low validation loss, or a high metric; at the end, or at the best moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from surefoot.core.errors import TaskError
from surefoot.trainers.trial import Judge, Outcome, Trainer

Goal: TypeAlias = Literal["loss", "metric"]


GOALS: tuple[Goal, ...] = get_args(Goal)


JUDGES: tuple[Judge, ...] = get_args(Judge)


@dataclass(frozen=True, slots=True)
class Aim:
    """What makes one outcome better than another.

    Attributes:
        goal: A low validation ``loss``, or a high ``metric``.
        judge: The loss at the end (``final``), or the ``best`` on the way, as one has who keeps checkpoints.
    """

    goal: Goal = "loss"
    judge: Judge = "final"

    def require(self, trainer: Trainer) -> None:
        """Make sure that what is trained has what is asked for.

        Raises:
            TaskError: If there is no such goal or judge, or no metric to maximise.
        """
        if self.goal not in GOALS:
            raise TaskError(f"a goal is one of {', '.join(GOALS)}; given {self.goal!r}.")
        if self.judge not in JUDGES:
            raise TaskError(f"judge is one of {', '.join(JUDGES)}; given {self.judge!r}.")
        if self.goal == "metric" and self.judge == "best":
            raise TaskError("only losses are followed on the way.", hint="leave out judge, or maximise no metric.")
        if self.goal == "metric" and trainer.has_metric is False:
            raise _without_metric(trainer)

    def require_metric(self, trainer: Trainer, outcomes: Sequence[Outcome]) -> None:
        """Make sure that what was trained has the metric that is asked for: of a function only its trials tell.

        Raises:
            TaskError: If trials came to their end and none of them has one.
        """
        ended = [outcome for outcome in outcomes if outcome.ok]
        if self.goal == "metric" and ended and all(outcome.metric is None for outcome in ended):
            raise _without_metric(trainer)

    def cost(self, outcome: Outcome) -> float:
        """Return what is minimised: a validation loss, or the metric with its sign turned; ``inf`` after divergence.

        Example:
            >>> Aim("metric").cost(Outcome(0.5, metric=0.9)), Aim().cost(Outcome(0.5))
            (-0.9, 0.5)
        """
        if self.goal == "loss":
            return outcome.judged(self.judge)
        # The predictions of a diverged network are right now and then: its metric counts for nothing.
        return math.inf if outcome.metric is None or not outcome.ok else -outcome.metric


def _without_metric(trainer: Trainer) -> TaskError:
    return TaskError(
        f"{trainer.name!r} has no metric to maximise.",
        hint="pass metric=... when the task is made, or return {'loss': ..., 'metric': ...}.",
    )
