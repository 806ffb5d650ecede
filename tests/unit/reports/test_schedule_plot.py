import pytest

from surefoot.reports.schedule_plot import schedule_plot
from surefoot.schedules.constant import Constant
from surefoot.schedules.text import parse_schedule


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
