"""The result of a transfer: how the best learning rate changes with length and batch size, and the fitted powers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from surefoot.core.statistics import NORMAL_QUANTILE_95, interval_half_width, student_t_quantile
from surefoot.core.value_types import Interval, Json, finite_or_none

ChangedQuantity: TypeAlias = Literal["steps", "batch_size"]
CHANGED_QUANTITIES: tuple[ChangedQuantity, ...] = get_args(ChangedQuantity)


@dataclass(frozen=True, slots=True)
class RuleOfThumb:
    """A power law of the best learning rate that is often assumed without a measurement.

    Attributes:
        name: Its usual name.
        of: ChangedQuantity that the best rate is a power of.
        exponent: The power.
        source: Paper or practice that it comes from.
    """

    name: str
    of: ChangedQuantity
    exponent: float
    source: str


RULES_OF_THUMB = (
    RuleOfThumb("the same rate", "steps", 0.0, "a schedule in percent, unchanged"),
    RuleOfThumb("1/sqrt(steps)", "steps", -0.5, "Nemirovski et al., 2009"),
    RuleOfThumb("linear scaling", "batch_size", 1.0, "Goyal et al., 2017"),
    RuleOfThumb("square-root scaling", "batch_size", 0.5, "Krizhevsky, 2014"),
)


@dataclass(frozen=True, slots=True)
class TransferRow:
    """The best learning rate for one change of the task.

    Attributes:
        change: The change in words, such as ``twice batch``.
        of: ChangedQuantity that was changed; ``None`` for the task as it was tuned.
        steps: Length of the changed task, in steps.
        batch_size: Batch size of the changed task.
        rates: Best learning rate (its peak) on each seed; empty if every rate diverged on some seed.
        width: Range of rates that the trials do not distinguish, in octaves.
        at_edge: Whether the best rate is the lowest or highest of those tried on some seed, and so only a bound.
        loss: Mean validation loss at the rate that was best on average; ``inf`` if all rates diverged.
        loss_of_answer: Mean validation loss at the recommended rate of the task as it was tuned.
    """

    change: str
    of: ChangedQuantity | None
    steps: int
    batch_size: int
    rates: tuple[float, ...]
    width: float
    at_edge: bool
    loss: float
    loss_of_answer: float

    @property
    def best(self) -> float | None:
        """The best rate, as the geometric mean over seeds; ``None`` without one."""
        return float(np.exp(np.log(self.rates).mean())) if self.rates else None

    @property
    def unresolved(self) -> float:
        """Standard deviation, in log rate, of a minimum anywhere within the width w: w log 2 / √12."""
        return self.width * math.log(2.0) / math.sqrt(12.0)

    @property
    def interval(self) -> Interval | None:
        """The 90 % interval of the best rate: Student's over seeds, widened by the distance of the rates tried."""
        if len(self.rates) < 2:
            return None
        logs = np.log(self.rates)
        half = math.hypot(interval_half_width(logs), NORMAL_QUANTILE_95 * self.unresolved)
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
        fields: dict[str, Json] = {**data, "rates": tuple(data["lr"]["seeds"]) if data["lr"] else ()}  # type: ignore  # as to_json wrote them
        del fields["lr"]
        losses = {name: math.inf if data[name] is None else data[name] for name in ("loss", "loss_of_answer")}
        return cls(**{**fields, **losses})  # type: ignore[arg-type]  # as to_json wrote them


@dataclass(frozen=True, slots=True)
class Exponent:
    """The power of the length of training or the batch size that the best learning rate is proportional to.

    Attributes:
        of: ChangedQuantity that the best rate is a power of.
        value: The power: 1 is proportional, 0 unchanged, -0.5 one over the square root.
        interval: 90 % interval of the power.
    """

    of: ChangedQuantity
    value: float
    interval: Interval

    @property
    def rules(self) -> tuple[tuple[RuleOfThumb, bool], ...]:
        """The rules of thumb of this quantity, and whether each lies in the interval."""
        return tuple((rule, rule.exponent in self.interval) for rule in RULES_OF_THUMB if rule.of == self.of)

    def to_json(self) -> dict[str, Json]:
        """Return the exponent as JSON data."""
        rules: list[Json] = [{**asdict(rule), "within": within} for rule, within in self.rules]
        return {"of": self.of, "exponent": self.value, **asdict(self.interval), "rules_of_thumb": rules}


