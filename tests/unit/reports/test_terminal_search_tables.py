from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from tests.recorded.results import on_one_seed

from surefoot.core.formatting import format_measurement, format_number
from surefoot.core.value_types import Score
from surefoot.reports.terminal_search_tables import search_table


def printed(renderable, width, **console):
    file = StringIO()
    Console(file=file, width=width, **console).print(renderable)
    return file.getvalue()


def rows_under(text, head):
    """Return the words of each line of the table whose head ends in a line that ends so."""
    lines = [line.rstrip() for line in text.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.endswith(head))
    rows = lines[start + 2 :]
    return [row.split() for row in rows[: rows.index("")]]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_number_is_whole_at_any_width(made, tuned, found, width):
    for result in (made, tuned, found, replace(made, command="find")):
        text = printed(search_table(result), width)
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        for each in result.trained_recipes:
            assert format_number(each.recipe.lr.peak) in text.split()
            assert format_measurement(each.valid.mean) in text.split()
        for point in result.frontier:
            assert format_measurement(point.loss) in text.split()


def test_wide_numbers_and_all_columns_fit_60_columns(made):
    odd = Score(0.000123456, 0.000023456, 0.000223456, 3)
    found = tuple(replace(each, valid=odd, test=odd, metric=0.000123456) for each in made.trained_recipes)
    points = tuple(
        replace(point, steps=123_456 + k, loss=odd.mean, low=odd.low, high=odd.high)
        for k, point in enumerate(made.frontier)
    )
    text = printed(search_table(replace(made, trained_recipes=found, frontier=points)), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert "…" not in text
    assert text.count("± 0.0001") == 2 * len(found)


def test_the_table_reads_from_the_recommendation_to_the_cost(made):
    result = replace(made, boundary=("momentum",), overfits_after=100, notes=("something else",))
    text = " ".join(printed(search_table(result), 100).split())
    places = [
        text.index(part)
        for part in (
            str(made.recipe),
            "recommended (cosine)",
            "default (constant)",
            "The best validation loss to expect of each length",
            "Good learning rates at momentum",
            "Training for more than 100 steps overfits",
            "Careful: the best momentum lies on the edge",
            "Something else.",
            "trials in",
        )
    ]
    assert places == sorted(places)


def test_the_frontier_marks_the_recommended_length_and_what_is_extrapolated(made):
    rows = rows_under(printed(search_table(made), 120), "trials")
    assert [row[0] for row in rows] == ["25", "50", "100", ">"]
    last = made.frontier[-1]
    assert rows[-1][1:5] == ["200", "100", "%", format_number(last.recipe.lr.highest)]
    assert rows[-1][-1] == "extrapolated"
    assert rows[0][-1] == "18"
    narrow = printed(search_table(made), 60)
    assert rows_under(narrow, "trials")[-2][:2] == [">", "200"]  # the last line is the caption
    assert "0 trials: extrapolated." in narrow


def test_a_find_has_a_table_by_momentum_and_a_tune_has_none(made):
    assert "of several momenta" not in printed(search_table(made), 80)
    text = printed(search_table(replace(made, command="find", trained_recipes=())), 80)
    lines = [line for line in text.splitlines() if line.split()[:1] in (["0"], ["0.5"], ["0.9"], ["0.97"], [">"])]
    first, *others = (line.split() for line in lines if len(line.split()) in (6, 7) and "%" not in line)
    assert first[:4] == ["0", format_number(made.by_momentum[0].lr), "-", "-"]
    marked = next(row for row in others if row[0] == ">")
    assert marked[1] == format_number(made.recipe.momentum.highest)


def test_seeds_have_a_column_where_they_differ(made):
    assert (
        "seeds" not in printed(search_table(replace(made, trained_recipes=made.trained_recipes)), 80).split("steps")[0]
    )
    mixed = replace(made, trained_recipes=(made.best, on_one_seed(made.default)))
    rows = rows_under(printed(search_table(mixed), 120), "seeds")
    assert [row[-1] for row in rows] == ["3", "1"]


def test_colours_follow_terminal_and_environment(made, monkeypatch):
    assert "\x1b[" in printed(search_table(made), 80, force_terminal=True)
    assert "\x1b[" not in printed(search_table(made), 80)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(search_table(made), 80, force_terminal=True)


def test_metric_and_test_loss_have_columns_only_where_there_are_some(made):
    assert "metric" in printed(search_table(made), 80)
    assert "test" not in printed(search_table(made), 80).split()
    other = replace(
        made, trained_recipes=tuple(replace(each, metric=None, test=each.valid) for each in made.trained_recipes)
    )
    assert "metric" not in printed(search_table(other), 80)
    assert "test" in printed(search_table(other), 80).split()


def test_divergence_everywhere_is_reported(diverged):
    text = printed(search_table(diverged), 80)
    assert text.startswith("There is no recommendation. Every trial diverged")
    assert rows_under(text, "loss") == [["default", "0.01", "0.9", "diverged"]]
    assert "recommended" not in text.split()
    assert "expect" not in text.split()


def test_a_transfer_has_a_table_that_fits_a_narrow_terminal(transferred):
    text = printed(search_table(transferred), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert "…" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    half_batch = f"24000 16 {format_number(transferred.transfer.rows[3].best)} ×/÷ 1.3 0.0500 0.0600"
    for row in (half_batch, "6000 64 - - diverged diverged", "24000 32 8* ×/÷ 1.2 0.0000123 diverged"):
        assert sum(line.endswith(row) for line in lines) == 1, row


def test_there_is_no_transfer_where_none_was_asked_for(tuned):
    assert tuned.transfer is None
    assert "batch" not in printed(search_table(tuned), 80)
