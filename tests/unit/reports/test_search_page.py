import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise

import pytest
from tests.unit.reports.parsed import Page, asks_nothing

from surefoot.core.errors import OutputError
from surefoot.core.formatting import format_number
from surefoot.export.pytorch import pytorch_code
from surefoot.plots.figure_registry import figures_of
from surefoot.reports.search_page import search_html, write_search_html
from surefoot.wording.search import boundary_warning, good_range_text, search_cost, search_headline

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(made):
    return Page(
        search_html(
            made, environment={"python": "3.11.7", "packages": {"torch": "2.13.0"}}, command="surefoot tune wine"
        )
    )


def test_nothing_is_fetched(page):
    assert asks_nothing(page)


def test_the_library_is_there_once(made):
    text = search_html(made)
    assert text.count("window.vegaEmbed") == 1
    assert len(text) < 2_000_000


def test_headings_are_nested_and_every_figure_has_a_caption(page):
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    charts = [each for each in page.all("div") if each.get("role") == "img"]
    assert len(charts) == len(page.texts("figcaption")) == len(page.texts("h3")) == 6
    assert all(len(each["aria-label"]) > 60 for each in charts)
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {each["aria-labelledby"] for _, each, _ in page.elements if "aria-labelledby" in each} <= set(ids)


def test_the_specifications_are_those_of_the_figures(page, made):
    data = json.loads("".join(next(parts for tag, each, parts in page.elements if each.get("id") == "data")))
    for spec, figure in zip(data["specs"], [figure.chart for figure in figures_of(made)], strict=True):
        assert spec["width"] == "container"
        assert {name: list(rows) for name, rows in spec["datasets"].items()} == figure.to_dict()["datasets"]


def test_the_page_leads_with_the_recommendation(page, made):
    assert page.texts("p", **{"class": "headline"})[0].replace("\xa0", " ") == search_headline(made)
    rows = page.texts("th", scope="row")
    assert rows[0] == f"recommended (cosine){made.recipe}"
    assert len(rows) == len(made.trained_recipes) + len(made.frontier) + len(made.by_momentum)
    assert good_range_text(made) in [text.replace("\xa0", " ") for text in page.texts("p")]
    assert search_cost(made) in page.texts("dd")


def test_the_code_is_the_recipe_to_paste(made):
    text = search_html(made)
    code = re.search(r'<code id="pytorch">(.*?)</code>', text, re.DOTALL).group(1)
    assert unescape(re.sub(r"<[^>]+>", "", code)).strip() == pytorch_code(made.best.recipe, steps=made.steps).strip()
    assert '<span class="kn">import</span>' in code


def test_command_and_environment_are_shown_where_they_are_known(page, made):
    assert page.texts("code", id="command") == ["surefoot tune wine"]
    assert "torch 2.13.0" in page.texts("dd")
    bare = Page(search_html(made))
    assert bare.texts("code", id="command") == []
    assert "Repeat this report" not in bare.texts("h2")


def test_a_boundary_is_warned_of(page, made):
    on_edge = replace(made, boundary=("lr",))
    warnings = Page(search_html(on_edge)).texts("p", role="note")
    assert boundary_warning(on_edge) in warnings
    assert len(warnings) == len(page.texts("p", role="note")) + 1


def test_a_name_cannot_break_out_of_the_page(made):
    evil = "</script><script>alert(1)</script><b>"
    text = search_html(replace(made, task=evil), command=evil, environment={evil: evil})
    assert "alert(1)</script>" not in text
    page = Page(text)
    assert evil in page.texts("h1")[0]
    assert page.texts("code", id="command") == [evil]
    assert len(page.all("script")) == len(Page(search_html(made)).all("script"))


def test_divergence_everywhere_makes_a_page_without_code(diverged):
    page = Page(search_html(diverged))
    assert page.texts("p", **{"class": "headline"})[0].startswith("There is no recommendation. Every trial diverged")
    assert page.texts("code", id="pytorch") == []
    assert len(page.texts("h3")) == 2
    assert page.texts("td", **{"data-label": "Validation loss"}) == ["diverged"]
    assert page.texts("h2", id="frontier") == []


def test_the_page_is_written_whole_or_not_at_all(made, tmp_path):
    write_search_html(made, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == search_html(made)
    with pytest.raises(OutputError, match="cannot write"):
        write_search_html(made, tmp_path / "no" / "report.html")


def test_a_transfer_has_a_section_of_its_own(page, transferred):
    with_it = Page(search_html(transferred))
    assert with_it.texts("h2", id="transfer")
    assert page.texts("h2", id="transfer") == []
    cells = with_it.texts("td", **{"data-label": "Best learning rate"})
    assert cells[-5:] == [format_number(0.099666), format_number(0.099666), "8*", format_number(0.070771), "-"]
    assert any("to the power 0.49" in text for text in with_it.texts("p"))
    assert sum("in addition to the budget" in text for text in with_it.texts("p")) == 1


def test_the_frontier_and_the_momenta_have_tables(page, made):
    assert page.texts("td", **{"data-label": "Trials"}) == ["18", "5", "5", "extrapolated"]
    limits = ["-" if row.limit is None else format_number(row.limit) for row in made.momentum_rows()]
    assert page.texts("td", **{"data-label": "Largest usable"}) == limits
    best = [format_number(row.lr) for row in made.momentum_rows()]
    assert page.texts("td", **{"data-label": "Best learning rate"}) == best


def test_a_result_of_a_function_has_no_plan(made):
    assert "plan" in Page(search_html(made)).texts("dt")
    assert "plan" not in Page(search_html(replace(made, plan=None))).texts("dt")


def test_a_find_has_a_page_too(found):
    page = Page(search_html(found))
    assert page.texts("h2", id="numbers") == []
    assert page.texts("h2", id="momenta")
    assert page.texts("code", id="pytorch")
