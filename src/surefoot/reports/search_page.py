"""The report of a search: one HTML page that holds everything it shows and asks no network for anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.core.formatting import measured, numeral, percent
from surefoot.plots.figures import search_figures
from surefoot.reports.page import Panel, environment_rows, page, panel, write_page
from surefoot.search.result import SearchResult
from surefoot.search.scaling import Transfer
from surefoot.wording.search import (
    best_rate_text,
    bounds_text,
    contestant_name,
    contestants_note,
    cost,
    frontier_note,
    frontier_title,
    good_range_text,
    headline,
    momenta_title,
    notes,
    transfer_notes,
)


@dataclass(frozen=True, slots=True)
class PageRow:
    """A row of a table of the page.

    Attributes:
        head: What the row is about.
        recipe: Its recipe, below the head; empty where there is none.
        cells: The others, in words.
        best: Whether it is the recommended one.
    """

    head: str
    recipe: str
    cells: tuple[str, ...]
    best: bool = False


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of the page.

    Attributes:
        name: Its section's name in links.
        title: Heading.
        columns: Heads of the columns.
        rows: Its rows.
        before: What is said above it.
        after: What is said below it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[PageRow, ...]
    before: str = ""
    after: tuple[str, ...] = ()


def write_html(
    result: SearchResult, path: Path, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> None:
    """Write the report of a find or a tune as one page.

    Args:
        result: What was found.
        path: Of the page.
        environment: What it ran on, as a study keeps it.
        command: What asks for the same again.

    Raises:
        OutputError: If the file cannot be written.
    """
    write_page(html(result, environment=environment, command=command), path)


def html(result: SearchResult, *, environment: Mapping[str, Any] | None = None, command: str | None = None) -> str:
    """Return the page."""
    return page(
        "report.html.j2",
        panels=panels(result),
        recipe=result.recipe,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        headline=headline(result),
        notes=notes(result),
        good_range=good_range_text(result),
        cost=cost(result),
        tables=tables(result),
        plan=environment_rows(result.plan or {}),
    )


def panels(result: SearchResult) -> list[Panel]:
    """Return the figures with how to read them."""
    return [panel(figure.chart, figure.caption) for figure in search_figures(result)]


def tables(result: SearchResult) -> list[PageTable]:
    """Return the tables that there is something in."""
    every = [_contestants(result), _frontier(result), _by_momentum(result)]
    if result.transfer is not None:
        every.append(_transfer(result.transfer))
    return [table for table in every if table.rows]


def _contestants(result: SearchResult) -> PageTable:
    metric = any(found.metric is not None for found in result.contestants)
    test = any(found.test is not None for found in result.contestants)
    rows = [
        PageRow(
            head=contestant_name(found, result),
            recipe=str(found.recipe),
            cells=(
                measured(found.valid.mean),
                bounds_text(found.valid) or "not known",
                *["" if found.metric is None else measured(found.metric)] * metric,
                *["" if found.test is None else measured(found.test.mean)] * test,
                str(found.valid.seeds),
            ),
            best=found is result.best,
        )
        for found in result.contestants
    ]
    columns = ("Recipe", "Validation loss", "90 % interval", *["Metric"] * metric, *["Test loss"] * test, "Seeds")
    note = contestants_note(result)
    return PageTable("numbers", "Trained in full", columns, tuple(rows), after=(note,) if note else ())


def _frontier(result: SearchResult) -> PageTable:
    rows = [
        PageRow(
            head=f"{point.steps:,}",
            recipe=str(point.recipe),
            cells=(
                percent(point.steps / result.full_steps),
                measured(point.loss),
                f"{measured(point.low)} to {measured(point.high)}"
                if math.isfinite(point.low) and math.isfinite(point.high)
                else "not known",
                str(point.trials) if point.trials else "extrapolated",
            ),
            best=result.recipe is not None and point.steps == result.steps,
        )
        for point in result.frontier
    ]
    columns = ("Steps", "Of the full training", f"Expected {_what(result)}", "90 % interval", "Trials")
    note = frontier_note(result)
    before, after = frontier_title(result), (note,) if note else ()
    return PageTable("frontier", "What each length gives", columns, tuple(rows), before=before, after=after)


def _what(result: SearchResult) -> str:
    return "metric" if result.aim.goal == "metric" else "loss"


def _by_momentum(result: SearchResult) -> PageTable:
    rows = [
        PageRow(
            head=numeral(row.momentum),
            recipe="",
            cells=(
                numeral(row.lr),
                "-" if row.good is None else f"{numeral(row.good.low)} to {numeral(row.good.high)}",
                "-" if row.limit is None else numeral(row.limit),
                "-" if math.isinf(row.loss) else measured(row.loss),
            ),
            best=result.is_recommended(row),
        )
        for row in (result.momentum_rows() if result.by_momentum else [])
    ]
    columns = ("Momentum", "Best learning rate", "Good", "Largest usable", f"Expected {_what(result)}")
    return PageTable("momenta", "By momentum", columns, tuple(rows), before=momenta_title(result))


def _transfer(found: Transfer) -> PageTable:
    rows = [
        PageRow(
            head=row.change,
            recipe="",
            cells=(
                f"{row.steps:,}",
                f"{row.batch_size:,}",
                best_rate_text(row),
                "not known" if row.interval is None else f"{numeral(row.interval.low)} to {numeral(row.interval.high)}",
                measured(row.loss),
                measured(row.loss_of_answer),
            ),
        )
        for row in found.rows
    ]
    columns = ("Change", "Steps", "Batch size", "Best learning rate", "90 % interval", "Loss there", "Answer's loss")
    title = "If you train longer, or with other batches"
    return PageTable("transfer", title, columns, tuple(rows), after=tuple(transfer_notes(found)))
