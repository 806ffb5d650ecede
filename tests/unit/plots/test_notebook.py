import json

import altair as alt
import pytest

from surefoot.plots import show, show_schedules
from surefoot.plots.notebook import tune_figures
from surefoot.schedules import Cosine, Linear


def test_a_tune_shows_all_its_figures_in_one_chart(tuned):
    chart = show(tuned)
    assert isinstance(chart, alt.VConcatChart)
    titles = [part["title"]["text"] for part in chart.to_dict()["vconcat"]]
    assert titles == [figure.to_dict()["title"]["text"] for figure in tune_figures(tuned)]
    assert len(set(titles)) == 5


def test_a_tune_without_a_recommendation_shows_what_there_is(diverged, words):
    assert len(show(diverged).to_dict()["vconcat"]) == 2
    assert "✕" in words(show(diverged))


def test_a_find_and_schedules_have_their_charts(found, words):
    assert any(text.startswith("wine: start from learning rate") for text in words(show(found)))
    assert "The learning rate over 30 steps" in words(show(Cosine(0.1), steps=30))
    assert {"cosine(0.1)", "linear(0.2)"} <= set(words(show_schedules([Cosine(0.1), Linear(0.2)])))


def test_a_check_has_its_figures(checked, lost, words):
    assert len(show(checked).to_dict()["vconcat"]) == 3
    assert "limit of stability" in words(show(checked))
    assert len(show(lost).to_dict()["vconcat"]) == 2
    for result in (checked, lost):
        text = show(result).to_json()
        assert '"url"' not in text
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="given int"):
        show(3)


def test_data_are_inside_the_specification_and_finite(tuned, found):
    for chart in (show(tuned), show(found)):
        text = chart.to_json()
        assert '"url"' not in text
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_every_figure_says_in_words_what_it_shows(tuned):
    for figure in tune_figures(tuned):
        spec = figure.to_dict()
        assert spec["description"].startswith(spec["title"]["text"])
