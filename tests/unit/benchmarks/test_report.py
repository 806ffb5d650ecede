"""The report says what the data say: made-up runs with known medians."""

from __future__ import annotations

import math

import pytest

from benchmarks import grid, records
from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import promises_of
from benchmarks.markdown import table
from benchmarks.report import render
from benchmarks.scale import Scale

BEST = grid.load("digits").best
GOOD, BAD = str(BEST.recipe), "sgd(lr=cosine(0.01), momentum=0)"
MACHINE = records.surroundings()


def run(contestant, events, answer=None, *, seconds):
    common = {"task": "digits", "seed": 0, "failed": None}
    cost = {"search_config_steps": 1100, "config_steps": 2200, "steps": 220} if contestant == "surefoot_tune" else {}
    return common | {
        "contestant": contestant, "seconds": seconds, "events": events, "answer": answer, "cost": cost
    }  # fmt: skip


def tune(seed, *, low, high, factor=1.0, **changes):
    fresh = [factor * loss for loss in BEST.fresh]
    row = {"task": "digits", "seed": seed, "recipe": GOOD, "lr": [low * BEST.lr, high * BEST.lr], "fresh": fresh}
    spent = {"search_trainings": 5.0, "confirmation_trainings": 8.0, "seconds": 2.0}
    return row | spent | {"default": [2 * loss for loss in BEST.fresh]} | changes


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    scale = Scale(folder, ("digits",), 1, 20.0, 90.0, {"digits": 4}, 100)
    runs = [
        run("surefoot_tune", [[1.0, BAD, None], [2.0, GOOD, None]], [5.0, GOOD, None], seconds=5.5),
        run("optuna_tpe", [[9.0, BAD, 25], [25.0, BAD, 50], [30.0, GOOD, 60]], seconds=90.0),
        run("adam", [], [4.0, "adam(lr=0.001)", None], seconds=4.1),
    ]
    losses = {GOOD: BEST.fresh, BAD: [9.0], "adam(lr=0.001)": [9.0]}
    judged = [{"task": "digits", "recipe": recipe, "losses": found} for recipe, found in losses.items()]
    records.write(folder / "race.json", {"runs": runs, "judged": judged, "missing": ["ray_asha"], "machine": MACHINE})
    tunes = [tune(seed, low=0.5, high=1.5) for seed in range(4)]
    records.write(folder / "honesty.json", {"tunes": tunes, "machine": MACHINE})
    speeds = {"task": "digits", "us": {"loop": 400.0, "calibrated": 50.0}, "speedup": {"loop": 1.0, "calibrated": 8.0}}
    fleet = speeds | {"over_per_core": 0.9, "share_of_peak": 0.25, "calibration_seconds": 1.5}
    records.write(folder / "fleet.json", {"machine": MACHINE, "results": [fleet]})
    return render(scale, folder), folder


def test_the_targets_stand_beside_what_was_measured(report):
    text, _ = report
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    (incumbent,) = [row for row in rows if "quality, incumbent" in row]
    (answer,) = [row for row in rows if "quality, answer" in row]
    assert "| 15.0x | ✓ |" in incumbent
    assert "| ≥ 18.0x | ✓ |" in answer  # nothing good after 50 trials: it was watched for 90 seconds
    assert next(row for row in rows if "throughput on digits" in row).endswith("| 8.0x | ✗ |")
    assert next(row for row in rows if "never under 0.95x" in row).endswith("| lowest 0.90x, digits | ✗ |")
    assert "| digits | 400 | 8.0 | 25% | 1.5 |" in rows
    assert next(row for row in rows if "1000 trials" in row).endswith("| not measured |")
    assert next(row for row in rows if "200 diverges" in row).endswith("| 0 of 40 | not measured |")


def test_contestants_that_are_not_installed_are_named(report):
    assert "**Missing, for their packages are not installed**: ray_asha." in report[0]


def test_every_contestant_has_a_row_and_every_plot_is_there(report):
    text, folder = report
    assert all(f"| {contestant.title} |" in text for contestant in CONTESTANTS)
    assert all((folder / name).stat().st_size > 1000 for name in ("time_to_quality-digits.svg", "intervals.svg"))


def test_promises_are_counted_over_all_tunes():
    rows = [
        tune(0, low=0.5, high=2.0),
        tune(1, low=1.1, high=2.2, factor=1.1, search_trainings=6.5),
        tune(2, low=0.9, high=1.0, factor=3.0),
        {"task": "digits", "seed": 3, "recipe": None, "lr": None, "search_trainings": 1.0,
         "confirmation_trainings": 0.0, "seconds": 1.0},
    ]  # fmt: skip
    rows[2]["fresh"] = [None, *rows[2]["fresh"][1:]]
    found = promises_of("digits", rows)
    assert (found.covered, found.covers_best_cell, found.beats_default, found.good) == (0.5, 0.5, 0.5, 0.25)
    assert (found.width, found.diverged, found.search) == (pytest.approx(2.0), (1, 30), 6.5)


def test_numbers_of_a_data_file_come_back():
    assert records.losses(records.numbers([0.25, math.inf, math.nan])) == [0.25, math.inf, math.inf]


def test_tables_are_markdown():
    assert table(["a", "b"], [["c", "1"]]) == "| a | b |\n| --- | ---: |\n| c | 1 |\n"
