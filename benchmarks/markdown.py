"""Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

DASH = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)) + "\n"


def target(text: str, found: str, *, met: bool | None) -> list[str]:
    """Return a row of the table of targets."""
    return [text, found, "not measured" if met is None else "✓" if met else "✗"]
