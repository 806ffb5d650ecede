"""A length of training: ``5%`` of it, or ``500`` steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr

LengthLike: TypeAlias = "Length | int | str"

_TEXT = re.compile(r"(?P<number>(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)(?P<percent>%?)", re.ASCII)
MOST_STEPS = 1e15  # above it a float no longer counts single steps


@dataclass(frozen=True, slots=True)
class Length:
    """A number of steps, or a percentage of the whole training.

    Attributes:
        amount: Steps (a whole number) or percent, >= 0.
        percent: Whether ``amount`` is a percentage.

    Example:
        >>> Length.of("5%").steps(total=220), Length.of(500).steps(total=220)
        (11, 500)
    """

    amount: float
    percent: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, (int, float)):
            raise RecipeError(f"a length is a number of steps or percent; given {short_repr(self.amount)}.")
        if not 0 <= self.amount <= (100 if self.percent else MOST_STEPS):
            raise RecipeError(f"a length is 0% to 100% of the training, or 0 to 10^15 steps; given {self}.")
        if not self.percent and self.amount != int(self.amount):
            raise RecipeError(
                f"a length in steps is a whole number; given {self}.", hint="write 5% for a share of the training."
            )
        object.__setattr__(self, "amount", float(self.amount))

    @classmethod
    def of(cls, value: LengthLike) -> Length:
        """Read a length from ``"5%"``, ``"500"`` or ``500``.

        Raises:
            RecipeError: If it is none of these.
        """
        if isinstance(value, Length):
            return value
        match = _TEXT.fullmatch(value.strip() if isinstance(value, str) else short_repr(value))
        if match is None:
            raise RecipeError(
                f"a length is a number of steps (500) or a share of the training (5%); given {short_repr(value)}."
            )
        return cls(float(match["number"]), percent=bool(match["percent"]))

    def exact(self, total: int) -> float:
        """Return the length in steps of a training of ``total``, a fraction of a step included."""
        return self.amount * total / 100 if self.percent else self.amount

    def steps(self, total: int) -> int:
        """Return the length in whole steps of a training of ``total`` steps, rounded half to even."""
        return round(self.exact(total))

    def __str__(self) -> str:
        whole = 0 <= self.amount <= MOST_STEPS and self.amount == int(self.amount)
        return f"{int(self.amount) if whole else self.amount}{'%' if self.percent else ''}"
