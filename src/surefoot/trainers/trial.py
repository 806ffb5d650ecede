"""The Outcome: what came of a trial. Divergence and failure are data, never exceptions.

The Trial: one training, short or full.

The Trainer: whatever runs trials. Search and checking see nothing else of a training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

from surefoot.core.errors import RecipeError
from surefoot.core.progress import Stop
from surefoot.core.values import Json
from surefoot.recipe.recipe import Recipe

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


class Reporter(Protocol):
    """Receives what a training function says on its way."""

    def report(self, loss: float, *, step: int | None, metric: float | None, test_loss: float | None) -> None:
        """Take note of a validation loss."""
        ...

    def should_stop(self) -> bool:
        """Tell whether the training may end early."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a recipe, its length and its seed. What comes of it depends on these three alone.

    The recipe's schedules run over ``steps``, the cooldown at their end included: a short trial is a whole training.

    Attributes:
        recipe: What to train with; ``trial.recipe.build(model)`` returns a torch optimizer and its scheduler.
        steps: Optimizer steps to take, at least 1.
        seed: Seed of initialisation, data order and dropout, at least 0.
        reporter: Receives what :meth:`report` is given; no part of what the trial is.

    Raises:
        RecipeError: If ``steps`` or ``seed`` is no such number.

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
        for name, least in (("steps", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise RecipeError(f"a trial's {name} is a whole number of at least {least}; given {value!r}.")
        object.__setattr__(self, "recipe", replace(self.recipe, steps=self.steps))

    def report(
        self,
        loss: float,
        *,
        step: int | None = None,
        metric: float | None = None,
        test_loss: float | None = None,
    ) -> None:
        """Say how the training stands: a validation loss on the way, or, with no step, the one at the end.

        Args:
            loss: Validation loss.
            step: Optimizer steps taken so far; the end of the training, if not given.
            metric: The metric there, the higher the better.
            test_loss: Loss on data that nothing was chosen by.
        """
        if self.reporter is not None:
            self.reporter.report(loss, step=step, metric=metric, test_loss=test_loss)

    @property
    def should_stop(self) -> bool:
        """Whether the training may end early: it was asked to, or its time is over."""
        return self.reporter is not None and self.reporter.should_stop()


class Trainer(Protocol):
    """Runs trials; knows nothing of searching.

    What comes of a trial depends on its recipe, length and seed alone (and on the plan and the versions of the
    libraries), never on who ran it, beside which others or when; where several trials share one program, up to the
    rounding of float32.

    Attributes:
        stop: Asked often; where it says yes, :class:`Interrupted` is raised. Set by whoever drives the trainer.
    """

    stop: Stop

    @property
    def name(self) -> str:
        """What is trained, for people."""
        ...

    @property
    def steps(self) -> int:
        """Length of a full training, in optimizer steps."""
        ...

    @property
    def capacity(self) -> int:
        """Trials worth handing over at once: a fleet's width, a number of workers."""
        ...

    @property
    def has_metric(self) -> bool | None:
        """Whether outcomes have a metric; ``None`` where that is not known before the first trial."""
        ...

    @property
    def exact(self) -> bool:
        """Whether outcomes are the same bit for bit whatever trials are handed over together."""
        ...

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield every trial with its outcome as they end, in any order.

        Raises:
            Interrupted: If asked to stop; what was yielded before stands.
        """
        ...

    def describe(self) -> dict[str, Json]:
        """Return what must stay the same for recorded outcomes to count: kind, length, and what is trained."""
        ...
