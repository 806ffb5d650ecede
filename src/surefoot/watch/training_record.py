"""Everything that a watch has measured of a training, its losses too: what findings rest on and checkpoints store.

Of the losses, the means of blocks of steps over the whole training are kept, and the last ones as they are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from surefoot.watch.weight_updates_and_hyperparameters import CurrentHyperparameters, UpdateSample

# At this many blocks every two become one, so that between half as many and all of them are kept. Chosen.
MAX_BLOCKS = 256
# Number of last losses, and of first losses, that are kept one by one. Chosen.
NUM_RECENT, NUM_FIRST = 128, 5
# The curve is divided into this many parts, coarsely and finely: noise shows as a rebound in one of the two divisions,
# a true rebound in both. Chosen.
REBOUND_PARTS = (12, 24)
# Fewest blocks in a part of the curve; with fewer, its mean is too noisy.
MIN_BLOCKS_PER_PART = 5
# A rise between two parts is a rebound where it exceeds this many standard errors, and this share of the loss. Chosen.
MIN_RISE_ERRORS, MIN_RISE_SHARE = 4.0, 0.15


@dataclass(slots=True)
class LossHistory:
    """The losses so far.

    Attributes:
        first: The first finite loss; ``None`` where there is none yet.
        first_losses: The first few finite losses.
        count: Number of losses: the number of the next step.
        block_size: Steps in each full block.
        block_means: Mean finite loss of every full block since the last :meth:`restart`; NaN where it has none.
        recent: The last losses, newest last.
        diverged_at: First step of the NaN or inf losses at the end; ``None`` where the last loss is finite.

    Example:
        >>> losses = LossHistory()
        >>> losses.add([2.0, 1.5, math.inf, math.nan])
        >>> losses.first, losses.diverged_at, losses.block_means
        (2.0, 2, [2.0, 1.5, nan, nan])
    """

    first: float | None = None
    first_losses: list[float] = field(default_factory=list)
    count: int = 0
    block_size: int = 1
    block_means: list[float] = field(default_factory=list)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=NUM_RECENT))
    diverged_at: int | None = None
    _open_block: list[float] = field(default_factory=list)

    def add(self, losses: Iterable[float]) -> None:
        """Add the losses of further steps, in their order."""
        for loss in losses:
            if math.isfinite(loss):
                self.diverged_at = None
                self.first = loss if self.first is None else self.first
                if len(self.first_losses) < NUM_FIRST:
                    self.first_losses.append(loss)
            elif self.diverged_at is None:
                self.diverged_at = self.count
            self.count += 1
            self.recent.append(loss)
            self._open_block.append(loss)
            if len(self._open_block) >= self.block_size:
                self._close_block()

    @property
    def initial(self) -> float | None:
        """The loss at the start: the first one or the mean of the first few, whichever is higher: batches differ."""
        if self.first is None or not self.first_losses:
            return None
        return max(self.first, math.fsum(self.first_losses) / len(self.first_losses))

    def last_finite(self, count: int) -> NDArray[np.float64]:
        """Return the finite ones among this many last losses; at most ``NUM_RECENT`` are kept."""
        losses = np.array([*self.recent][-count:], dtype=np.float64)
        return losses[np.isfinite(losses)]

    def curve(self) -> NDArray[np.float64]:
        """Return the mean losses of all blocks that have one."""
        means = np.array(self.block_means, dtype=np.float64)
        return means[np.isfinite(means)]

    def curve_points(self) -> list[tuple[float, float]]:
        """Return the middle step and the mean loss of every block that has one.

        Example:
            >>> losses = LossHistory(block_size=2)
            >>> losses.add([4.0, 3.0, 2.0, 1.0])
            >>> losses.curve_points()
            [(0.5, 3.5), (2.5, 1.5)]
        """
        first = self._first_step_of_blocks + 0.5 * self.block_size - 0.5
        points = [(first + index * self.block_size, mean) for index, mean in enumerate(self.block_means)]
        return [(step, mean) for step, mean in points if math.isfinite(mean)]

    def lowest_step(self) -> int:
        """Return the first step of the block with the lowest mean; the next step where there is no block."""
        if not len(self.curve()):
            return self.count
        return self._first_step_of_blocks + int(np.nanargmin(self.block_means)) * self.block_size

    def restart(self) -> None:
        """Forget everything but the first losses and the count: what follows is another training."""
        self.block_size, self.block_means, self._open_block = 1, [], []
        self.recent.clear()

    def state(self) -> dict[str, Any]:
        """Return plain numbers and lists, for a checkpoint."""
        return {
            "first": self.first,
            "head": list(self.first_losses),
            "count": self.count,
            "block": self.block_size,
            "means": list(self.block_means),
            "recent": list(self.recent),
            "lost_at": self.diverged_at,
            "open": list(self._open_block),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LossHistory:
        """Return the history that :meth:`state` was called on."""
        return cls(
            first=state["first"],
            first_losses=list(state["head"]),
            count=state["count"],
            block_size=state["block"],
            block_means=list(state["means"]),
            recent=deque(state["recent"], maxlen=NUM_RECENT),
            diverged_at=state["lost_at"],
            _open_block=list(state["open"]),
        )

    @property
    def _first_step_of_blocks(self) -> int:
        return self.count - len(self._open_block) - len(self.block_means) * self.block_size

    def _close_block(self) -> None:
        self.block_means.append(_finite_mean(self._open_block))
        self._open_block = []
        if len(self.block_means) >= MAX_BLOCKS:
            means = self.block_means
            self.block_means = [_finite_mean(means[index : index + 2]) for index in range(0, MAX_BLOCKS, 2)]
            self.block_size *= 2


def count_rebounds(curve: NDArray[np.float64]) -> int:
    """Return how often a loss that had come down rose again by more than its noise.

    Args:
        curve: Losses, or mean losses of blocks, in their order.

    Example:
        >>> falls = np.linspace(2.0, 0.5, 100)
        >>> count_rebounds(falls), count_rebounds(np.concatenate([falls, falls[::-1]]))
        (0, 1)
    """
    enough = (len(curve) >= MIN_BLOCKS_PER_PART * parts for parts in REBOUND_PARTS)
    return min(_count_rises(curve, parts) if long else 0 for parts, long in zip(REBOUND_PARTS, enough, strict=True))


def _count_rises(curve: NDArray[np.float64], parts: int) -> int:
    """Count the rises from a lowest part to a later one; after each, the loss must come down before the next counts."""
    size = len(curve) // parts
    table = curve[-size * parts :].reshape(parts, size)
    means, errors = table.mean(axis=1).tolist(), (table.std(axis=1) / size**0.5).tolist()
    count, extreme, is_rising = 0, 0, False  # index of the lowest part so far, or of the highest while it rises
    for part in range(1, parts):
        change = means[part] - means[extreme]
        noise = MIN_RISE_ERRORS * math.hypot(errors[part], errors[extreme])
        if change > 0.0 if is_rising else change < 0.0:
            extreme = part
        elif is_rising and -change > noise:
            extreme, is_rising = part, False
        elif not is_rising and change > max(noise, MIN_RISE_SHARE * abs(means[extreme])):
            count, extreme, is_rising = count + 1, part, True
    return count


def _finite_mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan


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
            (:func:`surefoot.curvature.sharpness.curvature_ratio`).
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
