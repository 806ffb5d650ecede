"""Regret against cost: the arithmetic of grids, searches, judgements and curves, without a training."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.regret import grid
from benchmarks.regret.contestants import CONTESTANTS, at_costs, sampler_seed, tuned
from benchmarks.regret.curves import Curve, cost_to_reach, curves, quantile
from benchmarks.regret.grid import Cell, edges, lengths_of, surrounding, truth_of, valley, within
from benchmarks.regret.judge import Judge, regret
from benchmarks.regret.runs import missing
from benchmarks.regret.searches import COSTS, SEARCHES, Ended, Recommendation, Start, boundaries, recommendations
from benchmarks.regret.tasks import DEVELOPMENT, ENTRIES, QUICK, TEST


def test_regret_is_the_logarithm_of_the_ratio_of_means():
    assert regret([0.2, 0.4], [0.1, 0.2]) == pytest.approx(math.log(2))


def test_regret_compares_on_the_seeds_that_were_trained():
    assert regret([0.2], [0.1, 50.0]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("losses", [[0.1, math.inf], []])
def test_regret_is_infinite_where_a_seed_diverged_or_there_is_none(losses):
    assert regret(losses, [0.1, 0.1]) == math.inf


def test_a_judge_knows_the_length_of_a_recommendation():
    judge = Judge("a", [0.1] * 10, {("r", 10): [0.2] * 10, ("r", 5): [0.1] * 10})
    assert judge.regret("r", 10) == pytest.approx(math.log(2))
    assert judge.regret("r", 5) == pytest.approx(0.0)
    assert judge.regret("r", 2) is None
    assert judge.regret(None, 10) == math.inf


def test_quantiles_are_numpys_where_all_is_finite():
    values = np.random.default_rng(0).uniform(size=17).tolist()
    for share in (0.0, 0.3, 0.5, 0.9, 1.0):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_quantiles_beside_infinity():
    assert quantile([1.0, 2.0, math.inf], 0.5) == 2.0
    assert quantile([math.inf, math.inf], 0.5) == math.inf
    assert math.isnan(quantile([], 0.5))


def test_the_cost_of_a_regret_is_interpolated_in_its_logarithm():
    assert cost_to_reach([1.0, 4.0, 16.0], [0.5, 0.3, 0.1], 0.2) == pytest.approx(8.0)
    assert cost_to_reach([1.0, 4.0], [0.1, 0.05], 0.2) == 1.0
    assert cost_to_reach([1.0, 4.0], [math.inf, 0.1], 0.2) == 4.0
    assert cost_to_reach([1.0, 4.0], [0.5, 0.3], 0.2) == math.inf


def test_a_curve_counts_answers_within_a_limit():
    curve = Curve("a", {1.0: (0.0, math.log(1.04), math.log(1.06), math.inf)})
    assert curve.within(1.0, 0.05) == 0.5
    assert math.isnan(curve.within(3.0, 0.05))


def test_curves_gather_tasks_and_draws_and_leave_out_what_was_not_judged():
    judge = Judge("a", [0.1], {("r", 10): [0.1]})
    run = {"task": "a", "contestant": "c", "recommendations": [[1.0, None, 10], [2.0, "r", 10], [3.0, "s", 10]]}
    found = curves([run, run | {"task": "unknown"}], {"a": judge})
    assert found["c"].regrets == {1.0: (math.inf,), 2.0: (0.0,)}


def test_a_search_recommends_the_best_complete_training():
    ended = [Ended(0.5, "pruned", math.inf), Ended(1.5, "a", 0.4), Ended(2.5, "b", 0.5), Ended(3.5, "c", 0.3)]
    found = recommendations(ended, 100, [1.0, 2.0, 3.0, 4.0])
    assert [each.recipe for each in found] == [None, "a", "a", "c"]


def test_a_budget_that_was_exceeded_counts_for_the_next_cost():
    found = at_costs([Recommendation(1.01, "a", 10), Recommendation(2.5, "b", 5)], most=4.0)
    assert [(each.cost, each.recipe) for each in found[2:]] == [(1.0, "a"), (2.0, "a"), (3.0, "b"), (4.0, "b")]


@pytest.mark.parametrize("steps", [3, 9, 220, 1000])
def test_reports_end_with_the_training(steps):
    found = boundaries(steps)
    assert found == sorted(set(found))
    assert (found[0] >= 1, found[-1]) == (True, steps)
    assert len(found) == min(9, steps)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_the_same_again(name):
    def play() -> list[Start | None]:
        search = SEARCHES[name](3)
        asked = [next(search)]
        for number in range(40):
            asked.append(search.send(1.0 / (1 + number % 7)))
        return asked

    assert play() == play()


def test_a_search_is_told_of_nine_reports_and_begins_anew_where_a_training_diverges():
    search = SEARCHES["optuna-gp"](0)
    next(search)
    assert [search.send(0.5) for _ in range(8)] == [None] * 8
    assert isinstance(search.send(0.5), Start)
    assert isinstance(search.send(math.inf), Start)


def test_the_truth_is_the_best_of_all_lengths():
    cells = [
        Cell(0.0, 0.5, 100, [1.0], [0.4, 0.6]),
        Cell(1.0, 0.5, 50, [1.0], [0.2, 0.4]),
        Cell(2.0, 0.5, 100, [0.1]),
    ]
    truth = truth_of(cells)
    assert (truth.cell, truth.full, truth.loss) == (cells[1], cells[0], pytest.approx(0.3))
    assert truth.log_error == pytest.approx(np.std([0.2, 0.4], ddof=1) / math.sqrt(2) / 0.3)


def test_lengths_are_halved_while_there_are_enough_steps():
    assert lengths_of(3000) == [3000, 1500, 750, 375, 188, 94]
    assert lengths_of(30) == [30]
    assert lengths_of(400, (1, 8)) == [400, 50]


def test_the_valley_its_surroundings_and_the_edges():
    cells = [Cell(float(power), 0.0, 10, [abs(power - 3) + 1.0]) for power in range(5)]
    assert [cell.power for cell in within(cells, 2.0)] == [2.0, 3.0, 4.0]
    assert [cell.power for cell in surrounding(cells, count=1)] == [2.5, 3.5]
    assert edges(cells) == (False, False)
    assert edges(cells[:3]) == (False, True)
    assert edges(cells[3:]) == (True, False)


def test_a_lucky_cell_leaves_others_in_the_valley():
    cells = [Cell(float(power), 0.0, 10, [1.0 + power]) for power in range(40)]
    cells[7].search = [0.01]
    assert len(valley(cells)) == 16
    assert len(valley([Cell(0.0, 0.0, 10, [1.0]) for _ in range(40)])) == 30


def test_a_cell_keeps_the_effective_rate():
    cell = Cell(-2.0, 0.9, 10)
    assert cell.lr / (1 - cell.momentum) == pytest.approx(0.25)
    assert str(cell.recipe) == "sgd(lr=cosine(0.025), momentum=0.9)"


def test_only_runs_that_went_as_far_are_done():
    chosen = [each for each in CONTESTANTS if each.name in {"adam", "asha"}]
    runs = [
        {"task": "a", "contestant": "adam", "draw": 0, "most": 18.0},
        {"task": "a", "contestant": "asha", "draw": 0, "most": 6.0},
        {"task": "b", "contestant": "adam", "draw": 1, "most": 18.0},
    ]
    waiting = missing(runs, "a", chosen, 2, most=18.0)
    assert [(each.name, draw) for each, draw in waiting] == [("asha", 0), ("asha", 1), ("adam", 1)]


def test_development_and_test_tasks_are_apart():
    assert not DEVELOPMENT.keys() & TEST.keys()
    assert set(QUICK) <= set(ENTRIES)
    assert (len(DEVELOPMENT), len(TEST), COSTS[-1]) == (11, 12, 18.0)


@pytest.mark.parametrize("name", [name for name in ENTRIES if grid.path_of(name).exists()])
def test_the_grids_kept_as_data_say_what_their_cells_say(name):
    data = grid.records.read(grid.path_of(name))
    if not data["complete"]:
        pytest.skip("not complete")
    truth = truth_of(grid.load(name))
    assert data["best"]["recipe"] == str(truth.cell.recipe)
    assert data["best"]["steps"] == truth.cell.steps
    assert data["best"]["loss"] == pytest.approx(truth.loss, rel=1e-4)


def test_a_search_draws_other_settings_on_every_task():
    seeds = {sampler_seed(name, task, draw) for name in SEARCHES for task in TEST for draw in range(5)}
    assert len(seeds) == len(SEARCHES) * len(TEST) * 5
    assert all(0 <= seed < 2**32 for seed in seeds)  # NumPy takes no others


def test_surefoot_is_asked_with_every_budget_and_pays_what_it_spent(monkeypatch):
    def tune(task, *, budget, seed, study, plan):
        asked.append((budget, seed))
        assert (study.name, plan) == ("study.db", None)
        steps = round(1.5 * float(budget.removesuffix("x")) * task.total_steps)
        return SimpleNamespace(recipe=f"after {budget}", steps=50, config_steps=steps, plan=None)

    asked = []
    monkeypatch.setattr("surefoot.tune", tune)
    found = tuned(SimpleNamespace(total_steps=100), 3, 2.0)
    assert asked == [("0.25x", 3), ("0.5x", 3), ("1x", 3), ("2x", 3)]
    assert [each.recipe for each in found] == [None, "after 0.25x", "after 0.5x", "after 1x"]
    assert found[-1].steps == 50
