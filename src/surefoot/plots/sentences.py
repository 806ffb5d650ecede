"""Sentences as lines that fit a picture."""

from __future__ import annotations

import textwrap

# Letters that fit a picture of the usual width.
LETTERS = 96


def lines_of(text: str, *, most: int = 4) -> list[str]:
    """Return a text as lines that fit a picture's width.

    Example:
        >>> lines_of("short"), [len(line) <= LETTERS for line in lines_of("a word and " * 30, most=3)]
        (['short'], [True, True, True])
    """
    return textwrap.wrap(text, LETTERS, max_lines=most, placeholder=" …")
