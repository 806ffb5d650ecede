"""The report says what the data say: made-up runs with known figures."""

from __future__ import annotations

import math

import pytest

from benchmarks import cold_start, deadline, driver, good_range, records
from benchmarks.markdown import table
from benchmarks.report import render
from benchmarks.scale import Scale

MACHINE = records.surroundings()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    speeds = {"task": "digits", "us": {"loop": 400.0, "calibrated": 50.0}, "speedup": {"loop": 1.0, "calibrated": 8.0}}
    fleet = speeds | {"over_per_core": 0.9, "share_of_peak": 0.25, "calibration_seconds": 1.5}
    runs = [
        {"task": "digits", "seed": seed, "asked": 10, "taken": taken, "status": 0, "recommends": True, "trained": True}
        for seed, taken in enumerate((9.0, 10.0, 12.0))
    ]
    rates = [{"lr": lr, "losses": [loss] * 5} for lr, loss in ((0.1, 1.0), (0.2, 1.04), (0.3, 1.2), (0.4, None))]
    row = {"task": "digits", "search": "find", "draw": 0, "steps": 220, "range": [0.1, 0.4], "true": [0.1, 1.6]}
    found = row | {"bounded": True, "best": {"lr": 0.1, "losses": [1.0] * 5}, "rates": rates}
    data = {
        "fleet.json": {"results": [fleet]},
        cold_start.FILE: {"rounds": [{"import": 2.0, "tune": 5.0}]},
        deadline.FILE: {"runs": runs},
        driver.FILE: {"trials": 1010, "driver_seconds": 1.0, "training_seconds": 4.0},
        good_range.FILE: {"ranges": [found, row | {"search": "tune", "range": None}]},
    }
    for name, own in data.items():
        records.write(folder / name, own | {"machine": MACHINE})
    scale = Scale(folder, ranges=2, deadline_runs=3, cold_starts=1, trials=100)
    return render(scale, folder).splitlines()


def test_the_targets_stand_beside_what_was_measured(report):
    rows = [line for line in report if line.startswith("| ")]
    assert next(row for row in rows if "throughput on digits" in row).endswith("| 8.0x | ✗ |")
    assert next(row for row in rows if "never under 0.95x" in row).endswith("| lowest 0.90x, digits | ✗ |")
    assert next(row for row in rows if "memory: a study" in row).endswith("| not measured |")


@pytest.mark.parametrize(
    "row",
    [
        "| digits | 400 | 8.0 | 25% | 1.5 |",
        "| digits | 10 | 10.0 | 12.0 | 3 of 3 | 3 of 3 |",
        "| 1 | 2.00 | 5.00 | 2.50 |",
        "| 1010 | 1.0 | 4.0 | 25% |",
        "| all by `find` | 1 | 1 | 50% | 50% | 50% | 5 of 20 |",
        "| all by `tune` | 1 | 0 | – | – | – | 0 of 0 |",
    ],
)
def test_every_part_has_its_table(report, row):
    assert row in report


def test_parts_without_data_have_no_section(tmp_path):
    text = render(Scale(tmp_path, ranges=2, deadline_runs=3, cold_starts=1, trials=100), tmp_path)
    assert not {"## Good ranges", "## Deadlines", "## Cold start", "## The driver"} & set(text.splitlines())


def test_numbers_of_a_data_file_come_back():
    assert records.losses(records.numbers([0.25, math.inf, math.nan])) == [0.25, math.inf, math.inf]


def test_tables_are_markdown():
    assert table(["a", "b"], [["c", "1"]]) == "| a | b |\n| --- | ---: |\n| c | 1 |\n"