@dataclass(frozen=True, slots=True)
class Transfer:
    """How the best learning rate changes with the length of training and the batch size.

    Attributes:
        rows: Best rates, of the task as it was tuned first, then of its changes.
        skipped: Changes that could not be made, as pairs of the change and the reason.
        config_steps: Config-steps of all trials.
    """

    rows: tuple[TransferRow, ...]
    skipped: tuple[tuple[str, str], ...]
    config_steps: int

    @property
    def seeds(self) -> int:
        """Number of seeds of every change of the batch size."""
        return max((len(row.rates) for row in self.rows), default=0)

    @property
    def exponents(self) -> tuple[Exponent, ...]:
        """The fitted power of each quantity with enough rows."""
        fits = (fit_exponent(self.rows, quantity) for quantity in CHANGED_QUANTITIES)
        return tuple(exponent for exponent in fits if exponent is not None)

    def to_json(self) -> dict[str, Json]:
        """Return the transfer as JSON data."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "exponents": [exponent.to_json() for exponent in self.exponents],
            "skipped": [{"change": change, "reason": reason} for change, reason in self.skipped],
            "config_steps": self.config_steps,
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> Transfer:
        """Return the transfer that :meth:`to_json` wrote; the exponents follow from the rows."""
        rows, skipped = data["rows"], data["skipped"]
        return cls(
            tuple(map(TransferRow.from_json, rows)),  # type: ignore[arg-type]  # as to_json wrote them
            tuple((each["change"], each["reason"]) for each in skipped),  # type: ignore  # as to_json wrote them
            data["config_steps"],  # type: ignore[arg-type]
        )


def fit_exponent(rows: Sequence[TransferRow], quantity: ChangedQuantity) -> Exponent | None:
    """Return the power p of a quantity q that the best rate is proportional to, fitted to all seeds together.

        log rate = a(seed) + p log q + noise

    Least squares with an intercept for every seed, so that what a seed does to all rows cancels. The interval is
    Student's at 90 % with seeds * rows - seeds - 1 degrees of freedom, widened by the distance of the rates tried;
    deviations from a power law widen it like noise.

    Args:
        rows: The task as it was tuned and its changes. Rows whose best rate is only a bound are left out: they would
            pull the power towards 0.
        quantity: ChangedQuantity that the rate is to be a power of.

    Returns:
        The power; ``None`` with fewer than two rows, or where a single seed leaves no estimate of the noise.
    """
    used = [row for row in rows if row.of in (None, quantity) and row.rates and not row.at_edge]
    if len(used) < 2:
        return None
    # Lengths come from the surrogate, with one rate for all seeds.
    if len({len(row.rates) for row in used}) > 1:
        used = [replace(row, rates=(math.exp(float(np.log(row.rates).mean())),)) for row in used]
    log_rates = np.log([row.rates for row in used])
    count, seeds = log_rates.shape
    freedom = seeds * count - seeds - 1
    if freedom < 1:
        return None
    x = np.log([float(getattr(row, quantity)) for row in used])
    x -= x.mean()
    log_rates -= log_rates.mean(axis=0)
    sum_of_squares = float(x @ x)
    power = float(x @ log_rates.mean(axis=1) / sum_of_squares)
    residual = log_rates - power * x[:, None]
    error = math.sqrt(float((residual**2).sum()) / freedom / (seeds * sum_of_squares))
    # Half of what is unresolved in a row is common to all rows, and does not change the power.
    unresolved = [row.unresolved / 2.0 for row in used]
    spacing = math.sqrt(sum((each * width) ** 2 for each, width in zip(x, unresolved, strict=True))) / sum_of_squares
    half = math.hypot(student_t_quantile(freedom) * error, NORMAL_QUANTILE_95 * spacing)
    return Exponent(quantity, power, Interval(power - half, power + half))
