"""The Outcome: what came of a trial. Divergence and failure are data, never exceptions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

# The end of a training loss is the mean of this share of its points.
LAST = 0.1
Judge: TypeAlias = Literal["final", "best"]


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses at some steps; empty where none were kept.

    Attributes:
        steps: Step numbers, ascending.
        losses: Loss at each; ``inf`` where it was not finite.
    """

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SharpnessProbe:
    """Gradient and curvature at one step of a training, on the mini-batch of its next step.

    Attributes:
        step: Steps taken until then.
        grad_norm: Norm of the gradient.
        sharpness: Curvature of the loss along the optimizer's step.
        limit: What the sharpness would be at the edge of stability; ``None`` where that is not known.
    """

    step: int
    grad_norm: float
    sharpness: float
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial.

    Attributes:
        loss: Validation loss at the end; ``inf`` where the training diverged or failed.
        metric: The metric on the validation data, or ``None``.
        test_loss: Loss on the test data, where they were evaluated.
        diverged_at: Step of the first loss that was not finite, ``None`` where there is none.
        failure: Why there is no loss, in one line: an exception, a timeout, a killed process; ``None`` where it ran.
        seconds: Wall-clock seconds of the training; its share of them where several were trained at once.
        train: Training losses, each averaged over the steps since the one before.
        valid: Validation losses reported on the way.
        probes: Gradient norm and sharpness on the way, where they were measured.

    Example:
        >>> outcome = Outcome(0.5, valid=Curve((10, 20), (0.3, 0.5)))
        >>> outcome.judged("final"), outcome.judged("best"), outcome.ok
        (0.5, 0.3, True)
    """

    loss: float
    metric: float | None = None
    test_loss: float | None = None
    diverged_at: int | None = None
    failure: str | None = None
    seconds: float = 0.0
    train: Curve = Curve()
    valid: Curve = Curve()
    probes: tuple[SharpnessProbe, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the training came to its end with a finite loss."""
        return math.isfinite(self.loss)

    @property
    def train_end(self) -> float | None:
        """Training loss at the end, the mean of the last tenth of its points; ``None`` where none were kept.

        Example:
            >>> Outcome(0.5, train=Curve((10, 20, 30), (2.0, 1.0, 0.5))).train_end
            0.5
        """
        losses = self.train.losses
        last = losses[-max(1, round(LAST * len(losses))) :]
        return sum(last) / len(last) if last else None

    def judged(self, by: Judge) -> float:
        """Return the loss that counts: the one at the end, or the best of those on the way and at the end.

        A training that diverged has none, however good it was before.
        """
        if by == "final" or not self.ok:
            return self.loss
        return min([self.loss, *(loss for loss in self.valid.losses if math.isfinite(loss))])


def failed(why: str, *, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a trial that has no loss, and why."""
    return Outcome(math.inf, failure=" ".join(why.split())[:300], seconds=seconds)
