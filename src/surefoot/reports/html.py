"""The report of a tune: one HTML page that holds everything it shows and asks no network for anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.numerals import measured, numeral
from surefoot.plots.comparison import Standing, comparison, ranking
from surefoot.plots.heat_map import heat_map
from surefoot.plots.learning_curves import learning_curves
from surefoot.plots.range_test import range_test
from surefoot.plots.schedule import recipe_schedule
from surefoot.reports.page import Panel, page, panel, write_page
from surefoot.reports.sentences import (
    best_rate_text,
    boundary_warning,
    bounds_text,
    cost,
    headline,
    tied_settings,
    transfer_notes,
)
from surefoot.search.result import TuneResult
from surefoot.search.scaling import TransferRow


@dataclass(frozen=True, slots=True)
class Row:
    """A confirmed recipe in the table."""

    name: str
    recipe: str
    loss: str
    bounds: str
    metric: str
    test: str
    best: bool


def write_html(
    result: TuneResult, path: Path, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> None:
    """Write the report of a tune as one page.

    Args:
        result: What the tune found.
        path: Of the page.
        environment: What it ran on, as a study keeps it.
        command: What asks for the same again.

    Raises:
        OutputError: If the file cannot be written.
    """
    write_page(html(result, environment=environment, command=command), path)


def html(result: TuneResult, *, environment: Mapping[str, Any] | None = None, command: str | None = None) -> str:
    """Return the page."""
    rows = [_row(result, standing) for standing in ranking(result)]
    return page(
        "report.html.j2",
        panels=panels(result),
        recipe=None if result.best is None else result.best.recipe,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        headline=headline(result),
        warning=boundary_warning(result),
        tied=tied_settings(result),
        cost=cost(result),
        rows=rows,
        with_metric=any(row.metric for row in rows),
        with_test=any(row.test for row in rows),
        transfer=[_transferred(row) for row in result.transfer.rows] if result.transfer else [],
        transfer_notes=transfer_notes(result.transfer) if result.transfer else [],
    )


def panels(result: TuneResult) -> list[Panel]:
    """Return the figures with how to read them."""
    seeds, best = result.default.valid.seeds, result.best
    tried = panel(
        heat_map(result),
        "Every dot is a setting that the search tried, a cross one that diverged. The colour says how many times its "
        "validation loss is that of the best setting trained as long, the size how long it was trained before better "
        "ones took its place; the squares interpolate between the dots.",
    )
    breaks = []
    if result.ramps:  # there are none where the user bounded the learning rate
        breaks += [
            panel(
                range_test(result.ramps),
                "The learning rate grows at every step: the loss falls where the network learns and shoots up where "
                "training breaks, at the dashed line.",
            )
        ]
    if best is None:
        return [tried, *breaks]
    compared = panel(
        comparison(result),
        f"Dots are the mean validation losses over {seeds} fresh seeds, lines their 90 % intervals, ticks the single "
        "seeds: where lines overlap widely the difference may be luck.",
    )
    curves = panel(
        learning_curves(result),
        "The lower and the sooner, the better; thin lines are single seeds, thick ones their mean. On every seed all "
        "recipes had the same initial weights and the same mini-batches.",
    )
    chart = recipe_schedule(best.recipe, steps=result.steps)
    used = panel(chart, f"What the recommended recipe, {best.recipe}, uses at every step.")
    return [tried, compared, curves, *breaks, used]


def _row(result: TuneResult, standing: Standing) -> Row:
    found = standing.found
    return Row(
        name=standing.name,
        recipe=str(found.recipe),
        loss=measured(found.valid.mean),
        bounds=bounds_text(found.valid) or "not known",
        metric="" if found.metric is None else measured(found.metric),
        test="" if found.test is None else measured(found.test.mean),
        best=found is result.best,
    )


def _transferred(row: TransferRow) -> list[tuple[str, str]]:
    """Return a row of the transfer as pairs of column and text."""
    ends = row.interval
    return [
        ("Change", row.change),
        ("Steps", f"{row.steps:,}"),
        ("Batch size", f"{row.batch_size:,}"),
        ("Best learning rate", best_rate_text(row)),
        ("90 % interval", "not known" if ends is None else f"{numeral(ends.low)} to {numeral(ends.high)}"),
        ("Loss there", measured(row.loss)),
        ("Loss of the answer", measured(row.loss_of_answer)),
    ]
