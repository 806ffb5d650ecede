from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from surefoot.numerals import measured, numeral
from surefoot.recipe import Recipe
from surefoot.reports.terminal import find_table, schedule_plot, tune_table
from surefoot.schedules import Constant, parse_schedule
from surefoot.values import Interval


def printed(renderable, width, **console):
    file = StringIO()
    Console(file=file, width=width, **console).print(renderable)
    return file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_number_is_whole_at_any_width(tuned, width):
    text = printed(tune_table(tuned), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for found in tuned.contestants:
        assert numeral(found.recipe.lr.peak) in text.split()
        assert measured(found.valid.mean) in text.split()


def test_the_tune_table_reads_from_the_recommendation_to_the_cost(tuned):
    text = " ".join(printed(tune_table(replace(tuned, boundary=("momentum",))), 100).split())
    places = [
        text.index(part)
        for part in (
            str(tuned.best.recipe),
            "recommended",
            "default, same schedule",
            "Just as good",
            "Careful: the best momentum lies on the edge",
            "recipes tried",
        )
    ]
    assert places == sorted(places)


def test_the_optimizer_stands_beside_the_name_where_several_were_tried(tuned):
    assert "(sgd)" not in printed(tune_table(tuned), 60)
    adam = Recipe.parse("adam(lr=0.001)")
    mixed = replace(tuned, default=replace(tuned.default, recipe=adam))
    text = printed(tune_table(mixed), 60)
    assert "(sgd)" in text
    assert "(adam)" in text
    assert "…" not in text


def test_colours_are_left_out_where_they_are_not_wanted(tuned, found, monkeypatch):
    assert "\x1b[" in printed(tune_table(tuned), 80, force_terminal=True)
    assert "\x1b[" not in printed(tune_table(tuned), 80)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(tune_table(tuned), 80, force_terminal=True)
    assert "\x1b[3" not in printed(find_table(found), 80, force_terminal=True)


def test_metric_and_test_loss_have_columns_only_where_there_are_some(tuned):
    assert "metric" in printed(tune_table(tuned), 80)
    assert "test" not in printed(tune_table(tuned), 80)

    def without(found):
        return replace(found, metric=None, test=found.valid)

    other = replace(
        tuned,
        contestants=tuple(map(without, tuned.contestants)),
        default=without(tuned.default),
        default_scheduled=without(tuned.default_scheduled),
    )
    assert "metric" not in printed(tune_table(other), 80)
    assert "test" in printed(tune_table(other), 80)


def test_divergence_everywhere_is_told_plainly(diverged):
    text = printed(tune_table(diverged), 80)
    assert text.startswith("There is no recommendation. Every setting diverged")
    assert text.count("diverged") >= 3  # the headline and both defaults
    assert "recommended" not in text


@pytest.mark.parametrize("width", [60, 80])
def test_find_shows_every_momentum_and_marks_the_suggested(found, width):
    text = printed(find_table(found), width)
    assert max(map(len, text.splitlines())) <= width
    usable, limits = (line.split() for line in text.splitlines() if line.lstrip().startswith("> "))
    row = next(row for row in found.ranges if row.momentum == found.suggestion.momentum)
    assert usable[1] == limits[1] == f"{row.momentum:g}"
    assert [numeral(row.low), numeral(row.best)] == usable[2:4]
    assert numeral(row.limit) == limits[2]
    assert [numeral(row.prior), numeral(row.limit / (1 - row.momentum))] == limits[-3:-1]
    for row in found.ranges:
        assert measured(row.best_loss) in text


def test_find_with_wide_numbers_still_fits_60_columns(found):
    odd = 0.000123456
    rows = tuple(
        replace(
            row, low=odd, best=odd, high=odd, limit=odd, prior=odd, best_interval=Interval(odd, 4 * odd),
            limit_interval=Interval(odd, 4 * odd),
        )
        for row in found.ranges
    )  # fmt: skip
    text = printed(find_table(replace(found, ranges=rows)), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("×/÷ 2") == 2 * len(rows)


def test_a_find_without_anything_usable_has_dashes(found):
    rows = tuple(
        replace(row, low=None, best=None, high=None, limit=None, prior=None, best_interval=None, limit_interval=None)
        for row in found.ranges
    )
    text = printed(find_table(replace(found, ranges=rows, suggestion=None, reason="nothing learned.")), 80)
    assert text.startswith("There is no suggestion. Nothing learned.")
    lines = [line.split() for line in text.splitlines() if line.strip().startswith("0.9 ")]
    assert lines == [["0.9", *"-----"], ["0.9", *"-----"]]


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


def test_a_transfer_has_a_table_that_fits_a_narrow_terminal(transferred):
    text = printed(tune_table(transferred), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert "…" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    half_batch = f"24000 16 {numeral(transferred.transfer.rows[3].best)} ×/÷ 1.3 0.0500 0.0600"
    for row in (half_batch, "6000 64 - - diverged diverged", "24000 32 8* ×/÷ 1.2 0.0000123 diverged"):
        assert sum(line.endswith(row) for line in lines) == 1, row


def test_there_is_no_transfer_where_none_was_asked_for(tuned):
    assert tuned.transfer is None
    assert "batch" not in printed(tune_table(tuned), 80)
