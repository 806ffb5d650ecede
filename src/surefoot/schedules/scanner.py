"""A scanner for recipe and schedule texts."""

from __future__ import annotations

import math
import re

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr

_BLANK = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?!\w)", re.ASCII)
_LETTER = re.compile(r"\w")
_RAW = re.compile(r"[^\s,()]+")


class Scanner:
    """Reads a text from left to right; every error names the position.

    Example:
        >>> scanner = Scanner("cosine(0.3)")
        >>> scanner.name(), scanner.accept("("), scanner.number(), scanner.accept(")")
        ('cosine', True, 0.3, True)
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise RecipeError(f"a recipe or a schedule is read from text; given {short_repr(text)}.")
        self.text = text
        self.position = 0

    def fault(self, expected: str, *, hint: str | None = None) -> RecipeError:
        """Return the error that says what was expected at the present position."""
        rest = self.text[self.position :].strip()
        where = f"at {short_repr(rest)}" if rest else "at its end"
        return RecipeError(f"cannot read {short_repr(self.text)}: expected {expected} {where}.", hint=hint)

    def accept(self, symbol: str) -> bool:
        """Read a symbol or a word if it comes next."""
        self._skip_blanks()
        end = self.position + len(symbol)
        inside_a_word = symbol.isalpha() and _LETTER.match(self.text, end)
        if not self.text.startswith(symbol, self.position) or inside_a_word:
            return False
        self.position = end
        return True

    def expect(self, symbol: str) -> None:
        """Read a symbol or a word that must come next."""
        if not self.accept(symbol):
            raise self.fault(f"{symbol!r}")

    def name(self) -> str:
        """Read a name."""
        found = self.word()
        if found is None:
            raise self.fault("a name")
        return found

    def word(self) -> str | None:
        """Read a name if one comes next."""
        return self._match(_NAME)

    def keyword(self) -> str | None:
        """Read ``NAME =`` if it comes next; return the name."""
        begin = self.position
        found = self.word()
        if found is not None and self.accept("="):
            return found
        self.position = begin
        return None

    def number(self) -> float:
        """Read a number."""
        begin = self.position
        found = self._match(_NUMBER)
        if found is None or math.isinf(float(found)):
            self.position = begin
            raise self.fault("a number" if found is None else "a number that is not so large")
        return float(found)

    def at_number(self) -> bool:
        """Tell whether a number comes next."""
        self._skip_blanks()
        return _NUMBER.match(self.text, self.position) is not None

    def raw(self) -> str:
        """Read everything up to the next blank, comma or parenthesis."""
        found = self._match(_RAW)
        if found is None:
            raise self.fault("a value")
        return found

    def end(self) -> None:
        """Make sure that nothing is left."""
        self._skip_blanks()
        if self.position < len(self.text):
            raise self.fault("the end")

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        self._skip_blanks()
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match[0]

    def _skip_blanks(self) -> None:
        match = _BLANK.match(self.text, self.position)
        self.position = match.end() if match else self.position


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same number.

    Example:
        >>> number_text(1.0), number_text(0.1), number_text(0.0001)
        ('1', '0.1', '0.0001')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def rounded_number(value: float) -> float:
    """Return a number to the four digits that recipes are written with."""
    return float(f"{value:.4g}")
