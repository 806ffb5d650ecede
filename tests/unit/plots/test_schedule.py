from __future__ import annotations

import pytest

from surefoot.plots.schedule import recipe_schedule, schedule_figure, schedule_plot
from surefoot.recipe.recipe import Recipe
from surefoot.schedules import SCHEDULES
from surefoot.schedules.constant import Constant
from surefoot.schedules.text import parse_schedule


@pytest.mark.parametrize(
    "text", ["cosine(0.3, warmup=5%)", "step(0.3, every=30%)", "linear(0, final=0.1) for 9 then cosine(0.1)"]
)
def test_the_line_is_the_schedule_at_every_step(text, drawn):
    one = parse_schedule(text)
    ((mark, _, rows),) = drawn(schedule_figure(one, steps=60))
    assert mark == "line"
    assert [row["step"] for row in rows] == list(range(60))
    assert [row["value"] for row in rows] == pytest.approx([one.value(step, 60) for step in range(60)], rel=1e-5)


def test_a_long_training_is_sampled_from_the_first_step_to_the_last(drawn):
    ((_, _, rows),) = drawn(schedule_figure(parse_schedule("cosine(0.3)"), steps=1_000_000))
    assert len(rows) <= 1500
    assert (rows[0]["step"], rows[-1]["step"]) == (0, 999_999)


def test_several_schedules_have_their_names_in_the_legend(words):
    named = {
        name: parse_schedule("multistep(0.1, at=50%)" if name == "multistep" else f"{name}(0.1)") for name in SCHEDULES
    }
    assert set(named) <= set(words(schedule_figure(named, steps=100)))


def test_a_constant_momentum_is_in_the_subtitle_and_a_changing_one_is_drawn(drawn, words):
    constant = recipe_schedule(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.8)"), steps=50)
    assert len(drawn(constant)) == 1
    assert any("momentum 0.8 throughout" in text for text in words(constant))
    moving = recipe_schedule(Recipe.parse("sgd(lr=cosine(0.3), momentum=linear(0.85, final=0.95))"), steps=50)
    _, (_, encoding, rows) = drawn(moving)
    assert encoding["y"]["axis"]["orient"] == "right"
    assert (rows[0]["value"], rows[-1]["value"]) == pytest.approx((0.85, 0.948))


def braille_rows(text):
    """Return column -> number of the first line with a dot in it."""
    lines = text.splitlines()
    columns = range(max(map(len, lines)))
    tops = {
        x: next((y for y, line in enumerate(lines) if x < len(line) and "⠀" < line[x] <= "⣿"), None) for x in columns
    }
    return {x: y for x, y in tops.items() if y is not None}


@pytest.mark.parametrize(("width", "height"), [(40, 10), (72, 16), (120, 30)])
def test_a_falling_line_falls_across_the_whole_width(width, height):
    text = schedule_plot(parse_schedule("linear(0.5)"), 300, width=width, height=height)
    assert len(text.splitlines()) <= height
    assert max(map(len, text.splitlines())) <= width
    tops = [row for _, row in sorted(braille_rows(text).items())]
    assert tops == sorted(tops)
    assert tops[-1] - tops[0] >= height - 7
    assert len(tops) >= width - 10


def test_a_plot_names_the_schedule_and_its_values():
    text = schedule_plot(parse_schedule("cosine(0.3, warmup=5%)"), 1000)
    assert "cosine(0.3, warmup=5%)" in text
    assert "0.3" in text.split("┤")[0]
    assert "1,000" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_trainings_can_be_plotted(total):
    assert braille_rows(schedule_plot(Constant(0.1), total, width=40, height=10))
    assert schedule_plot(Constant(0.0), total, width=40, height=10)


def test_plots_do_not_run_into_one_another():
    import plotext

    first = schedule_plot(parse_schedule("cosine(0.3)"), 100)
    plotext.figure.draw(plotext.figure.signal([0, 1], [7, 0]))  # somebody else's, on the figure that all share
    assert schedule_plot(parse_schedule("cosine(0.3)"), 100) == first
