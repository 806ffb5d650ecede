from __future__ import annotations

import math
from dataclasses import replace

import pytest

from surefoot.errors import TaskError
from surefoot.recipe import DEFAULT_RECIPE
from surefoot.studies import Measurement
from surefoot.tasks.loader import load
from surefoot.trainers import Outcome, Trial
from surefoot.search.goal import check_goal, cost_of


def measured(loss: float, metric: float | None) -> Measurement:
    return Measurement("search", Trial(DEFAULT_RECIPE, steps=10, seed=0), Outcome(loss, metric))


@pytest.mark.parametrize(
    ("loss", "metric", "goal", "cost"),
    [
        (0.5, 0.9, "loss", 0.5),
        (0.5, 0.9, "metric", -0.9),
        (0.5, -2.0, "metric", 2.0),  # an R² may be negative
        (0.5, None, "metric", math.inf),
        (math.inf, 0.1, "metric", math.inf),  # a network of NaN still hits one class in ten
        (math.inf, 0.1, "loss", math.inf),
    ],
)
def test_cost(loss, metric, goal, cost):
    assert cost_of(measured(loss, metric), goal) == cost


def test_a_task_without_a_metric_and_an_unknown_goal_are_refused_in_one_line():
    with pytest.raises(TaskError, match=r"task 'wine' has no metric to maximise\. Hint: ") as refused:
        check_goal(replace(load("wine"), metric=None), "metric")
    assert "\n" not in str(refused.value)
    with pytest.raises(TaskError, match="a goal is one of loss, metric; given 'acc'"):
        check_goal(load("wine"), "acc")
