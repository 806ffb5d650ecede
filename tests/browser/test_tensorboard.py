"""The HPARAMS tab in a browser: its table is sorted, its parallel coordinates have a line for every setting."""

import pytest
from tests.board import tensorboard_of

from surefoot.reports.tensorboard import training_runs, write_tensorboard

CELLS = """(cells) => cells
    .map((cell) => { const box = cell.getBoundingClientRect();
                     return [Math.round(box.top), box.left, cell.innerText.trim()]; })
    .filter(([top, , text]) => top > 0 && text)"""


@pytest.fixture(scope="module")
def page(browser, made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_tensorboard(made, folder)
    with tensorboard_of(folder) as address:
        context = browser.new_context(viewport={"width": 1600, "height": 1400})
        shown = context.new_page()
        shown.complaints = []
        shown.on("pageerror", lambda error: shown.complaints.append(str(error)))
        shown.goto(f"{address}#hparams")
        shown.get_by_text("trial-000/map-25", exact=True).first.wait_for(timeout=30_000)
        yield shown
        context.close()


def losses_of(page):
    """Return what stands below the head of the validation losses, from the top."""
    cells = sorted(page.locator("vaadin-grid-cell-content").evaluate_all(CELLS))
    column = next(left for _, left, text in cells if text == "validation loss")
    return [float(text) for _, left, text in cells if abs(left - column) < 3 and text != "validation loss"]


def choose(page, menu, item):
    page.get_by_label(menu).click()
    page.locator("paper-item:visible").get_by_text(item, exact=True).first.click()


@pytest.mark.parametrize(("direction", "reverse"), [("Descending", True), ("Ascending", False)])
def test_the_table_is_sorted_by_validation_loss_both_ways(page, made, direction, reverse):
    finite = {run.group for run in training_runs(made) if not run.diverged}
    choose(page, "Sort by", "validation loss")
    choose(page, "Direction", direction)
    losses = []
    for _ in range(50):  # the grid moves its cells once the answer is there, and says so nowhere
        losses = losses_of(page)
        if losses and losses == sorted(losses, reverse=reverse):
            break
        page.wait_for_timeout(100)
    assert losses == sorted(losses, reverse=reverse)
    assert len(losses) == len(finite)
    assert len(set(losses)) > len(losses) / 2


def test_parallel_coordinates_have_a_line_for_every_setting_that_has_its_values(page, made):
    page.get_by_text("PARALLEL COORDINATES VIEW").click()
    page.locator("tf-hparams-parallel-coords-plot svg").wait_for()
    axes = page.locator("tf-hparams-parallel-coords-plot svg g.axis").count()
    assert axes >= 6
    drawn = page.locator("tf-hparams-parallel-coords-plot svg g.foreground path").count()
    assert drawn >= len(made.trained_recipes)
    assert page.complaints == []
