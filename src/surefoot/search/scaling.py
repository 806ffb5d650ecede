"""How the best learning rate changes with the length of training and the batch size: plain data and their fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from scipy.special import ndtri

from surefoot.core.statistics import CONFIDENCE, half_width, student_t
from surefoot.core.values import Interval, Json, finite_or_none

Quantity: TypeAlias = Literal["steps", "batch_size"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
NORMAL = float(ndtri((1 + CONFIDENCE) / 2))


@dataclass(frozen=True, slots=True)
class RuleOfThumb:
    """A power that people assume where they measure none.

    Attributes:
        name: What it is called.
        of: What the best rate is a power of.
        exponent: The power.
        source: Where it is from.
    """

    name: str
    of: Quantity
    exponent: float
    source: str


RULES_OF_THUMB = (
    RuleOfThumb("the same rate", "steps", 0.0, "a schedule in percent, as it is"),
    RuleOfThumb("1/sqrt(steps)", "steps", -0.5, "Nemirovski et al., 2009"),
    RuleOfThumb("linear scaling", "batch_size", 1.0, "Goyal et al., 2017"),
    RuleOfThumb("square-root scaling", "batch_size", 0.5, "Krizhevsky, 2014"),
)


@dataclass(frozen=True, slots=True)
class TransferRow:
    """The answer under one change of the task.

    Attributes:
        change: In words, as ``twice the steps``.
        of: What is changed, ``None`` for the task as it was tuned.
        steps, batch_size: Length and batch size of the changed task.
        rates: The best learning rate (its peak) of each seed; empty where every rate diverged on some seed.
        width: Octaves around them that the rates tried do not tell apart.
        at_edge: Whether the best rate lies on the edge of those tried on some seed: then it is only a bound.
        loss: Mean validation loss at the rate that was best on average, of those tried; ``inf`` where all diverged.
        loss_of_answer: The same at the answer's own rate.
    """

    change: str
    of: Quantity | None
    steps: int
    batch_size: int
    rates: tuple[float, ...]
    width: float
    at_edge: bool
    loss: float
    loss_of_answer: float

    @property
    def best(self) -> float | None:
        """The best rate: the geometric mean over seeds."""
        return float(np.exp(np.log(self.rates).mean())) if self.rates else None

    @property
    def unresolved(self) -> float:
        """Standard deviation of what the rates tried leave open, in log rate: anywhere in the width, w log 2 / √12."""
        return self.width * math.log(2.0) / math.sqrt(12.0)

    @property
    def interval(self) -> Interval | None:
        """The best rate's 90 % interval in log rate: Student's over seeds, and what lies between the rates tried."""
        if len(self.rates) < 2:
            return None
        logs = np.log(self.rates)
        half = math.hypot(half_width(logs), NORMAL * self.unresolved)
        return Interval(float(np.exp(logs.mean() - half)), float(np.exp(logs.mean() + half)))

    def to_json(self) -> dict[str, Json]:
        """Return the row as JSON data."""
        best, interval = self.best, self.interval
        ends = {"low": None, "high": None} if interval is None else asdict(interval)
        return {
            "change": self.change,
            "of": self.of,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "lr": None if best is None else {"best": best, **ends, "seeds": list(self.rates)},
            "width": self.width,
            "at_edge": self.at_edge,
            "loss": finite_or_none(self.loss),
            "loss_of_answer": finite_or_none(self.loss_of_answer),
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> TransferRow:
        """Return the row that :meth:`to_json` wrote."""
        given: dict[str, Json] = {**data, "rates": tuple(data["lr"]["seeds"]) if data["lr"] else ()}  # type: ignore
        del given["lr"]
        losses = {name: math.inf if data[name] is None else data[name] for name in ("loss", "loss_of_answer")}
        return cls(**{**given, **losses})  # type: ignore[arg-type]  # as to_json wrote them


@dataclass(frozen=True, slots=True)
class Exponent:
    """The power of the best learning rate in the length of training or the batch size.

    Attributes:
        of: Which of the two.
        value: The power: 1 is in proportion, 0 no change, -0.5 one over the root.
        interval: Its 90 % interval.
    """

    of: Quantity
    value: float
    interval: Interval

    @property
    def rules(self) -> tuple[tuple[RuleOfThumb, bool], ...]:
        """The rules of thumb, and whether each lies in the interval."""
        return tuple((rule, rule.exponent in self.interval) for rule in RULES_OF_THUMB if rule.of == self.of)

    def to_json(self) -> dict[str, Json]:
        """Return the exponent as JSON data."""
        rules: list[Json] = [{**asdict(rule), "within": within} for rule, within in self.rules]
        return {"of": self.of, "exponent": self.value, **asdict(self.interval), "rules_of_thumb": rules}


@dataclass(frozen=True, slots=True)
class Transfer:
    """How the answer changes with the length of training and the batch size.

    Attributes:
        rows: The task as it was tuned first, then its changes.
        skipped: Changes that could not be made, each with the reason.
        config_steps: What it cost.
    """

    rows: tuple[TransferRow, ...]
    skipped: tuple[tuple[str, str], ...]
    config_steps: int

    @property
    def seeds(self) -> int:
        """How many seeds every change was measured on."""
        return max((len(row.rates) for row in self.rows), default=0)

    @property
    def exponents(self) -> tuple[Exponent, ...]:
        """The fitted powers, as far as there are rows to fit them to."""
        found = (exponent_of(self.rows, quantity) for quantity in QUANTITIES)
        return tuple(exponent for exponent in found if exponent is not None)

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON data."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "exponents": [exponent.to_json() for exponent in self.exponents],
            "skipped": [{"change": change, "reason": reason} for change, reason in self.skipped],
            "config_steps": self.config_steps,
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> Transfer:
        """Return what :meth:`to_json` wrote; the exponents follow from the rows."""
        rows, skipped = data["rows"], data["skipped"]
        return cls(
            tuple(map(TransferRow.from_json, rows)),  # type: ignore[arg-type]  # as to_json wrote them
            tuple((each["change"], each["reason"]) for each in skipped),  # type: ignore
            data["config_steps"],  # type: ignore[arg-type]
        )


def exponent_of(rows: Sequence[TransferRow], quantity: Quantity) -> Exponent | None:
    """Return the power p of the best rate in a quantity q, from all seeds together.

        log rate = a(seed) + p log q + noise

    Least squares with an intercept for every seed, so that a seed's own luck cancels. The interval is Student's at
    90 % with seeds * rows - seeds - 1 degrees of freedom, and what lies between the rates tried on top; what bends
    away from a power law widens it like noise.

    Args:
        rows: The task as it was tuned and its changes. A row whose best rate is only a bound is left out, for it
            would pull the power towards 0.
        quantity: What the rate is to be a power of.

    Returns:
        The power, ``None`` with fewer than two rows to fit, or where one seed leaves nothing to tell noise by.
    """
    used = [row for row in rows if row.of in (None, quantity) and row.rates and not row.at_edge]
    if len(used) < 2:
        return None
    # Lengths come from the surrogate, which has one rate for all seeds.
    if len({len(row.rates) for row in used}) > 1:
        used = [replace(row, rates=(math.exp(float(np.log(row.rates).mean())),)) for row in used]
    rates = np.log([row.rates for row in used])
    count, seeds = rates.shape
    freedom = seeds * count - seeds - 1
    if freedom < 1:
        return None
    places = np.log([float(getattr(row, quantity)) for row in used])
    places -= places.mean()
    rates -= rates.mean(axis=0)
    power = float(places @ rates.mean(axis=1) / (places @ places))
    residual = rates - power * places[:, None]
    reach = float(places @ places)
    error = math.sqrt(float((residual**2).sum()) / freedom / (seeds * reach))
    student = student_t(freedom) * error
    # Half of what a row's rates leave open is common to all rows, and no matter of the power.
    open_ = math.sqrt(sum((place * row.unresolved / 2.0) ** 2 for place, row in zip(places, used, strict=True))) / reach
    half = math.hypot(student, NORMAL * open_)
    return Exponent(quantity, power, Interval(power - half, power + half))
