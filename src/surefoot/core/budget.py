"""The budget of a search or a check: a ceiling on its work, in trainings or in seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from surefoot.core.errors import BudgetError

_PATTERN = re.compile(r"(?P<amount>\d+(\.\d+)?)\s*(?P<unit>x|s|m|min|h)", re.ASCII)
_SECONDS_PER_UNIT = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_HINT = "30x costs as much as 30 full trainings."


@dataclass(frozen=True, slots=True)
class Budget:
    """A ceiling on work: in full trainings or in seconds; with neither it is ``auto``.

    Attributes:
        trainings: Ceiling in full trainings; 1x is the config-steps of one. The same on every machine.
        seconds: Ceiling in seconds of wall-clock time. What it buys depends on the machine.

    Raises:
        BudgetError: If both are given, or the ceiling is not a finite number above 0.

    Example:
        >>> Budget.parse("30x"), Budget.parse("2m").seconds, str(Budget(seconds=90)), Budget.parse("auto").is_auto
        (Budget(trainings=30.0, seconds=None), 120.0, '90s', True)
    """

    trainings: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        amounts = [amount for amount in (self.trainings, self.seconds) if amount is not None]
        if len(amounts) > 1 or (amounts and not 0 < amounts[0] < math.inf):
            raise BudgetError(
                "a budget is a number of trainings or of seconds, not both, finite and above 0; "
                f"given trainings={self.trainings}, seconds={self.seconds}.",
                hint=_HINT,
            )

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read a budget from a text such as ``auto``, ``30x``, ``0.25x``, ``120s``, ``10m`` or ``2h``.

        Raises:
            BudgetError: If the text is malformed, or the amount is 0.
        """
        if text.strip() == "auto":
            return cls()
        match = _PATTERN.fullmatch(text.strip())
        amount = float(match["amount"]) if match else 0.0
        if match is None or not 0 < amount < math.inf:
            raise BudgetError(
                f"a budget is a number of trainings (30x) or a time (120s, 10m, 2h), above 0, or auto; given {text!r}.",
                hint=_HINT,
            )
        return cls(trainings=amount) if match["unit"] == "x" else cls(seconds=amount * _SECONDS_PER_UNIT[match["unit"]])

    @property
    def is_auto(self) -> bool:
        """Whether no ceiling is given: the search or the check chooses one."""
        return self.trainings is None and self.seconds is None

    @property
    def reproducible(self) -> bool:
        """Whether the budget buys the same work on every machine."""
        return self.seconds is None

    def __str__(self) -> str:
        if self.is_auto:
            return "auto"
        amount, unit = (self.seconds, "s") if self.trainings is None else (self.trainings, "x")
        return f"{_plain_decimal(amount)}{unit}"


def _plain_decimal(amount: float | None) -> str:
    """Return a number as text without an exponent, from which the same number is read again."""
    return format(Decimal(repr(amount)), "f").removesuffix(".0")
