"""Values at the edges of a training, and where schedules are cut short."""

import numpy as np
import pytest

from surefoot.schedules import SCHEDULES
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.schedule import value_table
from surefoot.schedules.text import parse_schedule


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("warmup", ["", ", warmup=50%", ", warmup=500"])
def test_the_shortest_trainings_have_finite_values(name, total, warmup):
    values = parse_schedule(f"{name}(0.3{warmup})").values(np.arange(total + 1), total)
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 0.3


@pytest.mark.parametrize(
    ("text", "total", "expected"),
    [
        ("cosine(1, warmup=2)", 4, [0.0, 0.5, 1.0, 0.5, 0.0]),
        ("cosine(1, warmup=10)", 4, [0.0, 0.25, 0.5, 0.75, 1.0]),  # a warmup longer than the training
        ("cosine(1, warmup=1%)", 4, [1.0, 0.8535533905932737, 0.5, 0.14644660940672627, 0.0]),  # one of no whole step
        ("1 for 2 then 2", 4, [1.0, 1.0, 2.0, 2.0, 2.0]),
        ("1 for 0 then 2", 3, [2.0, 2.0, 2.0, 2.0]),
        ("1 for 10 then 2", 3, [1.0, 1.0, 1.0, 1.0]),
        ("linear(1) for 10 then 2", 3, [1.0, 0.9, 0.8, 0.7]),
        ("linear(1) for 50% then linear(1, warmup=25%)", 8, [1, 0.75, 0.5, 0.25, 0, 0.5, 1, 0.5, 0]),
        ("multistep(1, drop=0.5, at=0+2)", 3, [0.5, 0.5, 0.25, 0.25]),
        ("step(1, drop=0.5, every=1%)", 3, [1.0, 0.5, 0.25, 0.125]),  # every at least one step
        ("onecycle(1, start=0, final=0, rise=50%, shape=linear)", 6, [0.0, 0.5, 1.0, 2 / 3, 1 / 3, 0.0, 0.0]),
        ("onecycle(1, final=0, rise=1, shape=linear)", 3, [1.0, 0.5, 0.0, 0.0]),
        ("onecycle(1, start=0, rise=100%, shape=linear)", 3, [0.0, 0.5, 1.0, 1.0]),
        ("wsd(1, decay=0%)", 3, [1.0, 1.0, 1.0, 0.0]),
        ("wsd(1, decay=100%, final=0.5)", 2, [1.0, 0.75, 0.5]),
        ("triangular(1, low=0.5, up=1, down=2)", 6, [0.5, 1.0, 0.75, 0.5, 1.0, 0.75, 0.5]),
        ("cosine_restarts(1, period=2, growth=2, shrink=0.5)", 7, [1, 0.5, 0.5, 0.4267766952966369, 0.25, None, 0.25]),
    ],
)
def test_courses_worked_out_by_hand(text, total, expected):
    values = parse_schedule(text).values(np.arange(total + 1), total)
    for value, known in zip(values, expected, strict=False):
        assert known is None or value == pytest.approx(known, abs=1e-12)


def test_a_schedule_that_grows_without_end_is_infinite_and_no_warning():
    assert parse_schedule("exponential(1, rate=1e9, every=1)").value(1000, total=1000) == np.inf


def test_percentages_inside_a_part_are_of_the_whole_training():
    schedule = parse_schedule("0.1 for 50% then step(0.2, drop=0.5, every=10%)")
    assert [schedule.value(step, total=100) for step in (49, 50, 59, 60)] == [0.1, 0.2, 0.2, 0.1]


def test_a_table_of_no_members_is_empty():
    assert value_table([], totals=[], first_steps=[], steps=3).shape == (0, 3)


def test_a_table_goes_on_past_the_end_with_the_last_value():
    rows = value_table(
        [parse_schedule("linear(1)"), OneCycle(1.0, final=0.5)], totals=[2, 2], first_steps=[1, 2], steps=3
    )
    np.testing.assert_allclose(rows, [[0.5, 0.0, 0.0], [0.5, 0.5, 0.5]])
