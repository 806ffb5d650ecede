"""The Trainer: whatever runs trials. Search and checking see nothing else of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from surefoot.interruption import Stop
from surefoot.trainers.outcome import Outcome
from surefoot.trainers.trial import Trial
from surefoot.values import Json


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
