"""How results show themselves: a few lines in a terminal or debugger, a table in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Summary:
    """A title, and the numbers that matter most, by name.

    Attributes:
        title: What the result is of.
        rows: Name and value of each number, in the order in which they are shown.

    Example:
        >>> print(Summary("find of wine", (("steps", "120"), ("limit", "3.2"))).text())
        find of wine
          steps  120
          limit  3.2
    """

    title: str
    rows: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, title: str, rows: Iterable[tuple[str, str | None]]) -> Summary:
        """Return a summary without the rows that have no value."""
        return cls(title, tuple((name, value) for name, value in rows if value is not None))

    def text(self) -> str:
        """Return the summary as lines of text."""
        width = max((len(name) for name, _ in self.rows), default=0)
        return "\n".join([self.title, *(f"  {name:<{width}}  {value}" for name, value in self.rows)])

    def html(self) -> str:
        """Return the summary as a table in HTML; names and values are escaped."""
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self.rows
        )
        return f"<table><caption>{escape(self.title)}</caption><tbody>{rows}</tbody></table>"


class Summarised(ABC):
    """Shows a result by its summary, in place of all of its fields."""

    __slots__ = ()

    @abstractmethod
    def summary(self) -> Summary:
        """Return the numbers that matter most."""

    def __repr__(self) -> str:
        return self.summary().text()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return self.summary().html()
