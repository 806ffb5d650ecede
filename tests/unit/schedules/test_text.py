"""Texts of schedules: what is read, and how it is written back."""

import pytest

from surefoot.schedules.scanner import number_text
from surefoot.schedules.text import parse_schedule, schedule_json, schedule_text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("0.1", "0.1"),
        ("1e-4", "0.0001"),
        ("+.5", "0.5"),
        ("constant(0.1)", "0.1"),
        ("constant(0.1, warmup=5%)", "constant(0.1, warmup=5%)"),
        (" cosine ( 0.3 , final = 0 ) ", "cosine(0.3)"),
        ("cosine(peak=0.3)", "cosine(0.3)"),
        ("cosine(0.3,)", "cosine(0.3)"),
        ("cosine(0.3, warmup=5.0%, warmup_start=0.01)", "cosine(0.3, warmup=5%, warmup_start=0.01)"),
        ("multistep(0.1, at=10+50%)", "multistep(0.1, at=10+50%)"),
        ("exponential(0.1, every=7)", "exponential(0.1, every=7)"),
        ("wsd(0.1, shape=sqrt)", "wsd(0.1, shape=sqrt)"),
        ("0 for 5 then linear(1)for 10% then 2", "0 for 5 then linear(1) for 10% then 2"),
        ("cosine(0.1,warmup=5)\n\tfor 10 then 0.1", "cosine(0.1, warmup=5) for 10 then 0.1"),
    ],
)
def test_texts_are_written_in_one_way(given, written):
    assert schedule_text(parse_schedule(given)) == written
    assert parse_schedule(written) == parse_schedule(given)


@pytest.mark.parametrize("number", [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, 123456789.0, -0.0, 2.0**53])
def test_numbers_lose_no_bit(number):
    assert float(number_text(number)) == number


def test_json_of_a_constant_is_a_number():
    assert schedule_json(parse_schedule("constant(2)")) == 2.0
    assert schedule_json(parse_schedule("constant(2, warmup=5)")) == "constant(2, warmup=5)"
