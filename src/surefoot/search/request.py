"""What is made as good as possible: a low validation loss, or a high metric; at the end, or at the best moment.

What is made as good as possible: a low validation loss, or a high metric; at the end, or at the best moment.

What find or tune was asked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from surefoot.core.budget import Budget
from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress, Silent, Stop, never
from surefoot.core.values import Json
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.samplers.basic import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study
from surefoot.trainers.trial import Judge, Outcome, Trainer

Command: TypeAlias = Literal["find", "tune"]
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


@dataclass(slots=True)
class Request:
    """What find or tune was asked.

    Attributes:
        command: Which of the two.
        subject: A Task or its text, a training function, or a trainer.
        budget: As given.
        seed: Of everything random.
        space: What may be tried.
        sampler: Which points are tried.
        aim: What is made as good as possible.
        compare: Recipes to be trained beside the answer.
        tolerance: Loss over the best, as a share, that is still good.
        study: Where to keep what is measured: a database, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run a task; measured, if not given.
        device: Where to train a task.
        steps: Length of a full training of a function.
        workers: Processes for a function's trials; 0 trains in this one.
        timeout: Seconds after which a function's trial has failed.
        output: Folder for what functions and scripts print; beside the study, if not given.
        started: When the clock of a budget in seconds began to run, by ``time.monotonic``; now, if not given.
        transfer: Whether to measure as well how the answer changes with the batch size.
        progress: Receives what happens.
        stop: Asked often.
    """

    command: Command
    subject: Any
    budget: Budget
    seed: int = 0
    space: SearchSpace = field(default_factory=SearchSpace)
    sampler: Sampler | str = "surefoot"
    aim: Aim = field(default_factory=Aim)
    compare: tuple[Recipe, ...] = ()
    tolerance: float = 0.05
    study: Study | Path | str | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    plan: Plan | None = None
    device: str = "cpu"
    steps: int | None = None
    workers: int = 0
    timeout: float | None = None
    output: Path | None = None
    started: float = field(default_factory=time.monotonic)
    transfer: bool = False
    progress: Progress = field(default_factory=Silent)
    stop: Stop = never


def recipes_of(given: Sequence[Recipe | str]) -> tuple[Recipe, ...]:
    """Return recipes that are given as such or as texts.

    Raises:
        RecipeError: If a text is none.
    """
    return tuple(Recipe.parse(each) if isinstance(each, str) else each for each in given)
