"""What is made of the contestants' lines: events, answers, medians, ratios."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib.util import find_spec

import pytest

from benchmarks.contestants import CONTESTANTS
from benchmarks.entries import ENTRIES
from benchmarks.figures import Clock, speedup
from benchmarks.judging import FRESH_SEEDS, Judge
from benchmarks.race import Event, Run, undecided
from benchmarks.scale import FULL, ROOT
from surefoot.tasks.builtin.fashion_mnist import DEBIAN_FOLDER

BEST = [0.3 + 0.001 * number for number in range(len(FRESH_SEEDS))]


def searched():
    """A search whose incumbent changes with trials 1, 3 and 30; stopped after 40 trials."""
    run = Run("digits", "optuna_tpe", 0, seconds=45.0)
    names = {1: "a", 3: "b", 30: "c"}
    recipe = None
    for trial in range(1, 41):
        recipe = names.get(trial, recipe)
        run.note({"trials": trial, "recipe": recipe}, float(trial))
    return run


def test_only_changes_and_trials_where_an_answer_is_due_are_kept():
    assert [(event.trials, event.recipe) for event in searched().events] == [(1, "a"), (3, "b"), (25, "b"), (30, "c")]


def test_a_search_answers_after_its_trials_or_when_its_time_is_over():
    run = searched()
    assert run.delivered(25) == Event(25.0, "b", 25)
    assert run.delivered(50) == Event(45.0, "c", 50)


def test_an_answer_of_its_own_is_its_answer():
    run = Run("digits", "surefoot_tune", 0)
    run.note({"recipe": "a"}, 1.0)
    run.note({"answer": "b", "steps": 220}, 2.0)
    assert (run.delivered(25), run.cost) == (Event(2.0, "b"), {"steps": 220})
    assert Run.from_json(run.to_json()) == run


def test_incumbents_are_judged_in_turn_until_one_is_good():
    judge, run = Judge(None, None, BEST), searched()
    assert [*undecided([run], judge)] == ["b", "c", "c", "a"]
    judge.known = {"b": [9.0], "c": BEST}
    assert [*undecided([run], judge)] == ["a"]
    judge.known["a"] = BEST
    assert [*undecided([run], judge)] == []
    judge.known = {"a": BEST}
    assert [*undecided([run], judge)] == ["b", "c", "c"]


def test_medians_count_seeds_that_found_nothing_as_never():
    found = Clock((3.0, math.inf, 5.0), (40.0, 40.0, 40.0))
    assert (found.median, found.hits) == (5.0, "2/3")
    assert Clock((math.inf, math.inf, 5.0), (40.0, 50.0, 40.0)).median == math.inf


def test_a_ratio_to_a_rival_that_found_nothing_is_a_lower_bound():
    ours, rival = Clock((4.0,), (10.0,)), Clock((math.inf,), (40.0,))
    assert rival.over(ours) == (10.0, True)
    assert Clock((12.0,), (40.0,)).over(ours) == (3.0, False)
    assert ours.over(rival) == (0.0, False)


def test_the_speedup_is_the_median_of_tasks():
    def race(seconds):
        return {"surefoot_tune": Clock((2.0,), (9.0,)), "optuna_tpe": Clock((seconds,), (99.0,))}

    found = speedup({"one": race(4.0), "two": race(20.0), "three": race(8.0), "unfinished": {}})
    assert (found.median, found.lowest) == (4.0, 2.0)


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.module)
def test_every_contestant_is_a_program(contestant):
    assert find_spec(f"benchmarks.contestants.{contestant.module}") is not None


def test_the_watcher_of_the_command_starts_it_at_once():
    """Its own imports are on surefoot's clock: torch is not to be among them."""
    watcher = "import benchmarks.contestants.surefoot_tune, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", watcher], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ENTRIES)
def test_the_tasks_have_the_steps_they_are_listed_with(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    if name == "fashion-cnn" and not DEBIAN_FOLDER.is_dir():
        pytest.skip("its pictures are not on this machine")
    assert ENTRIES[name].load().total_steps == ENTRIES[name].steps


def test_there_are_enough_tunes_to_judge_an_interval_by():
    assert sum(FULL.tunes.values()) >= 180
    assert FULL.tunes.keys() == ENTRIES.keys()
