"""What a training says of itself -> its Outcome."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from surefoot.core.errors import TaskError
from surefoot.core.values import Json, finite_or_none
from surefoot.trainers.trial import Curve, Outcome, failed

SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a training: how good the network is at some step.

    Attributes:
        loss: Validation loss; may be NaN or infinite.
        step: Optimizer steps taken so far; ``None`` for the end of the training.
        metric: The metric there, or ``None``.
        test_loss: Loss on the test data, or ``None``.
    """

    loss: float
    step: int | None = None
    metric: float | None = None
    test_loss: float | None = None

    @classmethod
    def of(cls, loss: Any, *, step: Any = None, metric: Any = None, test_loss: Any = None) -> Report:
        """Return a report from what a user's code gives: numbers, or NumPy and torch scalars.

        Raises:
            TaskError: If something is no number.

        Example:
            >>> import torch
            >>> Report.of(torch.tensor(0.5), step=10)
            Report(loss=0.5, step=10, metric=None, test_loss=None)
        """
        return cls(
            _number(loss, "loss"),
            None if step is None else _whole(step),
            None if metric is None else _number(metric, "metric"),
            None if test_loss is None else _number(test_loss, "test_loss"),
        )

    @classmethod
    def of_returned(cls, value: Any) -> Report:
        """Return the last report from what a training function returns: a loss, or a mapping with one.

        Raises:
            TaskError: If there is no number for a loss in it.

        Example:
            >>> Report.of_returned({"loss": 0.5, "metric": 0.9})
            Report(loss=0.5, step=None, metric=0.9, test_loss=None)
        """
        if not isinstance(value, Mapping):
            return cls.of(value)
        if "loss" not in value:
            raise TaskError(f"the mapping it returned has no 'loss'; its keys are {_shown([*value])}.")
        return cls.of(value["loss"], metric=value.get("metric"), test_loss=value.get("test_loss"))

    def to_json(self) -> list[Json]:
        """Return the report as JSON data (NaN and infinity as Python writes them)."""
        return [self.loss, self.step, self.metric, self.test_loss]


def outcome_of(reports: Sequence[Report], final: Report, *, seconds: float) -> Outcome:
    """Return the outcome of a training that came to its end.

    Args:
        reports: All that it reported on its way.
        final: Its last report, which has the loss that counts.
        seconds: How long it took.

    Example:
        >>> outcome_of([Report(0.5, 10), Report(math.nan, 20)], Report(math.nan), seconds=1.0).diverged_at
        20
    """
    curve = _curve(reports)
    if not math.isfinite(final.loss):
        lost = (step for step, loss in zip(curve.steps, curve.losses, strict=True) if not math.isfinite(loss))
        return Outcome(math.inf, diverged_at=next(lost, None), seconds=seconds, valid=curve)
    return Outcome(
        final.loss,
        metric=finite_or_none(final.metric),
        test_loss=finite_or_none(final.test_loss),
        seconds=seconds,
        valid=curve,
    )


def failure_of(reports: Sequence[Report], why: str, *, seconds: float) -> Outcome:
    """Return the outcome of a training that failed, with what it had reported until then."""
    return replace(failed(why, seconds=seconds), valid=_curve(reports))


def _curve(reports: Sequence[Report]) -> Curve:
    """Return the reports that have a step, ascending; of several at one step the last counts."""
    losses = {report.step: report.loss for report in reports if report.step is not None}
    steps = sorted(losses)
    return Curve(tuple(steps), tuple(losses[s] if math.isfinite(losses[s]) else math.inf for s in steps))


def _number(value: Any, what: str) -> float:
    scalar = value
    if not isinstance(value, Real) and callable(getattr(value, "item", None)):
        try:
            scalar = value.item()
        except (ValueError, RuntimeError):  # of several elements
            scalar = None
    if not isinstance(scalar, Real) or isinstance(scalar, bool):
        raise TaskError(f"a {what} is a number; given {_shown(value)} ({type(value).__name__}).")
    return float(scalar)


def _whole(value: Any) -> int:
    try:
        step = operator.index(value)
    except TypeError:
        step = -1
    if step < 0:
        raise TaskError(f"a step is a whole number of at least 0; given {_shown(value)}.")
    return step


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…"
