"""Everything that a watch has measured of a training: what a finding rests on, and what a checkpoint stores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Generic, TypeVar

import numpy as np

from surefoot.watch.loss_history import LossHistory
from surefoot.watch.weight_updates import CurrentHyperparameters, UpdateSample

# Most samples of each kind that are kept. Chosen.
MAX_SAMPLES = 64
# Curvature measured below this share of the peak learning rate is from the end of a schedule, where the learning rate
# is meant to be low. Chosen.
MIN_SHARE_OF_PEAK_LR = 0.5
# The learning rate is in its warmup where it is this many times what it was at the first sample. Chosen.
WARMUP_RATIO = 1.05
# Number of last losses whose median stands for the loss now, in the evidence. Chosen.
LOSSES_IN_EVIDENCE = 20

Sample = TypeVar("Sample")


@dataclass(slots=True)
class ThinnedSamples(Generic[Sample]):
    """Samples spread over a whole training, in bounded memory: every n-th one, between half of ``MAX_SAMPLES`` and all.

    Attributes:
        kept: The samples that are kept, newest last.
        every: The n: of how many samples one is kept.
        count: How many samples there were.

    Example:
        >>> samples = ThinnedSamples()
        >>> for number in range(100):
        ...     samples.add(number)
        >>> len(samples), [*samples][:3]
        (50, [0, 2, 4])
    """

    kept: list[Sample] = field(default_factory=list)
    every: int = 1
    count: int = 0

    def add(self, sample: Sample) -> None:
        """Add a sample, if it is an n-th one."""
        if self.count % self.every == 0:
            self.kept.append(sample)
        self.count += 1
        if len(self.kept) >= MAX_SAMPLES:
            self.kept, self.every = self.kept[::2], 2 * self.every

    def clear(self) -> None:
        """Forget all samples."""
        self.kept, self.every, self.count = [], 1, 0

    def state(self, to_plain: Callable[[Sample], dict[str, Any]]) -> dict[str, Any]:
        """Return plain numbers and lists, for a checkpoint."""
        return {"kept": [to_plain(sample) for sample in self.kept], "every": self.every, "count": self.count}

    @classmethod
    def from_state(
        cls, state: dict[str, Any], from_plain: Callable[[dict[str, Any]], Sample]
    ) -> ThinnedSamples[Sample]:
        """Return the samples that :meth:`state` was called on."""
        return cls([from_plain(each) for each in state["kept"]], state["every"], state["count"])

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)


@dataclass(frozen=True, slots=True)
class CurvatureSample:
    """A measurement of curvature along the optimizer's step.

    Attributes:
        step: Step at which it was measured.
        lr: Learning rate at that step.
        ratio: Ratio of curvature to slope along the optimizer's step in the long run
            (:func:`surefoot.curvature.step_curvature.curvature_ratio`).
    """

    step: int
    lr: float
    ratio: float


@dataclass(slots=True)
class TrainingRecord:
    """Everything that was measured.

    Attributes:
        losses: The losses of all steps.
        updates: Samples of successive updates of the weights.
        curvature: Samples of the curvature along the optimizer's step.
        hyperparameters: Newest learning rate and momentum.
        lr_peak: Highest learning rate so far.
        has_non_finite_weights: Whether a weight was NaN or inf when the weights were last read.
        why_no_curvature: Why curvature cannot be measured; ``None`` where it can.
    """

    losses: LossHistory = field(default_factory=LossHistory)
    updates: ThinnedSamples[UpdateSample] = field(default_factory=ThinnedSamples)
    curvature: ThinnedSamples[CurvatureSample] = field(default_factory=ThinnedSamples)
    hyperparameters: CurrentHyperparameters = field(default_factory=lambda: CurrentHyperparameters(0.0))
    lr_peak: float = 0.0
    has_non_finite_weights: bool = False
    why_no_curvature: str | None = None

    def update_hyperparameters(self, hyperparameters: CurrentHyperparameters) -> None:
        """Record the current learning rate and momentum."""
        self.hyperparameters = hyperparameters
        self.lr_peak = max(self.lr_peak, hyperparameters.lr)

    def restart(self) -> None:
        """Begin anew with another learning rate: only the first losses are kept."""
        self.losses.restart()
        self.updates.clear()
        self.curvature.clear()
        self.lr_peak = 0.0

    def curvature_near_peak_lr(self) -> list[CurvatureSample]:
        """Return the curvature measured near the peak learning rate; none while the learning rate is in its warmup."""
        near_peak = [each for each in self.curvature if each.lr >= MIN_SHARE_OF_PEAK_LR * self.lr_peak]
        in_warmup = bool(near_peak) and self.hyperparameters.lr > WARMUP_RATIO * near_peak[0].lr
        return [] if in_warmup else near_peak

    def lr_has_decayed(self) -> bool:
        """Return whether the learning rate has come down from its peak: a rise of the loss may then be a restart."""
        rates = [each.lr for each in self.curvature]
        return bool(np.any(np.array(rates) < MIN_SHARE_OF_PEAK_LR * np.maximum.accumulate(rates))) if rates else False

    def evidence(self) -> dict[str, float]:
        """Return the numbers that a finding rests on, by name; those that are unknown, NaN or inf are left out."""
        current = self.hyperparameters
        sharpness = (each.ratio / self._effective_rate(each.lr) for each in self.curvature if each.lr > 0.0)
        numbers: dict[str, float | None] = {
            "step": float(self.losses.count - 1),
            "lr": current.lr,
            "momentum": current.momentum if current.momentum_name else None,
            "start_loss": self.losses.first,
            "loss": _median(self.losses.last_finite(LOSSES_IN_EVIDENCE).tolist()),
            "update_cosine": _median(each.cosine for each in self.updates),
            "update_to_weight": _median(each.ratio for each in self.updates),
            "reach": _median(each.ratio for each in self.curvature),
            "step_sharpness": _median(sharpness),
        }
        return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}

    def state(self) -> dict[str, Any]:
        """Return plain numbers, words and lists, for a checkpoint."""
        return {
            "losses": self.losses.state(),
            "updates": self.updates.state(asdict),
            "bends": self.curvature.state(lambda each: {"step": each.step, "lr": each.lr, "reach": each.ratio}),
            "rates": asdict(self.hyperparameters),
            "lr_peak": self.lr_peak,
            "weights_lost": self.has_non_finite_weights,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TrainingRecord:
        """Return the record that :meth:`state` was called on."""
        return cls(
            losses=LossHistory.from_state(state["losses"]),
            updates=ThinnedSamples.from_state(state["updates"], lambda each: UpdateSample(**each)),
            curvature=ThinnedSamples.from_state(
                state["bends"], lambda each: CurvatureSample(each["step"], each["lr"], each["reach"])
            ),
            hyperparameters=CurrentHyperparameters(**state["rates"]),
            lr_peak=state["lr_peak"],
            has_non_finite_weights=state["weights_lost"],
        )

    def _effective_rate(self, lr: float) -> float:
        """Return the rate at which a constant gradient moves the weights in the long run."""
        current = self.hyperparameters
        return lr / (1.0 - current.momentum) if current.momentum_name == "momentum" else lr


def _median(values: Iterable[float]) -> float | None:
    """Return the median; of so few values ``statistics.median`` takes a tenth of NumPy's time."""
    found = [*values]
    return median(found) if found else None
