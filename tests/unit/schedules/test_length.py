"""Lengths: steps or percent."""

import pytest

from surefoot.core.errors import RecipeError
from surefoot.schedules.length import Length


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ("5%", Length(5, percent=True)),
        (" 12.5% ", Length(12.5, percent=True)),
        (".5%", Length(0.5, percent=True)),
        ("1e2", Length(100)),
        ("500", Length(500)),
        (500, Length(500)),
        (500.0, Length(500)),
        ("0%", Length(0, percent=True)),
        ("100%", Length(100, percent=True)),
        (Length(7), Length(7)),
    ],
)
def test_what_is_a_length(given, length):
    assert Length.of(given) == length
    assert Length.of(str(length)) == length


@pytest.mark.parametrize(
    "given",
    [
        None,
        True,
        "",
        "%",
        "-5",
        "-5%",
        "5 %",
        "101%",
        "1.5",
        "1e400",
        "nan",
        "nan%",
        "five",
        "5%5",
        [5],
        2e15,
        pytest.param(10**5000, id="huge"),
    ],
)
def test_what_is_no_length(given):
    with pytest.raises(RecipeError, match="given") as raised:
        Length.of(given)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("amount", [None, "5", float("nan"), -1, 0.5, True])
def test_a_length_made_in_python_is_checked_too(amount):
    with pytest.raises(RecipeError):
        Length(amount)


def test_half_steps_hint_at_percent():
    with pytest.raises(RecipeError, match="write 5% for a share"):
        Length.of("0.5")


@pytest.mark.parametrize(("text", "total", "steps"), [("5%", 220, 11), ("33%", 10, 3), ("0.1%", 10, 0), ("7", 3, 7)])
def test_whole_steps(text, total, steps):
    assert Length.of(text).steps(total) == steps


def test_exact_keeps_the_fraction():
    assert Length.of("33%").exact(10) == pytest.approx(3.3)
