import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.unit.reports.parsed import Page, asks_nothing

from surefoot.core.errors import OutputError
from surefoot.core.formatting import format_number
from surefoot.plots.figure_registry import figures_of
from surefoot.reports.check_page import check_html, write_check_html
from surefoot.wording.verdicts import EVIDENCE_LABELS


@pytest.fixture(scope="module")
def page(checked):
    return Page(check_html(checked, environment={"python": "3.11.7"}, command="surefoot check wine"))


def test_nothing_is_fetched(page):
    assert asks_nothing(page)


def test_the_page_leads_with_the_verdict_and_the_advice(page, checked):
    assert page.texts("p", **{"class": "headline"})[0].startswith("The learning rate is too low")
    assert checked.findings[0].why in page.texts("p")
    assert page.texts("p", **{"class": "advice"}) == [f"Use {checked.recipe}"]
    code = page.texts("code", id="pytorch")[0]
    assert f"lr={checked.recipe.lr.highest:g}" in code


def test_every_setting_tried_has_its_row(page, checked):
    rows = page.texts("th", scope="row")
    assert len(rows) == len({row.hyperparameters for row in checked.trials})
    assert rows.count("0.0001 (yours)") == 1
    assert rows.count(f"{format_number(checked.recipe.lr.highest)} (advised)") == 1
    assert len(page.texts("td", **{"data-label": "Momentum"})) == len(rows)


def test_the_figures_are_those_of_the_notebook_with_their_captions(page, checked):
    data = json.loads("".join(next(parts for tag, each, parts in page.elements if each.get("id") == "data")))
    for spec, figure in zip(data["specs"], figures_of(checked), strict=True):
        assert {name: list(rows) for name, rows in spec["datasets"].items()} == figure.chart.to_dict()["datasets"]
    captions = page.texts("figcaption")
    assert len(captions) == 3
    assert "with mini-batches the limit is lower" in captions[1]
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_numbers_behind_the_verdict_have_names(page, checked):
    assert set(checked.findings[0].evidence) <= set(EVIDENCE_LABELS)
    assert set(page.texts("dt")) >= {EVIDENCE_LABELS[name] for name in checked.findings[0].evidence}
    assert format_number(checked.curvature.sharpness.value) in page.texts("dd")


def test_a_page_without_a_map_says_why(lost):
    page = Page(check_html(lost))
    assert page.texts("p", **{"class": "headline"}) == ["Diverged"]
    assert any(text.startswith("There is no map of stability: the recipe diverged") for text in page.texts("p"))
    assert len(page.texts("figcaption")) == 2
    assert page.texts("code", id="pytorch") == []
    assert "diverged" in page.texts("td")


def test_a_name_cannot_break_out_of_the_page(checked):
    evil = "</script><script>alert(1)</script><b>"
    text = check_html(replace(checked, task=evil), command=evil, environment={evil: evil})
    assert "alert(1)</script>" not in text
    assert evil in Page(text).texts("h1")[0]


def test_the_page_is_written_whole_or_not_at_all(checked, tmp_path):
    write_check_html(checked, tmp_path / "check.html")
    assert (tmp_path / "check.html").read_text(encoding="utf-8") == check_html(checked)
    with pytest.raises(OutputError, match="cannot write"):
        write_check_html(checked, tmp_path / "no" / "check.html")
