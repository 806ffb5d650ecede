"""The Trial (one training, short or full), its Outcome, and the Trainer protocol: whatever runs trials.

Search and checking know trainings through these types only. Divergence and failure are outcomes, never exceptions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

from surefoot.core.errors import RecipeError
from surefoot.core.progress import StopCondition
from surefoot.core.value_types import Json
from surefoot.recipe.recipe import Recipe

# The training loss at the end is the mean of this share of the points of its curve; chosen.
END_SHARE_OF_CURVE = 0.1
# Maximum length of the reason of a failure, in characters; chosen.
MAX_FAILURE_LENGTH = 300
# Which validation loss scores a training: the one at its end, or the lowest one during it.
ScoreAt: TypeAlias = Literal["end", "best"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss curve; empty where no losses were recorded.

    Attributes:
        steps: Step numbers, ascending.
        losses: Loss at each of the steps; ``inf`` where it was not finite.
    """

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SharpnessProbe:
    """Gradient norm and sharpness at one step of a training, on the mini-batch of its next step.

    Attributes:
        step: Number of steps taken before it.
        grad_norm: Norm of the gradient.
        sharpness: Curvature of the loss along the optimizer's step.
        limit: Sharpness at the edge of stability; ``None`` where it is not known for the optimizer.
    """

    step: int
    grad_norm: float
    sharpness: float
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a trial.

    Attributes:
        loss: Validation loss at the end; ``inf`` where the training diverged or failed.
        metric: Metric on the validation data, or ``None``.
        test_loss: Loss on the test data, or ``None`` where they were not evaluated.
        diverged_at: Step of the first loss that was not finite, ``None`` where there is none.
        failure: Why there is no loss, in one line, such as an exception, a timeout or a killed process; ``None`` where
            the training ran to its end.
        seconds: Wall-clock seconds of the training; where several trainings ran together, an equal share of them.
        train: Training losses, each the mean since the previous point.
        valid: Validation losses during the training.
        probes: Gradient norm and sharpness during the training, where they were measured.

    Example:
        >>> outcome = Outcome(0.5, valid=Curve((10, 20), (0.3, 0.5)))
        >>> outcome.loss_at("end"), outcome.loss_at("best"), outcome.ok
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
        """Whether the training ran to its end with a finite loss."""
        return math.isfinite(self.loss)

    @property
    def train_end(self) -> float | None:
        """Training loss at the end: the mean of the last tenth of the curve; ``None`` where there is no curve.

        Example:
            >>> Outcome(0.5, train=Curve((10, 20, 30), (2.0, 1.0, 0.5))).train_end
            0.5
        """
        losses = self.train.losses
        last = losses[-max(1, round(END_SHARE_OF_CURVE * len(losses))) :]
        return sum(last) / len(last) if last else None

    def loss_at(self, score_at: ScoreAt) -> float:
        """Return the validation loss at the end, or the lowest during and at the end of the training.

        For a training that diverged it is ``inf``, however low its loss was before.
        """
        if score_at == "end" or not self.ok:
            return self.loss
        return min([self.loss, *(loss for loss in self.valid.losses if math.isfinite(loss))])


def failed_outcome(why: str, *, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a trial that has no loss.

    Args:
        why: The reason; it becomes one line of at most 300 characters.
        seconds: Wall-clock seconds of the training.
    """
    return Outcome(math.inf, failure=" ".join(why.split())[:MAX_FAILURE_LENGTH], seconds=seconds)


class Reporter(Protocol):
    """Receives the reports of a running training, and knows whether it should stop."""

    def report(self, loss: float, *, step: int | None, metric: float | None, test_loss: float | None) -> None:
        """Record a validation loss."""
        ...

    def should_stop(self) -> bool:
        """Return whether the training should end early."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a recipe, a length and a seed. Its outcome depends on these three alone.

    The recipe's schedules run over ``steps``, their cooldown included: a short trial is a complete training.

    Attributes:
        recipe: The recipe; ``trial.recipe.build(model)`` returns a torch optimizer and its scheduler.
        steps: Number of optimizer steps, at least 1.
        seed: Seed of initialisation, data order and dropout, at least 0.
        reporter: Receives the arguments of :meth:`report`; ignored when trials are compared.

    Raises:
        RecipeError: If ``steps`` or ``seed`` is not a whole number of the allowed range.

    Example:
        >>> trial = Trial(Recipe.parse("sgd(lr=cosine(0.1), momentum=0.9)"), steps=100, seed=0)
        >>> trial.recipe.steps, trial == Trial(trial.recipe, steps=100, seed=0)
        (100, True)
    """

    recipe: Recipe
    steps: int
    seed: int
    reporter: Reporter | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, minimum in (("steps", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
                raise RecipeError(f"a trial's {name} must be a whole number of at least {minimum}; given {value!r}.")
        object.__setattr__(self, "recipe", replace(self.recipe, steps=self.steps))

    def report(
        self,
        loss: float,
        *,
        step: int | None = None,
        metric: float | None = None,
        test_loss: float | None = None,
    ) -> None:
        """Report a validation loss during the training, or, without ``step``, the one at its end.

        Args:
            loss: Validation loss.
            step: Number of optimizer steps taken so far; without it, the training has ended.
            metric: Metric on the validation data; higher is better.
            test_loss: Loss on test data, which must not be used to choose anything.
        """
        if self.reporter is not None:
            self.reporter.report(loss, step=step, metric=metric, test_loss=test_loss)

    @property
    def should_stop(self) -> bool:
        """Whether the training should end early, because it was asked to or has reached its timeout."""
        return self.reporter is not None and self.reporter.should_stop()


class Trainer(Protocol):
    """Runs trials; knows nothing of the search.

    The outcome of a trial depends on its recipe, length and seed alone (and on the plan and the versions of the
    libraries), and not on the trainer, the time, or the other trials. Where several trials share one program, this
    holds up to the rounding of float32.

    Attributes:
        stop: Called often while trials run; when it returns true, the trainer raises :class:`Interrupted`.
    """

    stop: StopCondition

    @property
    def name(self) -> str:
        """Name of what is trained, for messages and reports."""
        ...

    @property
    def steps(self) -> int:
        """Length of a full training in optimizer steps."""
        ...

    @property
    def capacity(self) -> int:
        """Number of trials worth passing to :meth:`train` at once: a fleet's width, or a number of workers."""
        ...

    @property
    def has_metric(self) -> bool | None:
        """Whether outcomes have a metric; ``None`` where that is not known before the first trial."""
        ...

    @property
    def exact(self) -> bool:
        """Whether outcomes are equal bit for bit whichever trials are passed to :meth:`train` together."""
        ...

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield each trial with its outcome as soon as it ends, in any order.

        Raises:
            Interrupted: If ``stop`` returns true; outcomes that were yielded before remain valid.
        """
        ...

    def describe(self) -> dict[str, Json]:
        """Return what must be unchanged for recorded outcomes to be used again: kind, length, and what is trained."""
        ...
