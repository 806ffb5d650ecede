"""The budget of a search or a check: a ceiling on its work."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from surefoot.core.errors import BudgetError

_TEXT = re.compile(r"(?P<amount>\d+(\.\d+)?)\s*(?P<unit>x|s|m|min|h)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_HINT = "30x costs as much as 30 full trainings."


@dataclass(frozen=True, slots=True)
class Budget:
    """How much work may cost: full trainings, or seconds of wall clock; or ``auto``, neither of them.

    Attributes:
        trainings: Ceiling in full trainings (1x = the config-steps of one); reproducible.
        seconds: Ceiling in wall-clock seconds; depends on the machine.

    Raises:
        BudgetError: If both are given, or the ceiling is no finite number above 0.

    Example:
        >>> Budget.parse("30x"), Budget.parse("2m").seconds, str(Budget(seconds=90)), Budget.parse("auto").is_auto
        (Budget(trainings=30.0, seconds=None), 120.0, '90s', True)
    """

    trainings: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [amount for amount in (self.trainings, self.seconds) if amount is not None]
        if len(given) > 1 or (given and not 0 < given[0] < math.inf):
            raise BudgetError(
                "a budget is a number of trainings or of seconds, not both, finite and above 0; "
                f"given trainings={self.trainings}, seconds={self.seconds}.",
                hint=_HINT,
            )

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read a budget from ``auto``, ``30x``, ``0.25x``, ``120s``, ``10m`` or ``2h``.

        Raises:
            BudgetError: If it is none of these, or nothing.
        """
        if text.strip() == "auto":
            return cls()
        match = _TEXT.fullmatch(text.strip())
        amount = float(match["amount"]) if match else 0.0
        if match is None or not 0 < amount < math.inf:
            raise BudgetError(
                f"a budget is a number of trainings (30x) or a time (120s, 10m, 2h), above 0, or auto; given {text!r}.",
                hint=_HINT,
            )
        return cls(trainings=amount) if match["unit"] == "x" else cls(seconds=amount * _SECONDS[match["unit"]])

    @property
    def is_auto(self) -> bool:
        """Whether the work decides what it costs."""
        return self.trainings is None and self.seconds is None

    @property
    def reproducible(self) -> bool:
        """Whether the same budget buys the same work on every machine."""
        return self.seconds is None

    def __str__(self) -> str:
        if self.is_auto:
            return "auto"
        return f"{_digits(self.trainings)}x" if self.trainings is not None else f"{_digits(self.seconds)}s"


def _digits(amount: float | None) -> str:
    """Write a number without an exponent, so that the text reads back as the same number."""
    return format(Decimal(repr(amount)), "f").removesuffix(".0")
