"""The report in a real browser, opened as a file, without a network."""

import pytest

from surefoot.export.pytorch import pytorch_code
from surefoot.reports.check_page import write_check_html
from surefoot.reports.explain_page import write_explain_html
from surefoot.reports.search_page import write_search_html

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
DRAWN = "html[data-drawn]"


@pytest.fixture(scope="module")
def report(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_search_html(made, path, environment={"python": "3.11"}, command="surefoot tune wine --budget 12x")
    return path


@pytest.fixture
def opened(browser, report):
    """Return a function that opens the report; requests and errors are recorded, and no request leaves."""
    contexts = []

    def open_page(viewport=DESKTOP, path=report, **options):
        context = browser.new_context(viewport=viewport, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda entry: page.errors.append(entry.text) if entry.type in ("error", "warning") else None)
        page.goto(path.as_uri())
        page.wait_for_selector(DRAWN, timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_nothing_is_fetched_and_there_are_no_errors(opened, report):
    page = opened()
    assert page.requests == [report.as_uri()]
    assert page.errors == []


def test_every_chart_is_drawn_with_marks_and_text(opened):
    page = opened()
    charts = page.evaluate(
        """() => [...document.querySelectorAll('.chart')].map((chart) => {
            const svg = chart.querySelector('svg.marks');
            const box = svg.getBoundingClientRect();
            return {width: box.width, height: box.height, inside: box.right <= chart.getBoundingClientRect().right + 1,
                    marks: svg.querySelectorAll('.mark-symbol path, .mark-line path, .mark-rect path').length,
                    text: svg.textContent};
        })"""
    )
    assert len(charts) == 6
    for chart in charts:
        assert chart["width"] > 300
        assert chart["height"] > 150
        assert chart["inside"]
        assert chart["marks"] > 0
    heat, frontier, good_range, compared, curves, schedule = (chart["text"] for chart in charts)
    assert "recommended" in heat
    assert "recommended: 200 steps" in frontier
    assert "learning rate (peak)" in good_range
    assert "default (lr 0.01" in compared
    assert "training loss" in curves
    assert "step" in schedule


def test_the_copy_button_copies_the_code(opened, made):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.click('[data-copies="pytorch"]')
    page.wait_for_function("document.querySelector('[data-copies=pytorch]').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == pytorch_code(made.recipe, steps=made.steps).strip()


def test_the_copy_button_works_without_clipboard_permission(opened, made):
    page = opened()
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused'));"
        " document.addEventListener('copy', () => { window.copied = getSelection().toString(); }); }"
    )
    page.click('[data-copies="command"]')
    page.wait_for_function("window.copied !== undefined")
    assert page.evaluate("window.copied") == "surefoot tune wine --budget 12x"


def test_a_telephone_shows_it_without_scrolling_sideways(opened):
    page = opened(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    overflowing = page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, h3, p, figcaption, th, td, dd, .chart svg.marks')]
            .filter((each) => each.offsetParent !== null || each.tagName === 'svg')
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5)
            .map((each) => each.tagName + ' ' + each.textContent.slice(0, 40))"""
    )
    assert overflowing == []


def test_figures_follow_the_dark_colour_scheme(opened):
    page = opened(color_scheme="light")
    paper = "document.querySelector('#chart-0 svg.marks').getAttribute('style') || ''"
    ground = "getComputedStyle(document.body).backgroundColor"
    by_day = page.evaluate(paper), page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"({paper}) !== {by_day[0]!r}")
    assert page.evaluate(ground) != by_day[1]
    assert page.evaluate("document.querySelectorAll('.chart svg.marks').length") == 6
    assert page.errors == []


def test_a_page_of_diverged_trials_is_drawn(opened, diverged, tmp_path):
    write_search_html(diverged, tmp_path / "report.html")
    page = opened(path=tmp_path / "report.html")
    assert "Every trial diverged" in page.inner_text(".headline")
    assert page.evaluate("document.querySelectorAll('.chart svg.marks').length") == 2
    assert page.errors == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", ["checked", "lost"])
def test_the_page_of_a_check_is_drawn_and_fits(opened, tmp_path, request, name, viewport):
    path = tmp_path / "check.html"
    write_check_html(request.getfixturevalue(name), path, environment={"python": "3.11"}, command="surefoot check wine")
    figures = {"checked": 3, "lost": 2}[name]
    page = opened(viewport, path=path)
    assert page.requests == [path.as_uri()]
    assert page.errors == []
    assert page.evaluate("document.querySelectorAll('.chart svg.marks').length") == figures
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert "yours" in page.inner_text("#chart-0")


@pytest.fixture(scope="module")
def explained():
    from surefoot.explanation.explain import explain
    from surefoot.fleet.plan import Plan

    # One of every kind of figure, and the table.
    claims = ["low-rate", "one-number", "momentum-replaces", "momentum-widens"]
    return explain("wine", claims=claims, seeds=2, budget="80x", plan=Plan("stacked", 16, threads=1))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_the_page_of_an_explanation_is_drawn_and_fits(opened, tmp_path, explained, viewport):
    path = tmp_path / "explanation.html"
    commands = {claim.name: f"surefoot explain wine --claim {claim.name} --seeds 2" for claim in explained.claims}
    write_explain_html(explained, path, commands=commands, environment={"python": "3.11"}, command="surefoot explain")
    page = opened(viewport, path=path)
    assert page.requests == [path.as_uri()]
    assert page.errors == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    charts = page.evaluate(
        """() => [...document.querySelectorAll('.chart svg.marks')].map((svg) => ({
            inside: svg.getBoundingClientRect().right <= svg.closest('.chart').getBoundingClientRect().right + 1,
            text: svg.textContent}))"""
    )
    assert all(chart["inside"] for chart in charts)
    seen = ("training loss", "largest stable learning rate", "best", "learning rate / (1 - momentum)")
    assert len(charts) == len(seen)
    for text, chart in zip(seen, charts, strict=True):
        assert text in chart["text"]
    assert [each.inner_text() for each in page.query_selector_all(".contrast tbody th")] == [
        row.respect for row in explained.comparison
    ]
    assert len(page.query_selector_all(".overview .verdict")) == 4
