"""What find or tune found, as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.core.formatting import format_half_width, format_measurement, format_number, format_percent
from surefoot.core.value_types import Interval
from surefoot.reports.terminal_tables import FittedTable, plain_table, text_lines
from surefoot.search.full_training_scores import TrainedRecipe
from surefoot.search.rate_transfer_result import Transfer
from surefoot.search.result import FrontierPoint, SearchResult
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

EXTRAPOLATED = "extrapolated"


def search_table(result: SearchResult) -> RenderableType:
    """Return the result of a search: the recommendation, the tables behind it, notes, and the cost.

    Args:
        result: What find or tune returned.
    """
    parts: list[RenderableType] = [Text(search_headline(result), style="bold")]
    if result.trained_recipes:
        parts += [_fitted(_trained_recipes_table, result), *text_lines(trained_recipes_note(result))]
    if result.frontier:
        parts += [Padding(Text(frontier_title(result)), (1, 0, 0, 0)), _fitted(_frontier_table, result)]
        parts += text_lines(frontier_note(result))
    parts += text_lines(good_range_text(result))
    if result.command == "find" and result.by_momentum:
        parts += [Padding(Text(momentum_table_title(result)), (1, 0, 0, 0)), Padding(_momentum_table(result), (1, 0))]
    parts += text_lines(*search_notes(result))
    if result.transfer is not None:
        parts += [Padding(_transfer_table(result.transfer), (1, 0)), *text_lines(*transfer_notes(result.transfer))]
    return Group(*parts, *text_lines(search_cost(result)))


def target_name(result: SearchResult) -> str:
    """Return what a search optimised, for the head of a column: ``loss`` or ``metric``."""
    return "metric" if result.criterion.goal == "metric" else "loss"


def _fitted(draw: Callable[..., Table], result: SearchResult) -> RenderableType:
    return Padding(FittedTable(draw, result), (1, 0))


def _trained_recipes_table(result: SearchResult, *, narrow: bool) -> Table:
    has_metric = any(trained.metric is not None for trained in result.trained_recipes)
    has_test = any(trained.test is not None for trained in result.trained_recipes)
    seeds_differ = len({trained.valid.seeds for trained in result.trained_recipes}) > 1
    table = plain_table("recipe", "learning\nrate", "momentum", "validation\nloss")
    for name in ["metric"] * has_metric + ["test\nloss"] * has_test + ["seeds"] * seeds_differ:
        table.add_column(name, justify="right", no_wrap=True)
    table.columns[0].min_width = len("recommended")  # its longest word, which must not be cut
    if narrow:
        table.padding = (0, 0)
    for trained in result.trained_recipes:
        cells = _trained_recipe_cells(
            trained, with_metric=has_metric, with_test=has_test, separator="\n" if narrow else " "
        )
        name = trained_recipe_name(trained, result)
        table.add_row(name, *cells, *[str(trained.valid.seeds)] * seeds_differ)
    return table


def _trained_recipe_cells(
    trained: TrainedRecipe, *, with_metric: bool, with_test: bool, separator: str
) -> Iterator[str]:
    yield format_number(trained.recipe.lr.highest)
    yield format_number(trained.recipe.momentum.highest)
    yield format_half_width(trained.valid, separator=separator)
    if with_metric:
        yield "-" if trained.metric is None else format_measurement(trained.metric)
    if with_test:
        yield "-" if trained.test is None else format_half_width(trained.test, separator=separator)


def _frontier_table(result: SearchResult, *, narrow: bool) -> Table:
    share_column = [] if narrow else ["share"]
    table = plain_table("steps", *share_column, "learning\nrate", "momentum", f"expected\n{target_name(result)}")
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    table.add_column("90 % interval", justify="right", no_wrap=False)
    table.add_column("trials", justify="right", no_wrap=True)
    for point in result.frontier:
        recommended = result.recipe is not None and point.steps == result.steps
        share = [] if narrow else [format_percent(point.steps / result.full_steps)]
        cells = [f"{'> ' if recommended else ''}{point.steps:,}", *share, *_point_cells(point, narrow=narrow)]
        table.add_row(*cells, style="bold" if recommended else None)
    if narrow and any(not point.trials for point in result.frontier):
        table.caption, table.caption_justify, table.caption_style = f"0 trials: {EXTRAPOLATED}.", "left", ""
    return table


def _point_cells(point: FrontierPoint, *, narrow: bool) -> Iterator[str]:
    yield format_number(point.recipe.lr.highest)
    yield format_number(point.recipe.momentum.highest)
    yield format_measurement(point.loss)
    known = math.isfinite(point.low) and math.isfinite(point.high)
    yield f"{format_measurement(point.low)} to {format_measurement(point.high)}" if known else "-"
    yield str(point.trials) if point.trials or narrow else EXTRAPOLATED


def _momentum_table(result: SearchResult) -> Table:
    table = plain_table(
        "momentum", "best\nrate", "good\nfrom", "good\nto", "largest\nusable", f"expected\n{target_name(result)}"
    )
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    for row in result.momentum_rows():
        recommended = result.is_recommended(row)
        table.add_row(
            f"{'> ' if recommended else ''}{format_number(row.momentum)}",
            format_number(row.lr),
            *(("-", "-") if row.good is None else (format_number(row.good.low), format_number(row.good.high))),
            "-" if row.limit is None else format_number(row.limit),
            "-" if math.isinf(row.loss) else format_measurement(row.loss),
            style="bold" if recommended else None,
        )
    return table


def _transfer_table(transfer: Transfer) -> Table:
    columns = ("steps", "batch\nsize", "best\nrate", "within\n90 %", "best\nloss", "recipe's\nloss")
    table = plain_table("change", *columns)
    for row in transfer.rows:
        losses = format_measurement(row.loss), format_measurement(row.loss_of_answer)
        sizes = str(row.steps), str(row.batch_size)
        table.add_row(row.change, *sizes, best_rate_text(row), _factor_to_ends(row.interval), *losses)
    return table


def _factor_to_ends(interval: Interval | None) -> str:
    """Return an interval that is symmetric in log rate as the factor from its middle to its ends: a short text."""
    return "-" if interval is None else f"×/÷ {format_number(math.sqrt(interval.high / interval.low), digits=2)}"
