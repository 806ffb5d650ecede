"""The rivals' plain loop trains what a fleet trains: the same start, the same batches, the same schedule."""

from __future__ import annotations

import math

import pytest

from benchmarks.contestants.plain_loop import sgd_loop
from benchmarks.contestants.space import recipe_text
from benchmarks.regret.training import train
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task

WINE = load_task("wine", steps=30)


def test_it_ends_where_the_fleets_member_ends():
    ((found,),) = train(WINE, Plan("stacked", 8), [(Recipe.parse(recipe_text(0.05, 0.9)), 30)], [3])
    assert sgd_loop(WINE, lr=0.05, momentum=0.9, seed=3).train() == pytest.approx(found, rel=1e-4)


def test_a_training_that_is_reported_on_the_way_is_the_same_training():
    whole, parts = (sgd_loop(WINE, lr=0.05, momentum=0.9, seed=3) for _ in range(2))
    for step in (7, 20, 30):
        parts.train_to(step)
        parts.valid_loss()
    assert parts.valid_loss() == whole.train()


def test_a_training_that_diverges_has_an_infinite_loss():
    assert sgd_loop(WINE, lr=1e12, momentum=0.9, seed=3).train() == math.inf
