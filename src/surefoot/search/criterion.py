"""The criterion of a search: the number by which it compares trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from surefoot.core.errors import TaskError
from surefoot.core.value_types import Json
from surefoot.trainers.trial import Outcome, ScoreAt, Trainer

Goal: TypeAlias = Literal["loss", "metric"]
GOALS: tuple[Goal, ...] = get_args(Goal)
SCORE_AT_VALUES: tuple[ScoreAt, ...] = get_args(ScoreAt)
# JSON of results and studies has the key "judge" for ``score_at``, and says "final" for "end": so it was first written.
STORED_SCORE_AT: dict[ScoreAt, str] = {"end": "final", "best": "best"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """What makes one training better than another.

    Attributes:
        goal: ``loss`` minimises the validation loss, ``metric`` maximises the metric.
        score_at: Which loss of a training counts: the one at its ``end``, or the ``best`` on the way, for whoever keeps
            checkpoints.
    """

    goal: Goal = "loss"
    score_at: ScoreAt = "end"

    def validate(self, trainer: Trainer) -> None:
        """Check the criterion, and that the trainer can report what it needs.

        Raises:
            TaskError: If ``goal`` or ``score_at`` is not one of its values, or there is no metric to maximise.
        """
        if self.goal not in GOALS:
            raise TaskError(f"goal is one of {', '.join(GOALS)}; given {self.goal!r}.")
        if self.score_at not in SCORE_AT_VALUES:
            raise TaskError(f"score_at is one of {', '.join(SCORE_AT_VALUES)}; given {self.score_at!r}.")
        if self.goal == "metric" and self.score_at == "best":
            raise TaskError(
                "a metric is measured at the end of a training only; given goal 'metric' with score_at 'best'.",
                hint="leave out one of the two.",
            )
        if self.goal == "metric" and trainer.has_metric is False:
            raise _without_metric(trainer)

    def require_metric(self, trainer: Trainer, outcomes: Sequence[Outcome]) -> None:
        """Check that trials report the metric to maximise; of a function that is known after its first trials only.

        Raises:
            TaskError: If trials ended with a finite loss, and none of them has a metric.
        """
        ended = [outcome for outcome in outcomes if outcome.ok]
        if self.goal == "metric" and ended and all(outcome.metric is None for outcome in ended):
            raise _without_metric(trainer)

    def cost(self, outcome: Outcome) -> float:
        """Return the number to minimise: the validation loss or the negative metric; ``inf`` after divergence.

        Example:
            >>> Criterion("metric").cost(Outcome(0.5, metric=0.9)), Criterion().cost(Outcome(0.5))
            (-0.9, 0.5)
        """
        if self.goal == "loss":
            return outcome.loss_at(self.score_at)
        # A network that diverged is right now and then by chance: its metric must not count.
        return math.inf if outcome.metric is None or not outcome.ok else -outcome.metric

    def to_json(self) -> dict[str, Json]:
        """Return the criterion as JSON data.

        Example:
            >>> Criterion().to_json()
            {'goal': 'loss', 'judge': 'final'}
        """
        return {"goal": self.goal, "judge": STORED_SCORE_AT[self.score_at]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Criterion:
        """Return the criterion among the settings or the result of a study; what they leave out has its default.

        Example:
            >>> Criterion.from_json({"goal": "loss", "judge": "final"}).score_at, Criterion.from_json({}).goal
            ('end', 'loss')
        """
        stored = data.get("judge", "end")
        return cls(data.get("goal", "loss"), "end" if stored == STORED_SCORE_AT["end"] else stored)


def _without_metric(trainer: Trainer) -> TaskError:
    return TaskError(
        f"{trainer.name!r} has no metric to maximise.",
        hint="pass metric=... when the task is made, or return {'loss': ..., 'metric': ...}.",
    )
