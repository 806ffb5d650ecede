"""The report of a find or a tune as an HTML page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.core.formatting import format_bounds, format_interval, format_measurement, format_number, format_percent
from surefoot.plots.figure_registry import figures_of
from surefoot.reports.page import PageFigure, environment_rows, page, write_page
from surefoot.reports.terminal_search_tables import EXTRAPOLATED, target_name
from surefoot.search.rate_transfer_result import Transfer
from surefoot.search.result import SearchResult
from surefoot.wording.search import (
    best_rate_text,
    frontier_note,
    frontier_title,
    good_range_text,
    momentum_table_title,
    search_cost,
    search_headline,
    search_notes,
    trained_recipe_name,
    trained_recipes_note,
    transfer_notes,
)

NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class PageRow:
    """A row of a table of the page.

    Attributes:
        title: What the row is about.
        recipe: The recipe below the title; empty where there is none.
        cells: The other columns, in words.
        is_recommended: Whether the row is about the recommended recipe.
    """

    title: str
    recipe: str
    cells: tuple[str, ...]
    is_recommended: bool = False


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of the page.

    Attributes:
        name: Anchor of its section, for links.
        title: Heading of its section.
        columns: Titles of the columns.
        rows: The rows.
        text_above: Text between heading and table.
        notes_below: Notes below the table.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[PageRow, ...]
    text_above: str = ""
    notes_below: tuple[str, ...] = ()


def write_search_html(
    result: SearchResult, path: Path, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> None:
    """Write the report of a find or a tune as an HTML page.

    Args:
        result: What find or tune returned.
        path: Path of the page.
        environment: Versions and hardware that the search ran with, as its study records them.
        command: Command that repeats the search.

    Raises:
        OutputError: If the file cannot be written.
    """
    write_page(search_html(result, environment=environment, command=command), path)


def search_html(
    result: SearchResult, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> str:
    """Return the report of a find or a tune as an HTML page; arguments as those of :func:`write_search_html`."""
    return page(
        "search.html.j2",
        figures=[PageFigure.of(figure) for figure in figures_of(result)],
        recipe=result.recipe,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        headline=search_headline(result),
        notes=search_notes(result),
        good_range=good_range_text(result),
        cost=search_cost(result),
        tables=_tables(result),
        plan=environment_rows(result.plan or {}),
    )


def _tables(result: SearchResult) -> list[PageTable]:
    """Return the tables that have rows."""
    tables = [_trained_recipes_table(result), _frontier_table(result), _momentum_table(result)]
    if result.transfer is not None:
        tables.append(_transfer_table(result.transfer))
    return [table for table in tables if table.rows]


def _trained_recipes_table(result: SearchResult) -> PageTable:
    has_metric = any(trained.metric is not None for trained in result.trained_recipes)
    has_test = any(trained.test is not None for trained in result.trained_recipes)
    rows = [
        PageRow(
            title=trained_recipe_name(trained, result),
            recipe=str(trained.recipe),
            cells=(
                format_measurement(trained.valid.mean),
                format_bounds(trained.valid) or NOT_KNOWN,
                *["" if trained.metric is None else format_measurement(trained.metric)] * has_metric,
                *["" if trained.test is None else format_measurement(trained.test.mean)] * has_test,
                str(trained.valid.seeds),
            ),
            is_recommended=trained is result.best,
        )
        for trained in result.trained_recipes
    ]
    optional = [*["Metric"] * has_metric, *["Test loss"] * has_test]
    columns = ("Recipe", "Validation loss", "90 % interval", *optional, "Seeds")
    note = trained_recipes_note(result)
    return PageTable("numbers", "Trained in full", columns, tuple(rows), notes_below=(note,) if note else ())


def _frontier_table(result: SearchResult) -> PageTable:
    rows = [
        PageRow(
            title=f"{point.steps:,}",
            recipe=str(point.recipe),
            cells=(
                format_percent(point.steps / result.full_steps),
                format_measurement(point.loss),
                f"{format_measurement(point.low)} to {format_measurement(point.high)}"
                if math.isfinite(point.low) and math.isfinite(point.high)
                else NOT_KNOWN,
                str(point.trials) if point.trials else EXTRAPOLATED,
            ),
            is_recommended=result.recipe is not None and point.steps == result.steps,
        )
        for point in result.frontier
    ]
    columns = ("Steps", "Of the full training", f"Expected {target_name(result)}", "90 % interval", "Trials")
    note = frontier_note(result)
    return PageTable(
        "frontier",
        "What each training length gives",
        columns,
        tuple(rows),
        text_above=frontier_title(result),
        notes_below=(note,) if note else (),
    )


def _momentum_table(result: SearchResult) -> PageTable:
    rows = [
        PageRow(
            title=format_number(row.momentum),
            recipe="",
            cells=(
                format_number(row.lr),
                "-" if row.good is None else format_interval(row.good),
                "-" if row.limit is None else format_number(row.limit),
                "-" if math.isinf(row.loss) else format_measurement(row.loss),
            ),
            is_recommended=result.is_recommended(row),
        )
        for row in (result.momentum_rows() if result.by_momentum else [])
    ]
    columns = ("Momentum", "Best learning rate", "Good", "Largest usable", f"Expected {target_name(result)}")
    return PageTable("momenta", "By momentum", columns, tuple(rows), text_above=momentum_table_title(result))


def _transfer_table(transfer: Transfer) -> PageTable:
    rows = [
        PageRow(
            title=row.change,
            recipe="",
            cells=(
                f"{row.steps:,}",
                f"{row.batch_size:,}",
                best_rate_text(row),
                NOT_KNOWN if row.interval is None else format_interval(row.interval),
                format_measurement(row.loss),
                format_measurement(row.loss_of_answer),
            ),
        )
        for row in transfer.rows
    ]
    losses = ("Loss at the best rate", "Loss at the recommended rate")
    columns = ("Change", "Steps", "Batch size", "Best learning rate", "90 % interval", *losses)
    title = "Longer trainings and other batch sizes"
    return PageTable("transfer", title, columns, tuple(rows), notes_below=tuple(transfer_notes(transfer)))
