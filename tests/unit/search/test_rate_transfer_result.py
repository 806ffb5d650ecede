"""Fitted powers against closed forms, and against least squares written out."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from surefoot.core.statistics import NORMAL_QUANTILE_95
from surefoot.search.rate_transfer_result import Transfer, TransferRow, fit_exponent

STEP = 0.5
UNRESOLVED = STEP * math.log(2) / math.sqrt(12)
NORMAL = NORMAL_QUANTILE_95
# Half width of the interval from the spacing of the rates, with two rows at half and twice the length.
SPACING = NORMAL * UNRESOLVED / 2 / (math.sqrt(2) * math.log(2))


def row(rates, *, of=None, steps=200, batch_size=32, at_edge=False, width=STEP):
    return TransferRow("a change", of, steps, batch_size, tuple(rates), width, at_edge, 0.1, 0.2)


def test_the_interval_of_a_best_rate_is_students_widened_by_the_spacing_of_the_rates():
    rates = [0.1, 0.13, 0.09]
    logs = np.log(rates)
    low, high = stats.t.interval(0.9, 2, loc=logs.mean(), scale=stats.sem(logs))
    half = math.hypot((high - low) / 2, NORMAL * UNRESOLVED)
    found = row(rates)
    assert found.best == pytest.approx(stats.gmean(rates))
    assert math.log(found.interval.low) == pytest.approx(logs.mean() - half)
    assert math.log(found.interval.high) == pytest.approx(logs.mean() + half)


def test_if_all_seeds_agree_the_interval_is_that_of_the_spacing():
    found = row([0.1, 0.1, 0.1]).interval
    assert math.log(found.high / found.low) == pytest.approx(2 * NORMAL * UNRESOLVED)


def test_rows_with_one_rate_are_fitted_to_the_means_of_the_others():
    """The lengths of a frontier have one rate, the task as it was tuned has one for each seed."""
    alone = [row([0.1 * 2**-power], of="steps", steps=100 * 2**power) for power in (-1, 1)]
    found = fit_exponent([row([0.08, 0.125], steps=100), *alone], "steps")
    assert found.value == pytest.approx(-1.0)


def test_an_exact_power_is_found_whatever_factor_each_seed_has():
    seed_factors = np.array([0.5, 1.0, 3.0])
    rows = [
        row(seed_factors * 0.1),
        row(seed_factors * 0.1 * 2**0.7, of="steps", steps=100),
        row(seed_factors * 0.1 * 2**-0.7, of="steps", steps=400),
        row(seed_factors * 5.0, of="batch_size", batch_size=64, steps=100),
    ]
    found = fit_exponent(rows, "steps")
    assert found.value == pytest.approx(-0.7)
    assert found.interval.high - found.value == pytest.approx(SPACING)
    assert [(rule.name, within) for rule, within in found.rules] == [("the same rate", False), ("1/sqrt(steps)", False)]


def test_the_power_and_its_error_are_those_of_least_squares_with_a_column_for_every_seed():
    generator = np.random.default_rng(4)
    sizes = [32, 16, 64]
    rates = 0.1 * np.exp(generator.normal(size=(3, 3)) * 0.3)
    rows = [
        row(own, of=None if size == 32 else "batch_size", batch_size=size)
        for own, size in zip(rates, sizes, strict=True)
    ]
    design = np.column_stack([np.repeat(np.log(sizes), 3), np.tile(np.eye(3), (3, 1))])
    solved, (squares,), _, _ = np.linalg.lstsq(design, np.log(rates).ravel(), rcond=None)
    variance = squares / 5 * np.linalg.inv(design.T @ design)[0, 0]
    found = fit_exponent(rows, "batch_size")
    assert found.value == pytest.approx(solved[0])
    half = math.hypot(stats.t.ppf(0.95, 5) * math.sqrt(variance), SPACING)
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(half)


def test_about_nine_in_ten_intervals_contain_the_true_power():
    """Noise between seeds and the rounding to a grid are drawn 1000 times."""
    generator = np.random.default_rng(1)
    contained = 0
    for _ in range(1000):
        rows = []
        for of, steps in ((None, 200), ("steps", 100), ("steps", 400)):
            spacing = generator.uniform(-1, 1) * UNRESOLVED / 2 * math.sqrt(3)
            logs = -0.5 * math.log(steps) + spacing + 0.1 * generator.normal(size=3)
            rows.append(row(np.exp(logs), of=of, steps=steps))
        contained += -0.5 in fit_exponent(rows, "steps").interval
    assert 880 <= contained <= 990


def test_rows_that_are_bounds_or_diverged_are_left_out_of_the_fit():
    known, bound = row([0.1, 0.1, 0.1]), row([9.0] * 3, of="steps", steps=400, at_edge=True)
    assert fit_exponent([known, bound], "steps") is None
    assert fit_exponent([known, row([], of="steps", steps=400)], "steps") is None
    two = [known, row([0.05, 0.05, 0.05], of="steps", steps=400)]
    assert fit_exponent([*two, bound], "steps").value == pytest.approx(-1.0)


def test_one_seed_gives_no_interval():
    rows = [row([0.1]), row([0.2], of="steps", steps=100)]
    assert fit_exponent(rows, "steps") is None
    assert rows[0].interval is None


def test_a_transfer_is_read_back_from_json():
    diverged = TransferRow("twice batch", "batch_size", 100, 64, (), 0.0, False, math.inf, math.inf)
    found = Transfer((row([0.1, 0.11, 0.3]), diverged), (("half steps", "none left"),), 4200)
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert Transfer.from_json(data) == found
    assert data["rows"][0]["lr"].keys() == {"best", "low", "high", "seeds"}
    assert data["rows"][1]["lr"] is None
    assert data["rows"][1]["loss"] is None
    assert data["exponents"] == []
