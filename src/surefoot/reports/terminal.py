"""Results as tables for the terminal; they need no colour to be understood."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import plotext
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.numerals import measured, numeral, seconds_text
from surefoot.plots.axes import linear_ticks
from surefoot.plots.comparison import ranking
from surefoot.reports.sentences import (
    best_rate_text,
    boundary_warning,
    cost,
    expected_limit,
    find_headline,
    half_width_text,
    headline,
    tied_settings,
    transfer_notes,
)
from surefoot.reports.tables import plain_table
from surefoot.schedules import Schedule, schedule_text
from surefoot.search.result import Contestant, TuneResult
from surefoot.search.scaling import Transfer
from surefoot.tuning.found import FindResult, MomentumRange
from surefoot.values import Interval


def tune_table(result: TuneResult) -> RenderableType:
    """Return what a tune found: the recommendation, the table behind it, what else is as good, and the cost."""
    parts: list[RenderableType] = [Text(headline(result), style="bold"), Padding(_contestants(result), (1, 0))]
    notes = [tied_settings(result), boundary_warning(result), _steps_note(result), cost(result)]
    parts += [Text(note) for note in notes if note]
    if result.transfer is not None:
        parts += [Padding(_transfer(result.transfer), (1, 0)), *map(Text, transfer_notes(result.transfer))]
    return Group(*parts)


def _steps_note(result: TuneResult) -> str:
    seeds = result.default.valid.seeds
    return (
        f"Losses are means of {seeds} fresh seeds after {result.steps:,} steps, the same seeds for every recipe, "
        "± their 90 % interval."
    )


def _contestants(result: TuneResult) -> Table:
    standings = ranking(result)
    metric = any(standing.found.metric is not None for standing in standings)
    test = any(standing.found.test is not None for standing in standings)
    several = len({standing.found.recipe.optimizer for standing in standings}) > 1
    table = plain_table("recipe", "learning\nrate", "momentum", "validation\nloss")
    for name in ["metric"] * metric + ["test\nloss"] * test:
        table.add_column(name, justify="right", no_wrap=True)
    for standing in standings:
        # Beside the name, not in a column of its own: the names would have no room in a narrow terminal.
        name = f"{standing.name} ({standing.found.recipe.optimizer})" if several else standing.name
        table.add_row(name, *_cells(standing.found, metric=metric, test=test))
    return table


def _cells(found: Contestant, *, metric: bool, test: bool) -> Iterator[str]:
    yield numeral(found.recipe.lr.highest)
    yield numeral(found.recipe.momentum.highest)
    yield half_width_text(found.valid)
    if metric:
        yield "" if found.metric is None else measured(found.metric)
    if test:
        yield "" if found.test is None else half_width_text(found.test)


def _transfer(found: Transfer) -> Table:
    table = plain_table("change", "steps", "batch\nsize", "best\nrate", "within\n90 %", "loss\nthere", "answer's\nloss")
    for row in found.rows:
        losses = measured(row.loss), measured(row.loss_of_answer)
        table.add_row(
            row.change, str(row.steps), str(row.batch_size), best_rate_text(row), _factor(row.interval), *losses
        )
    return table


def find_table(result: FindResult) -> RenderableType:
    """Return what a range test found: where to start, what is usable, where training breaks, and the cost."""
    return Group(
        Text(find_headline(result), style="bold"),
        Padding(_usable(result), (1, 0)),
        Text(
            f"Usable: in {result.run_steps} steps the training loss falls at least 90 % as far as at the best rate. "
            f"It was {measured(result.start_loss)} at the start. {_seeds(result.seeds)}"
        ),
        Padding(_limits(result), (1, 0)),
        Text(expected_limit(result)),
        Text(f"{seconds_text(result.seconds)}, {result.config_steps:,} config-steps."),
    )


def _usable(result: FindResult) -> Table:
    table = plain_table("momentum", "usable\nfrom", "best", "within\n90 %", "to", "best\nloss")
    for row in result.ranges:
        loss = measured(row.best_loss) if row.best is not None else "-"
        low, best, high = (_known(value) for value in (row.low, row.best, row.high))
        _add(table, result, row, low, best, _factor(row.best_interval), high, loss)
    return table


def _limits(result: FindResult) -> Table:
    table = plain_table("momentum", "breaks\nat", "within\n90 %", "prior", "breaks/\n(1-mom.)", "best/\n(1-mom.)")
    for row in result.ranges:
        effective = (_known(row.effective(value)) for value in (row.limit, row.best))
        _add(table, result, row, _known(row.limit), _factor(row.limit_interval), _known(row.prior), *effective)
    return table


def _add(table: Table, result: FindResult, row: MomentumRange, *cells: str) -> None:
    """Add a momentum's row; that of the suggestion is marked."""
    chosen = result.suggestion is not None and result.suggestion.momentum == row.momentum
    table.add_row(f"{'> ' if chosen else ''}{row.momentum:g}", *cells, style="bold" if chosen else None)
    table.columns[0].justify, table.columns[0].no_wrap = "right", True


def _factor(interval: Interval | None) -> str:
    """Return an interval that is even in log rate as the factor from its middle to its ends: narrow, however small."""
    return "-" if interval is None else f"×/÷ {numeral(math.sqrt(interval.high / interval.low), digits=2)}"


def _seeds(count: int) -> str:
    return "One seed." if count == 1 else f"Means of {count} seeds, and by which factor their 90 % interval reaches."


def _known(value: float | None) -> str:
    return "-" if value is None else numeral(value)


def schedule_plot(schedule: Schedule, total: int, *, width: int = 72, height: int = 16) -> str:
    """Return a schedule drawn with characters, without colours.

    Args:
        schedule: What to draw.
        total: Steps of the training.
        width: Columns, at least 30.
        height: Lines, at least 8.
    """
    steps = np.unique(np.linspace(0, total - 1, min(total, 4 * width)).round().astype(np.int64))
    values = schedule.values(steps, total)
    # The library draws on one figure that all share: cleared before and after.
    plotext.terminal.limit(False, False)
    figure = plotext.figure.clear()
    figure.plot_size(max(width, 30), max(height, 8)).theme("colorless")
    figure.draw(figure.signal(steps.tolist(), values.tolist(), marker="braille").lines())
    low, high = min(0.0, float(values.min())), float(values.max()) or 1.0
    at_y, at_x = linear_ticks(low, high, most=max(3, height // 3)), linear_ticks(0, total, most=max(3, width // 14))
    figure.ruler("y").lim(low, high).ticks(at_y, [numeral(tick) for tick in at_y])
    figure.ruler("x").lim(0, total).ticks(at_x, [f"{tick:,.0f}" if tick == int(tick) else "" for tick in at_x])
    figure.title(schedule_text(schedule)).label(f"step of {total:,}")
    drawn: str = figure.build().string(colorless=True)
    plotext.figure.clear()
    return "\n".join(line.rstrip() for line in drawn.splitlines())
