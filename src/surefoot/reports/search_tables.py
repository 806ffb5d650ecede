"""The plain table that all terminal reports use.

Results as tables for the terminal; they need no colour to be understood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.core.formatting import measured, numeral, percent
from surefoot.core.values import Interval
from surefoot.search.result import Contestant, FrontierPoint, SearchResult
from surefoot.search.scaling import Transfer
from surefoot.wording.search import (
    best_rate_text,
    contestant_name,
    contestants_note,
    cost,
    frontier_note,
    frontier_title,
    good_range_text,
    half_width_text,
    headline,
    momenta_title,
    notes,
    transfer_notes,
)


def plain_table(first: str, *numbers: str) -> Table:
    """Return a table whose first column is text and whose others are numbers."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, collapse_padding=True, show_edge=False)
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


EXTRAPOLATED = "extrapolated"


def search_table(result: SearchResult) -> RenderableType:
    """Return what find or tune found: the recommendation, the tables behind it, what else is to be known, the cost."""
    parts: list[RenderableType] = [Text(headline(result), style="bold")]
    if result.contestants:
        parts += [_spaced(_contestants, result), *_texts(contestants_note(result))]
    if result.frontier:
        parts += [Padding(Text(frontier_title(result)), (1, 0, 0, 0)), _spaced(_frontier, result)]
        parts += _texts(frontier_note(result))
    parts += _texts(good_range_text(result))
    if result.command == "find" and result.by_momentum:
        parts += [Padding(Text(momenta_title(result)), (1, 0, 0, 0)), _spaced(_by_momentum, result)]
    parts += _texts(*notes(result))
    if result.transfer is not None:
        parts += [Padding(_transfer(result.transfer), (1, 0)), *_texts(*transfer_notes(result.transfer))]
    return Group(*parts, *_texts(cost(result)))


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A table in its wide form where there is room for it, else in its narrow form."""

    drawn: Callable[..., Table]
    result: SearchResult

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        wide = self.drawn(self.result, narrow=False)
        fits = console.measure(wide, options=options.update(max_width=10_000)).minimum <= options.max_width
        yield wide if fits else self.drawn(self.result, narrow=True)


def _spaced(drawn: Callable[..., Table], result: SearchResult) -> RenderableType:
    return Padding(_Fitted(drawn, result), (1, 0))


def _texts(*lines: str | None) -> list[RenderableType]:
    return [Text(line) for line in lines if line]


def _contestants(result: SearchResult, *, narrow: bool) -> Table:
    metric = any(found.metric is not None for found in result.contestants)
    test = any(found.test is not None for found in result.contestants)
    several = len({found.valid.seeds for found in result.contestants}) > 1
    table = plain_table("recipe", "learning\nrate", "momentum", "validation\nloss")
    for name in ["metric"] * metric + ["test\nloss"] * test + ["seeds"] * several:
        table.add_column(name, justify="right", no_wrap=True)
    table.columns[0].min_width = len("recommended")  # its longest word, which must not be cut
    if narrow:
        table.padding = (0, 0)
    for found in result.contestants:
        cells = _cells(found, metric=metric, test=test, between="\n" if narrow else " ")
        name = contestant_name(found, result)
        table.add_row(name, *cells, *[str(found.valid.seeds)] * several)
    return table


def _cells(found: Contestant, *, metric: bool, test: bool, between: str) -> Iterator[str]:
    yield numeral(found.recipe.lr.highest)
    yield numeral(found.recipe.momentum.highest)
    yield half_width_text(found.valid, between=between)
    if metric:
        yield "-" if found.metric is None else measured(found.metric)
    if test:
        yield "-" if found.test is None else half_width_text(found.test, between=between)


def _frontier(result: SearchResult, *, narrow: bool) -> Table:
    table = plain_table("steps", *["share"] * (not narrow), "learning\nrate", "momentum", f"expected\n{_what(result)}")
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    table.add_column("90 % interval", justify="right", no_wrap=False)
    table.add_column("trials", justify="right", no_wrap=True)
    for point in result.frontier:
        chosen = result.recipe is not None and point.steps == result.steps
        share = [] if narrow else [percent(point.steps / result.full_steps)]
        cells = [f"{'> ' if chosen else ''}{point.steps:,}", *share, *_point_cells(point, narrow=narrow)]
        table.add_row(*cells, style="bold" if chosen else None)
    if narrow and any(not point.trials for point in result.frontier):
        table.caption, table.caption_justify, table.caption_style = f"0 trials: {EXTRAPOLATED}.", "left", ""
    return table


def _what(result: SearchResult) -> str:
    return "metric" if result.aim.goal == "metric" else "loss"


def _point_cells(point: FrontierPoint, *, narrow: bool) -> Iterator[str]:
    yield numeral(point.recipe.lr.highest)
    yield numeral(point.recipe.momentum.highest)
    yield measured(point.loss)
    known = math.isfinite(point.low) and math.isfinite(point.high)
    yield f"{measured(point.low)} to {measured(point.high)}" if known else "-"
    yield str(point.trials) if point.trials or narrow else EXTRAPOLATED


def _by_momentum(result: SearchResult, *, narrow: bool) -> Table:  # noqa: ARG001  (it is narrow as it is)
    table = plain_table(
        "momentum", "best\nrate", "good\nfrom", "good\nto", "largest\nusable", f"expected\n{_what(result)}"
    )
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    for row in result.momentum_rows():
        chosen = result.is_recommended(row)
        table.add_row(
            f"{'> ' if chosen else ''}{numeral(row.momentum)}",
            numeral(row.lr),
            *(("-", "-") if row.good is None else (numeral(row.good.low), numeral(row.good.high))),
            "-" if row.limit is None else numeral(row.limit),
            "-" if math.isinf(row.loss) else measured(row.loss),
            style="bold" if chosen else None,
        )
    return table


def _transfer(found: Transfer) -> Table:
    table = plain_table("change", "steps", "batch\nsize", "best\nrate", "within\n90 %", "loss\nthere", "answer's\nloss")
    for row in found.rows:
        losses = measured(row.loss), measured(row.loss_of_answer)
        table.add_row(
            row.change, str(row.steps), str(row.batch_size), best_rate_text(row), _factor(row.interval), *losses
        )
    return table


def _factor(interval: Interval | None) -> str:
    """Return an interval that is even in log rate as the factor from its middle to its ends: narrow, however small."""
    return "-" if interval is None else f"×/÷ {numeral(math.sqrt(interval.high / interval.low), digits=2)}"
