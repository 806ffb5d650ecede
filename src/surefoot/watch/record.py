"""Samples spread over a whole training, in bounded memory.

Everything seen of a training so far; what a verdict rests on, and what goes into a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Generic, TypeVar

import numpy as np

from surefoot.watch.losses import Losses
from surefoot.watch.weight_updates import Rates, Update

Item = TypeVar("Item")

MOST = 64


@dataclass(slots=True)
class Samples(Generic[Item]):
    """Samples of which every n-th is kept, so that between half of ``MOST`` and all are there.

    Attributes:
        kept: Those that are, the newest last.
        every: n.
        count: How many there were.

    Example:
        >>> samples = Samples()
        >>> for number in range(100):
        ...     samples.add(number)
        >>> len(samples), [*samples][:3]
        (50, [0, 2, 4])
    """

    kept: list[Item] = field(default_factory=list)
    every: int = 1
    count: int = 0

    def add(self, item: Item) -> None:
        """Take one in, if it is its turn."""
        if self.count % self.every == 0:
            self.kept.append(item)
        self.count += 1
        if len(self.kept) >= MOST:
            self.kept, self.every = self.kept[::2], 2 * self.every

    def clear(self) -> None:
        """Begin anew."""
        self.kept, self.every, self.count = [], 1, 0

    def state(self, plain: Callable[[Item], dict[str, Any]]) -> dict[str, Any]:
        """Return it with every sample made plain."""
        return {"kept": [plain(item) for item in self.kept], "every": self.every, "count": self.count}

    def __iter__(self) -> Iterator[Item]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)


# Samples at less than this share of the highest learning rate are the end of a schedule, which is meant to be low.
NEAR_PEAK = 0.5
# A learning rate that is so many times what it was at the first of the samples is in its warmup.
RISES = 1.05
# Of so many losses the median is where a training stands.
NOW = 20


@dataclass(frozen=True, slots=True)
class Bend:
    """One measurement of curvature.

    Attributes:
        step: When.
        lr: Learning rate then.
        reach: Of the optimizer's step, in its long run (:mod:`surefoot.curvature.step_curvature`).
    """

    step: int
    lr: float
    reach: float


@dataclass(slots=True)
class Record:
    """What was seen.

    Attributes:
        losses: Of every step.
        updates: Sampled pairs of successive updates.
        bends: Sampled curvature.
        rates: The newest learning rate and momentum.
        lr_peak: Highest learning rate so far.
        weights_lost: Whether a weight was no number when last looked at.
        unjudged: What cannot be judged, and why.
    """

    losses: Losses = field(default_factory=Losses)
    updates: Samples[Update] = field(default_factory=Samples)
    bends: Samples[Bend] = field(default_factory=Samples)
    rates: Rates = field(default_factory=lambda: Rates(0.0))
    lr_peak: float = 0.0
    weights_lost: bool = False
    unjudged: str | None = None

    def see_rates(self, rates: Rates) -> None:
        """Take in the learning rate and momentum of now."""
        self.rates = rates
        self.lr_peak = max(self.lr_peak, rates.lr)

    def forget(self) -> None:
        """Begin anew, with another learning rate: only the first loss still counts."""
        self.losses.restart()
        self.updates.clear()
        self.bends.clear()
        self.lr_peak = 0.0

    def bends_at_height(self) -> list[Bend]:
        """Return the curvature measured while the learning rate was neither in its warmup nor on its way down."""
        high = [bend for bend in self.bends if bend.lr >= NEAR_PEAK * self.lr_peak]
        return [] if high and self.rates.lr > RISES * high[0].lr else high

    def has_decayed(self) -> bool:
        """Tell whether the learning rate has come down from its peak: what rises after that may be a restart."""
        rates = [bend.lr for bend in self.bends]
        return bool(np.any(np.array(rates) < NEAR_PEAK * np.maximum.accumulate(rates))) if rates else False

    def numbers(self) -> dict[str, float]:
        """Return the evidence by name."""
        found: dict[str, float | None] = {
            "step": float(self.losses.count - 1),
            "lr": self.rates.lr,
            "momentum": self.rates.momentum if self.rates.momentum_name else None,
            "start_loss": self.losses.first,
            "loss": _median(self.losses.last(NOW).tolist()),
            "update_cosine": _median(update.cosine for update in self.updates),
            "update_to_weight": _median(update.ratio for update in self.updates),
            "reach": _median(bend.reach for bend in self.bends),
            "step_sharpness": _median(bend.reach / self.effective(bend.lr) for bend in self.bends if bend.lr > 0.0),
        }
        return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}

    def effective(self, lr: float) -> float:
        """Return the rate at which a constant gradient moves the weights in the long run."""
        return lr / (1.0 - self.rates.momentum) if self.rates.momentum_name == "momentum" else lr

    def state(self) -> dict[str, Any]:
        """Return it as plain numbers, words and lists."""
        return {
            "losses": self.losses.state(),
            "updates": self.updates.state(asdict),
            "bends": self.bends.state(asdict),
            "rates": asdict(self.rates),
            "lr_peak": self.lr_peak,
            "weights_lost": self.weights_lost,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Record:
        """Return what :meth:`state` was taken of."""
        return cls(
            Losses.from_state(state["losses"]),
            _samples(state["updates"], Update),
            _samples(state["bends"], Bend),
            Rates(**state["rates"]),
            *(state[name] for name in ("lr_peak", "weights_lost")),
        )


def _samples(state: dict[str, Any], kind: Callable[..., Item]) -> Samples[Item]:
    return Samples([kind(**each) for each in state["kept"]], state["every"], state["count"])


def _median(values: Iterable[float]) -> float | None:
    found = [*values]
    return median(found) if found else None  # of so few, a tenth of NumPy's time
