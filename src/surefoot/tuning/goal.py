"""What is made as good as possible: a low validation loss, or a high metric."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

from surefoot.errors import TaskError
from surefoot.studies import Measurement
from surefoot.tasks.task import Task

Goal: TypeAlias = Literal["loss", "metric"]
GOALS: tuple[Goal, ...] = get_args(Goal)


def check_goal(task: Task, goal: str) -> None:
    """Make sure that a task has what is asked for.

    Raises:
        TaskError: If there is no such goal, or the task has no metric.
    """
    if goal not in GOALS:
        raise TaskError(f"a goal is one of {', '.join(GOALS)}; given {goal!r}.")
    if goal == "metric" and task.metric is None:
        raise TaskError(f"task {task.name!r} has no metric to maximise.", hint="pass metric=... when the task is made.")


def cost_of(measured: Measurement, goal: Goal) -> float:
    """Return what is minimised: the validation loss, or the metric with its sign turned; infinite after divergence."""
    if goal == "loss":
        return measured.outcome.loss
    # The predictions of a diverged network are right now and then: its metric counts for nothing.
    if measured.outcome.metric is None or not measured.outcome.ok:
        return math.inf
    return -measured.outcome.metric
