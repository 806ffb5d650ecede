import html
import inspect
import json
import re

import altair as alt
import numpy as np
import pytest

import surefoot
from surefoot.core.plugins import PluginWarning
from surefoot.plots.chart import write_chart
from surefoot.plots.figure_registry import FIGURES, FigureKind, figure_kinds, figures_of, save, show, show_schedules
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.polynomial import Linear
from surefoot.surfaces.quadratics import Ravine

pytestmark = pytest.mark.slow


def titles_of(chart):
    return [part["title"]["text"] for part in chart.to_dict()["vconcat"]]


def test_a_tune_shows_all_its_figures_in_one_chart(made):
    chart = show(made)
    assert isinstance(chart, alt.VConcatChart)
    assert titles_of(chart) == [figure.chart.to_dict()["title"]["text"] for figure in figures_of(made)]
    assert len(set(titles_of(chart))) == 6


def test_a_search_without_a_recommendation_shows_what_there_is(diverged, words):
    assert len(titles_of(show(diverged))) == 2
    assert "✕" in words(show(diverged))


def test_a_find_has_no_figures_of_full_trainings(found):
    assert len(titles_of(show(found))) == 4
    assert "How the loss falls while training" not in titles_of(show(found))


def test_schedules_have_their_charts(words):
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


def test_a_thing_without_figures_is_refused():
    with pytest.raises(TypeError, match="given int"):
        show(3)


def test_a_figure_that_is_registered_is_drawn_with_its_caption(monkeypatch, made):
    twice = FigureKind(type(made), FIGURES["heat_map"].draw, lambda result: f"Of {result.task}.")
    monkeypatch.setitem(FIGURES, "twice", twice)
    assert [(figure.name, figure.caption) for figure in figures_of(made)][-1] == ("twice", "Of wine.")


def test_figures_of_plugins_follow_and_what_is_no_figure_is_left_out(monkeypatch, made):
    extra = FigureKind(type(made), FIGURES["frontier"].draw, "An extra one.")
    monkeypatch.setattr("surefoot.core.plugins.plugins", lambda group: {"extra": extra, "broken": 3})
    with pytest.warns(PluginWarning, match="'broken' of surefoot.figures was left out"):
        assert [*figure_kinds()][-1] == "extra"


def test_contours_have_their_size_in_a_column(explained):
    """In a column Vega knows no width of a single chart: an image sized by it would vanish."""
    images = [
        layer["mark"]
        for part in show(explained).to_dict()["vconcat"]
        for layer in part["layer"]
        if layer["mark"]["type"] == "image"
    ]
    assert images
    assert all(isinstance(mark["width"], int) and isinstance(mark["height"], int) for mark in images)


def test_data_are_inside_the_specification_and_finite(tuned, found):
    for chart in (show(tuned), show(found)):
        text = chart.to_json()
        assert '"url"' not in text
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_every_figure_has_a_description_and_a_caption(tuned):
    for figure in figures_of(tuned):
        spec = figure.chart.to_dict()
        assert spec["description"].startswith(spec["title"]["text"])
        assert figure.caption.endswith(".")


@pytest.fixture(scope="module")
def explained():
    from surefoot.surfaces import surface_named

    return surefoot.explain(surface_named("ravine"), claims=["momentum-damps", "low-rate"], seeds=2, steps=60)


@pytest.fixture(scope="module")
def log():
    from surefoot.logs.training_log import Series, TrainingLog

    steps = np.arange(200)
    losses = np.exp(-steps / 50) + 0.1
    losses[150:] = np.nan
    return TrainingLog("train.csv", train=Series(steps, losses), lr=Series(steps, np.full(200, 0.3)))


@pytest.fixture(scope="module")
def watch():
    from torch import nn
    from torch.optim import SGD

    model = nn.Linear(1, 1)
    seen = surefoot.Watch(model, SGD(model.parameters(), lr=0.25, momentum=0.5), print_fn=None, overhead=None)
    for step in range(40):
        seen.step(2.0 * 0.9**step)
    return seen


@pytest.fixture(scope="module")
def small(explained, log, watch):
    """What no other test here has a picture of."""
    return {
        "explain, a claim": explained.claims[0],
        "diagnose": surefoot.diagnose(log),
        "a log": log,
        "descend": surefoot.descend("ravine", ["sgd(lr=0.1)"], steps=9),
        "slice_loss": surefoot.slice_loss(Ravine(), ["sgd(lr=0.1)"], points=7, steps=30),
        "Watch": watch,
        "Recipe": surefoot.Recipe.parse("sgd(lr=cosine(0.3), momentum=linear(0.8, final=0.9))"),
    }


@pytest.fixture(scope="module")
def results(tuned, found, checked, explained, small):
    """Whatever the library's public functions and classes give that is a result."""
    known = {"tune": tuned, "find": found, "check": checked, "explain": explained}
    return known | {"a schedule": Cosine(0.3)} | small


def test_there_is_a_figure_of_every_result_of_the_library(results):
    functions = {name for name in surefoot.__all__ if inspect.isfunction(getattr(surefoot, name))}
    asked = {name.split(",")[0] for name in results}
    assert functions - {"load_task", "trial"} | {"Recipe", "Watch"} <= asked


def test_every_figure_is_a_picture_without_a_browser_and_a_page_without_a_network(results, small, tmp_path):
    for result in results.values():
        assert show(result).to_dict()["config"]
    for name in ("explain, a claim", "diagnose", "descend", "Watch"):
        save(small[name], tmp_path / "a.svg")
        assert "<path" in (tmp_path / "a.svg").read_text()
    save(results["descend"], tmp_path / "a.html")
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", (tmp_path / "a.html").read_text())


def test_ipython_shows_a_figure_and_obeys_another_renderer(results):
    formatters = pytest.importorskip("IPython.core.formatters", reason="only notebooks need it; make test has it")
    shown, _ = formatters.DisplayFormatter().format(show(results["descend"]))
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', shown["text/html"])[1])
    assert "vegaEmbed(" in page
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", page)
    assert "cdn." not in page
    with alt.renderers.enable("svg"):
        other, _ = formatters.DisplayFormatter().format(show(results["descend"]))
    assert other["image/svg+xml"].startswith("<svg")


def test_a_name_cannot_end_the_script_of_a_picture_saved_as_a_page(tmp_path):
    result = surefoot.descend("ravine", ["sgd(lr=0.1)"], steps=5)
    chart = show(result).properties(title="</script><script>alert(1)</script>")
    write_chart(chart, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "</script><script>alert" not in page
    assert "alert(1)" in page
