"""Searches that share one vectorised program train what they would train alone in a plain loop."""

from __future__ import annotations

import math

import pytest
from torch import nn

from benchmarks.contestants.plain_loop import sgd_loop
from benchmarks.regret.lockstep import Lockstep, drive, drive_plainly
from benchmarks.regret.searches import SEARCHES, Search, Start
from surefoot.tasks.loader import load_task

WINE = load_task("wine", steps=27)


def scripted(*starts: tuple[float, float]) -> Search:
    """Train some settings to the end, one after another, and then the last for ever."""
    number = 0
    while True:
        yield Start(*starts[min(number, len(starts) - 1)])
        for _ in range(8):
            yield None
        number += 1


def test_a_place_ends_where_a_plain_loop_ends():
    fleet = Lockstep(WINE, [3, 4])
    fleet.begin(0, 0.05, 0.9)
    fleet.begin(1, 0.2, 0.0)
    fleet.train(10)
    fleet.begin(1, 0.1, 0.5)  # the other place begins anew in the middle
    fleet.train(17)
    assert fleet.valid_loss(0) == pytest.approx(sgd_loop(WINE, lr=0.05, momentum=0.9, seed=3).train(), rel=1e-4)
    fleet.train(10)
    assert fleet.valid_loss(1) == pytest.approx(sgd_loop(WINE, lr=0.1, momentum=0.5, seed=4).train(), rel=1e-4)


def test_batch_statistics_are_those_of_the_place():
    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))

    task = type(WINE)("normalised", model, WINE.loss, WINE.train, WINE.valid, batch_size=16, steps=27)
    fleet = Lockstep(task, [1, 2])
    for place in range(2):
        fleet.begin(place, 0.05, 0.5)
    fleet.train(27)
    for place, seed in enumerate((1, 2)):
        alone = sgd_loop(task, lr=0.05, momentum=0.5, seed=seed).train()
        assert fleet.valid_loss(place) == pytest.approx(alone, rel=1e-4)


def test_searches_driven_together_are_those_driven_alone():
    names = ("optuna-tpe", "asha")
    together = drive(WINE, [(SEARCHES[name](5), 5) for name in names], most=4.0)
    for name, found in zip(names, together, strict=True):
        alone = drive_plainly(WINE, SEARCHES[name](5), seed=5, most=4.0)
        assert [each.recipe for each in found] == [each.recipe for each in alone]
        assert [each.cost for each in found] == pytest.approx([each.cost for each in alone])
        assert [each.loss for each in found] == pytest.approx([each.loss for each in alone], rel=1e-3)


def test_costs_are_counted_in_trainings():
    (found,) = drive(WINE, [(scripted((0.05, 0.5), (0.1, 0.5)), 0)], most=3.0)
    assert [each.cost for each in found] == [1.0, 2.0, 3.0]
    assert all(math.isfinite(each.loss) for each in found)
