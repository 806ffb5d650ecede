from __future__ import annotations

import math
from dataclasses import replace

import pytest

from surefoot.core.errors import TaskError
from surefoot.fleet.plan import Plan
from surefoot.search.request import Aim
from surefoot.tasks.loader import load
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Curve, Outcome


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
    assert Aim(goal).cost(Outcome(loss, metric)) == cost


def test_the_best_on_the_way_is_what_a_kept_checkpoint_gives():
    outcome = Outcome(0.5, valid=Curve((10, 20), (0.3, 0.4)))
    assert (Aim().cost(outcome), Aim(judge="best").cost(outcome)) == (0.5, 0.3)


def test_a_task_without_a_metric_and_an_unknown_goal_are_refused_in_one_line():
    trainer = FleetTrainer(replace(load("wine"), metric=None), Plan("stacked", 2))
    with pytest.raises(TaskError, match=r"'wine' has no metric to maximise\. Hint: ") as refused:
        Aim("metric").require(trainer)
    assert "\n" not in str(refused.value)
    with pytest.raises(TaskError, match="a goal is one of loss, metric; given 'acc'"):
        Aim("acc").require(trainer)
    with pytest.raises(TaskError, match="judge is one of final, best; given 'last'"):
        Aim(judge="last").require(trainer)
