"""The search's targets on made-up runs with known figures."""

from __future__ import annotations

import math

import pytest

from benchmarks.regret.curves import Curve
from benchmarks.regret.judge import Judge
from benchmarks.regret.targets import cost_ratio, targets

BEST = [1.0] * 10


def run(task, contestant, recommendations):
    return {"task": task, "contestant": contestant, "draw": 0, "recommendations": recommendations}


@pytest.fixture
def rows():
    known = {("good", 100): BEST, ("fair", 100): [1.08] * 10, ("bad", 100): [2.0, math.inf]}
    judges = {name: Judge(name, BEST, known) for name in ("short", "long")}
    runs = [
        run("short", "surefoot", [[1.0, "bad", 100], [3.0, "good", 100]]),
        run("long", "surefoot", [[1.0, "fair", 100], [3.0, "good", 100]]),
        run("short", "optuna-tpe", [[3.0, "fair", 100], [9.0, "good", 100]]),
        run("long", "optuna-tpe", [[1.0, "fair", 100]]),
    ]
    return [*targets(runs, judges, {"short": 300, "long": 4000}, ["short"])]


def row_of(rows, words):
    return next(row for row in rows if words in row[0])


def test_short_trainings_are_judged_after_three_and_long_ones_after_one(rows):
    assert row_of(rows, "2000 steps and more")[1:] == ["8%, 1 answers", "✗"]
    assert row_of(rows, "200 to 500 steps")[1:] == ["0%, 1 answers", "✓"]
    assert row_of(rows, "within 5%")[1:] == ["50% of 2", "✗"]
    assert row_of(rows, "within 10%")[1:] == ["100% of 2", "✓"]
    assert row_of(rows, "overfits")[1:] == ["0%, 1 answers", "✓"]


def test_the_rival_pays_until_it_is_as_good(rows):
    assert row_of(rows, "cost of Optuna")[1:] == ["2.0x in the median, 1.0x on the worst of 2", "✗"]


def test_trainings_that_diverge_are_counted(rows):
    assert row_of(rows, "that diverge")[1:] == ["1 of 32", "✗"]


def test_a_search_without_an_answer_pays_more_than_any_rival():
    nothing, rival = Curve("a", {1.0: (math.inf,)}), Curve("b", {1.0: (0.4,)})
    assert cost_ratio(nothing, rival, 1.0) == 0.0
    assert cost_ratio(rival, Curve("b", {1.0: (0.6,)}), 1.0) == math.inf


def test_what_was_not_run_is_not_measured():
    assert {row[2] for row in targets([], {}, {}, [])} == {"not measured"}
