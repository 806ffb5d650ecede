"""The reports of a training, and the Outcome that follows from them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from surefoot.core.errors import TaskError
from surefoot.core.values import Json, finite_or_none
from surefoot.trainers.trial import Curve, Outcome, failed_outcome

# Maximum length of a value that a message quotes, in characters; chosen.
MAX_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a training: the validation loss at some step.

    Attributes:
        loss: Validation loss; may be NaN or infinite.
        step: Number of optimizer steps taken so far; ``None`` for the end of the training.
        metric: Metric on the validation data, or ``None``.
        test_loss: Loss on the test data, or ``None``.
    """

    loss: float
    step: int | None = None
    metric: float | None = None
    test_loss: float | None = None

    @classmethod
    def of(cls, loss: Any, *, step: Any = None, metric: Any = None, test_loss: Any = None) -> Report:
        """Return a report of values from a user's code: Python numbers, or NumPy and torch scalars.

        Raises:
            TaskError: If a value is not a number.

        Example:
            >>> import torch
            >>> Report.of(torch.tensor(0.5), step=10)
            Report(loss=0.5, step=10, metric=None, test_loss=None)
        """
        return cls(
            _number(loss, "loss"),
            None if step is None else _step_number(step),
            None if metric is None else _number(metric, "metric"),
            None if test_loss is None else _number(test_loss, "test_loss"),
        )

    @classmethod
    def of_returned(cls, value: Any) -> Report:
        """Return the final report of the return value of a training function: a loss, or a mapping that has one.

        Raises:
            TaskError: If it has no loss, or a value is not a number.

        Example:
            >>> Report.of_returned({"loss": 0.5, "metric": 0.9})
            Report(loss=0.5, step=None, metric=0.9, test_loss=None)
        """
        if not isinstance(value, Mapping):
            return cls.of(value)
        if "loss" not in value:
            raise TaskError(f"the returned mapping has no 'loss'; its keys are {_shown([*value])}.")
        return cls.of(value["loss"], metric=value.get("metric"), test_loss=value.get("test_loss"))

    def to_json(self) -> list[Json]:
        """Return the report as JSON data (NaN and infinity as Python writes them)."""
        return [self.loss, self.step, self.metric, self.test_loss]


def outcome_of(reports: Sequence[Report], final: Report, *, seconds: float) -> Outcome:
    """Return the outcome of a training that ran to its end.

    Args:
        reports: All reports during the training.
        final: The report of its end.
        seconds: Wall-clock seconds of the training.

    Example:
        >>> outcome_of([Report(0.5, 10), Report(math.nan, 20)], Report(math.nan), seconds=1.0).diverged_at
        20
    """
    curve = _curve(reports)
    if not math.isfinite(final.loss):
        not_finite = (step for step, loss in zip(curve.steps, curve.losses, strict=True) if not math.isfinite(loss))
        return Outcome(math.inf, diverged_at=next(not_finite, None), seconds=seconds, valid=curve)
    return Outcome(
        final.loss,
        metric=finite_or_none(final.metric),
        test_loss=finite_or_none(final.test_loss),
        seconds=seconds,
        valid=curve,
    )


def outcome_of_failure(reports: Sequence[Report], why: str, *, seconds: float) -> Outcome:
    """Return the outcome of a training that failed.

    Args:
        reports: All reports before it failed.
        why: The reason, in one line.
        seconds: Wall-clock seconds of the training.
    """
    return replace(failed_outcome(why, seconds=seconds), valid=_curve(reports))


def _curve(reports: Sequence[Report]) -> Curve:
    """Return the curve of the reports that have a step; of several reports at one step the last counts."""
    losses = {report.step: report.loss for report in reports if report.step is not None}
    steps = sorted(losses)
    return Curve(tuple(steps), tuple(losses[s] if math.isfinite(losses[s]) else math.inf for s in steps))


def _number(value: Any, what: str) -> float:
    scalar = value
    if not isinstance(value, Real) and callable(getattr(value, "item", None)):
        try:
            scalar = value.item()
        except (ValueError, RuntimeError):  # a tensor of several elements
            scalar = None
    if not isinstance(scalar, Real) or isinstance(scalar, bool):
        raise TaskError(f"a {what} must be a number; given {_shown(value)} ({type(value).__name__}).")
    return float(scalar)


def _step_number(value: Any) -> int:
    try:
        step = operator.index(value)
    except TypeError:
        step = -1
    if step < 0:
        raise TaskError(f"a step must be a whole number of at least 0; given {_shown(value)}.")
    return step


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[: MAX_SHOWN_LENGTH - 1]}…"
