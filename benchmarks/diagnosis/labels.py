"""What is wrong with a training, measured: a grid of trainings is its own answer.

A setting is a learning rate and a momentum; everything else is the same all over a grid. In this order:

diverged        the final validation loss is not finite, or above the start while the training loss is too (where
                the training data is learnt by heart, the validation loss may rise above anything)
lr, momentum    every single change is tried: the learning rate at the same momentum, the momentum at the same learning
                rate, the momentum at the same lr / (1 - momentum). Where the best of them all lowers the final loss by
                more than 5 %, and by more than 2 √2 times the noise of a mean over the seeds, the setting is at fault:
                the learning rate, if changing it alone recovers 80 % of that, for it is the first knob; else the
                momentum. A verdict that names another change which recovers 80 % counts as right too.
overfitting     the validation loss ends 10 % above its lowest while the training loss falls
healthy         all others
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Change: TypeAlias = Literal["lr", "momentum at the same lr", "momentum at the same lr / (1 - momentum)"]
CHANGES: tuple[Change, ...] = ("lr", "momentum at the same lr", "momentum at the same lr / (1 - momentum)")

# Labels under which learning rate and momentum are well set.
WELL_SET = ("healthy", "overfitting")
WORTH, NOISES, RECOVERED, OVERFITTED = 0.05, 2.0 * math.sqrt(2.0), 0.80, 1.10


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """What became of a grid of trainings.

    Attributes:
        rates: Learning rates ``[R]``, ascending, each the same factor above the last.
        momenta: ``[M]``, ascending.
        final: Validation loss at the end ``[R, M, seeds]``.
        lowest: Lowest validation loss on the way ``[R, M, seeds]``.
        start: Validation loss before the first step ``[seeds]``.
        falls: Whether the training loss falls to the end ``[R, M]``.
        learns: Whether the training loss ends below the loss before the first step ``[R, M]``.
        noise: Standard deviation of one seed's log loss, pooled over the task's healthy trainings.
    """

    rates: Array
    momenta: Array
    final: Array
    lowest: Array
    start: Array
    falls: NDArray[np.bool_]
    learns: NDArray[np.bool_]
    noise: float

    @property
    def mean(self) -> Array:
        """Mean final loss ``[R, M]``; infinite where a seed diverged."""
        found: Array = np.where(np.isfinite(self.final), self.final, np.inf).mean(-1)
        return found


@dataclass(frozen=True, slots=True)
class Best:
    """The best that a kind of change can do.

    Attributes:
        loss: The final loss after it.
        up: Whether it raises what it changes.
        setting: The learning rate and momentum that it leads to.
    """

    loss: float
    up: bool
    setting: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Label:
    """What is wrong with a setting.

    Attributes:
        verdict: The verdict that the measurement asks for.
        right: All verdicts that count as right, itself among them.
        gain: Which share of its final loss the best change saves.
    """

    verdict: str
    right: frozenset[str] = field(default_factory=frozenset)
    gain: float = 0.0


def labelled(landscape: Landscape) -> Iterator[tuple[int, int, Label]]:
    """Yield every setting's places on the grid, and its label."""
    for rate in range(len(landscape.rates)):
        for momentum in range(len(landscape.momenta)):
            yield rate, momentum, label(landscape, rate, momentum)


def label(landscape: Landscape, rate: int, momentum: int) -> Label:
    """Return what is wrong with one setting."""
    loss = float(landscape.mean[rate, momentum])
    if not math.isfinite(loss) or (loss > float(landscape.start.mean()) and not landscape.learns[rate, momentum]):
        return Label("diverged", frozenset({"diverged"}))
    best = {change: best_of(landscape, rate, momentum, change) for change in CHANGES}
    saved = {change: loss - found.loss for change, found in best.items()}
    most = max(saved.values())
    noise = NOISES * landscape.noise / math.sqrt(landscape.final.shape[-1])
    if most > WORTH * loss and most > noise * loss:
        enough = [change for change in CHANGES if saved[change] >= RECOVERED * most]
        right = [verdict_of(change, best[change]) for change in enough]
        return Label(right[0], frozenset(right), most / loss)
    return _of_what_is_well_set(landscape, rate, momentum)


def verdict_of(change: Change, best: Best) -> str:
    """Return what is wrong where a change helps: what is better raised is too low."""
    return f"{'lr' if change == 'lr' else 'momentum'}_too_{'low' if best.up else 'high'}"


def best_of(landscape: Landscape, rate: int, momentum: int, change: Change) -> Best:
    """Return the best that one kind of change can do for a setting; itself where nothing is better."""
    own = float(landscape.rates[rate]), float(landscape.momenta[momentum])
    here = Best(float(landscape.mean[rate, momentum]), up=False, setting=own)
    return min([here, *_reached(landscape, rate, momentum, change)], key=lambda each: each.loss)


def advice_of(landscape: Landscape, rate: int, momentum: int) -> tuple[float, float]:
    """Return the learning rate and momentum that the best single change leads to; the setting's own if it is well set.

    Those are what a judge who knows the landscape advises.
    """
    found = [best_of(landscape, rate, momentum, change) for change in CHANGES]
    if label(landscape, rate, momentum).verdict in WELL_SET:
        return float(landscape.rates[rate]), float(landscape.momenta[momentum])
    return min(found, key=lambda each: each.loss).setting


def _reached(landscape: Landscape, rate: int, momentum: int, change: Change) -> Iterator[Best]:
    """Yield where one kind of change leads."""
    momenta = landscape.momenta.tolist()
    if change == "lr":
        for other, loss in enumerate(landscape.mean[:, momentum].tolist()):
            if other != rate:
                yield Best(loss, other > rate, (float(landscape.rates[other]), momenta[momentum]))
        return
    memory = 1.0 - landscape.momenta
    for other in range(len(landscape.momenta)):
        if other != momentum:
            kept = change == "momentum at the same lr"
            lr = landscape.rates[rate] * (1.0 if kept else memory[other] / memory[momentum])
            yield Best(_loss_at(landscape, float(lr), other), other > momentum, (float(lr), momenta[other]))


def _loss_at(landscape: Landscape, lr: float, momentum: int) -> float:
    """Return the final loss at a learning rate between those of the grid, even in the logarithms of both.

    Beyond the grid, or beside a setting that diverged, nothing is known: infinite.
    """
    places = np.interp(math.log(lr), np.log(landscape.rates), np.arange(len(landscape.rates)), left=-1, right=-1)
    if places < 0:
        return math.inf
    low = int(places)
    share = float(places) - low
    column = landscape.mean[:, momentum]
    if share < 1e-9:
        return float(column[low])
    pair = column[low : low + 2]
    return (
        float(np.exp((1 - share) * np.log(pair[0]) + share * np.log(pair[1]))) if np.isfinite(pair).all() else math.inf
    )


def _of_what_is_well_set(landscape: Landscape, rate: int, momentum: int) -> Label:
    final, lowest = (float(each[rate, momentum].mean()) for each in (landscape.final, landscape.lowest))
    overfits = final > OVERFITTED * lowest and bool(landscape.falls[rate, momentum])
    verdict = "overfitting" if overfits else "healthy"
    return Label(verdict, frozenset({verdict}))
