"""The criterion by which a search compares trainings."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from surefoot.core.errors import TaskError
from surefoot.fleet.plan import Plan
from surefoot.search.criterion import Criterion
from surefoot.tasks.loader import load_task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Curve, Outcome


@pytest.mark.parametrize(
    ("loss", "metric", "goal", "cost"),
    [
        (0.5, 0.9, "loss", 0.5),
        (0.5, 0.9, "metric", -0.9),
        (0.5, -2.0, "metric", 2.0),  # an R² may be negative
        (0.5, None, "metric", math.inf),
        (math.inf, 0.1, "metric", math.inf),  # a diverged network is still right about one class in ten
        (math.inf, 0.1, "loss", math.inf),
    ],
)
def test_the_cost_is_the_loss_or_the_negative_metric(loss, metric, goal, cost):
    assert Criterion(goal).cost(Outcome(loss, metric)) == cost


def test_the_best_loss_on_the_way_counts_if_checkpoints_are_kept():
    outcome = Outcome(0.5, valid=Curve((10, 20), (0.3, 0.4)))
    assert (Criterion().cost(outcome), Criterion(score_at="best").cost(outcome)) == (0.5, 0.3)


def test_a_task_without_a_metric_and_unknown_values_are_refused_in_one_line():
    trainer = FleetTrainer(replace(load_task("wine"), metric=None), Plan("stacked", 2))
    with pytest.raises(TaskError, match=r"'wine' has no metric to maximise\. Hint: ") as refused:
        Criterion("metric").validate(trainer)
    assert "\n" not in str(refused.value)
    with pytest.raises(TaskError, match="goal is one of loss, metric; given 'acc'"):
        Criterion("acc").validate(trainer)
    with pytest.raises(TaskError, match="score_at is one of end, best; given 'last'"):
        Criterion(score_at="last").validate(trainer)


@pytest.mark.parametrize("criterion", [Criterion(), Criterion("metric"), Criterion(score_at="best")])
def test_a_criterion_is_read_back_from_the_json_of_studies(criterion):
    assert Criterion.from_json(criterion.to_json()) == criterion


def test_studies_keep_the_key_and_the_values_they_were_first_written_with():
    assert Criterion().to_json() == {"goal": "loss", "judge": "final"}
    assert Criterion.from_json({"goal": "loss", "judge": "best"}).score_at == "best"
