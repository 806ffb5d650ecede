"""What the tables of all terminal reports have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text


def plain_table(first: str, *numbers: str) -> Table:
    """Return an empty table that needs no colour to be read.

    Args:
        first: Title of the first column, which is text.
        numbers: Titles of the other columns, which are numbers, aligned to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, collapse_padding=True, show_edge=False)
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table in its wide form where the terminal has room for it, else in its narrow form.

    Attributes:
        draw: Returns the table of a result; takes the keyword ``narrow``.
        result: The result.
    """

    draw: Callable[..., Table]
    result: Any

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        wide = self.draw(self.result, narrow=False)
        fits = console.measure(wide, options=options.update(max_width=10_000)).minimum <= options.max_width
        yield wide if fits else self.draw(self.result, narrow=True)


def text_lines(*lines: str | None) -> list[RenderableType]:
    """Return lines of text, without those that are ``None`` or empty."""
    return [Text(line) for line in lines if line]
