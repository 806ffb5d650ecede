"""What holds for every schedule."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.property.strategies import decaying, lengths, numbers, plain, schedules, totals

from surefoot.export.equivalents import python_code
from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.length import Length
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.schedule import Span, value_table
from surefoot.schedules.text import parse_schedule, schedule_text
from surefoot.schedules.wsd import WarmupStableDecay

TWO_ENDED = (Polynomial, Linear, Cosine, WarmupStableDecay)


@given(schedules())
def test_text_round_trip(schedule):
    again = parse_schedule(schedule_text(schedule))
    assert again == schedule
    assert hash(again) == hash(schedule)


@given(schedules(), totals)
def test_values_stay_between_zero_and_the_largest_amplitude(schedule, total):
    values = schedule.values(np.arange(-3, total + 3), total)
    largest = max(schedule.amplitudes())
    assert np.isfinite(values).all()
    assert values.min() >= -1e-12 * largest
    assert values.max() <= largest * (1 + 1e-12)


@given(decaying(numbers()), totals)
def test_decay_never_goes_up_and_ends_where_it_should(schedule, total):
    values = schedule.values(np.arange(total + 1), total)
    assert (np.diff(values) <= 1e-12 * schedule.peak).all()
    if isinstance(schedule, TWO_ENDED):
        assert values[-1] == pytest.approx(schedule.final, abs=1e-12)
        assert values.min() >= schedule.final - 1e-12
        if not isinstance(schedule, WarmupStableDecay):
            assert values[0] == pytest.approx(schedule.peak, abs=1e-12)


@given(numbers(), st.floats(1, 99), st.integers(5, 400))
def test_onecycle_rises_to_the_top_and_falls_after_it(peak, percent, total):
    cycle = OneCycle(peak, rise=Length(percent, percent=True))
    values = cycle.values(np.arange(total), total)
    top = percent * total / 100 - 1
    steps = np.arange(total - 1)
    rising, falling = np.diff(values)[steps + 1 <= top], np.diff(values)[steps >= top]
    assert (rising >= -1e-12).all()
    assert (falling <= 1e-12).all()
    assert values[-1] == pytest.approx(peak / 25e4, abs=1e-12)


@given(plain(numbers()), lengths, numbers(), st.integers(2, 400))
def test_warmup_is_a_line_that_meets_the_schedule_which_then_runs_over_the_rest(schedule, length, start, total):
    warmup = length.steps(total)
    assume(0 < warmup < total)
    values = Warmup(schedule, length, start=start).values(np.arange(total), total)
    rest = schedule.over(np.arange(total - warmup, dtype=np.float64), Span(float(total - warmup), total))
    np.testing.assert_array_equal(values[warmup:], rest)
    np.testing.assert_allclose(
        values[: warmup + 1], np.linspace(start, rest[0], warmup + 1), rtol=0, atol=1e-14 * max(start, rest[0], 1)
    )


@given(numbers(), numbers(), numbers(), st.integers(1, 200), st.integers(1, 200))
def test_parts_that_meet_join_without_a_jump(first, between, last, length, more):
    schedule = Sequence((Linear(first, between), Cosine(between, last)), (Length(length),))
    values = schedule.values(np.arange(length + more + 1), length + more)
    assert values[length] == pytest.approx(between, abs=1e-12)
    steepest = max(abs(first - between) / length, math.pi / 2 * abs(between - last) / more)
    assert np.abs(np.diff(values)).max() <= steepest + 1e-12


@given(schedules(), schedules(), totals, st.integers(0, 50))
def test_each_part_runs_as_a_training_of_its_own_length(first, second, total, length):
    assume(not isinstance(first, Sequence) and not isinstance(second, Sequence))
    values = Sequence((first, second), (Length(length),)).values(np.arange(length + total), length + total)
    for part, here, stretch in ((first, values[:length], length), (second, values[length:], total)):
        own = part.over(np.arange(stretch, dtype=np.float64), Span(float(max(stretch, 1)), length + total))
        np.testing.assert_array_equal(here, own)


@given(st.lists(st.tuples(schedules(), totals, st.integers(0, 500)), min_size=1, max_size=4), st.integers(1, 30))
def test_the_table_has_what_value_says(members, steps):
    members_schedules, member_totals, begins = zip(*members, strict=True)
    rows = value_table(members_schedules, totals=member_totals, first_steps=begins, steps=steps)
    for row, (schedule, total, begin) in zip(rows, members, strict=True):
        assert row.tolist() == [schedule.value(begin + ahead, total) for ahead in range(steps)]


@given(schedules(), totals, st.randoms(use_true_random=False))
def test_values_depend_on_the_step_alone(schedule, total, random):
    steps = [*range(total + 2)]
    course = schedule.values(np.array(steps), total)
    random.shuffle(steps)
    np.testing.assert_array_equal(schedule.values(np.array(steps), total), course[steps])
    assert schedule.value(-7, total) == course[0]
    assert schedule.value(total + 1000, total) == course[total]


@settings(max_examples=200)
@given(schedules(), totals)
def test_the_python_code_says_the_same(schedule, total):
    given_names = {"math": math}
    exec(python_code(schedule, total=total), given_names)
    values = [given_names["lr_at"](step) for step in range(total)]
    expected = schedule.values(np.arange(total), total)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12 * max(1.0, *schedule.amplitudes()))
