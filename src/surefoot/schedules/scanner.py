"""A scanner for recipe and schedule texts."""

from __future__ import annotations

import math
import re

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import shown

_BLANK = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?(?!\w)", re.ASCII)
_LETTER = re.compile(r"\w")
_RAW = re.compile(r"[^\s,()]+")


class Scanner:
    """Reads a text from left to right; every fault names the place.

    Example:
        >>> scanner = Scanner("cosine(0.3)")
        >>> scanner.name(), scanner.accept("("), scanner.number(), scanner.accept(")")
        ('cosine', True, 0.3, True)
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise RecipeError(f"a recipe or a schedule is read from text; given {shown(text)}.")
        self.text = text
        self.place = 0

    def fault(self, expected: str, *, hint: str | None = None) -> RecipeError:
        """Return the error that says what was expected at the present place."""
        rest = self.text[self.place :].strip()
        where = f"at {shown(rest)}" if rest else "at its end"
        return RecipeError(f"cannot read {shown(self.text)}: expected {expected} {where}.", hint=hint)

    def accept(self, symbol: str) -> bool:
        """Read a symbol or a word if it comes next."""
        self._skip_blanks()
        end = self.place + len(symbol)
        inside_a_word = symbol.isalpha() and _LETTER.match(self.text, end)
        if not self.text.startswith(symbol, self.place) or inside_a_word:
            return False
        self.place = end
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
        begin = self.place
        found = self.word()
        if found is not None and self.accept("="):
            return found
        self.place = begin
        return None

    def number(self) -> float:
        """Read a number."""
        begin = self.place
        found = self._match(_NUMBER)
        if found is None or math.isinf(float(found)):
            self.place = begin
            raise self.fault("a number" if found is None else "a number that is not so large")
        return float(found)

    def at_number(self) -> bool:
        """Tell whether a number comes next."""
        self._skip_blanks()
        return _NUMBER.match(self.text, self.place) is not None

    def raw(self) -> str:
        """Read everything up to the next blank, comma or parenthesis."""
        found = self._match(_RAW)
        if found is None:
            raise self.fault("a value")
        return found

    def end(self) -> None:
        """Make sure that nothing is left."""
        self._skip_blanks()
        if self.place < len(self.text):
            raise self.fault("the end")

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        self._skip_blanks()
        match = pattern.match(self.text, self.place)
        if match is None:
            return None
        self.place = match.end()
        return match[0]

    def _skip_blanks(self) -> None:
        match = _BLANK.match(self.text, self.place)
        self.place = match.end() if match else self.place


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same number.

    Example:
        >>> number_text(1.0), number_text(0.1), number_text(0.0001)
        ('1', '0.1', '0.0001')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))
