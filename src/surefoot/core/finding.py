"""A finding: one verdict with its evidence, how sure it is, what to change, and what that is expected to save.

It lies below all rooms: checking by trials, the judging of logs and the live judgement all state findings, and none of
them imports another.

What a training's own curves show, whatever else could have been.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.values import Json

Verdict: TypeAlias = Literal[
    "healthy",
    "diverged",
    "lr_too_high",
    "lr_too_low",
    "momentum_too_high",
    "momentum_too_low",
    "overfitting",
    "underfitting",
    "plateau",
    "unknown",
]
Symptom: TypeAlias = Literal["overshoot", "oscillation", "spikes", "slow", "noise_floor", "divergence"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict.

    Attributes:
        verdict: What is found.
        confidence: Probability that it is right, 0 to 1, as far as the evidence tells.
        why: The same in a sentence or two, with its numbers.
        evidence: The numbers by name.
        advice: Hyperparameters with the values they should have, or what to do to them (``"times 0.3"``) where theirs
            is not known; empty where nothing should change.
        stake: Share of the final loss that following the advice is expected to save, 0 to 1; ``None`` where that was
            not measured.
    """

    verdict: Verdict
    confidence: float
    why: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    advice: Mapping[str, float | str] = field(default_factory=dict)
    stake: float | None = None

    def to_json(self) -> dict[str, Json]:
        """Return it as part of the JSON object that the commands print."""
        return {
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "evidence": dict(self.evidence),
            "advice": dict(self.advice),
            "stake": None if self.stake is None else round(self.stake, 4),
            "why": self.why,
        }


# A validation loss that ends so far above its lowest has risen.
RISEN = 1.10
# The training loss of the first tenth that lies so far above where it began, and so many times the usual change from
# one step of the second half to the next: batches differ.
OVERSHOT, CHANGES = 1.10, 5.0
# A training loss so many times its neighbours' spread above their median is a spike; one in so many steps is too many.
SPIKE, SPIKES = 8.0, 0.01
NEIGHBOURS = 21
# Successive updates that point so far against each other swing.
SWINGS = -0.2
# The loss that still falls by this share of itself over the last quarter has not arrived.
STILL_FALLS = 0.10
# Gradients of which so much is noise have nothing left to follow.
MOSTLY_NOISE = 0.9


def symptoms_of(
    train: Sequence[float],
    valid: Sequence[tuple[int, float]],
    *,
    cosines: Sequence[float] = (),
    share_of_noise: float | None = None,
) -> tuple[Symptom, ...]:
    """Return what the curves of a training show.

    Args:
        train: Training loss of every step.
        valid: Steps and validation losses, the first before any step.
        cosines: Of successive updates.
        share_of_noise: Which part of the last gradients' squared norm was noise.

    Example:
        >>> symptoms_of([2.0, 1.0, math.inf], [(0, 2.0), (3, math.inf)])
        ('divergence',)
    """
    return tuple(_symptoms(train, valid, cosines, share_of_noise))


def _symptoms(
    train: Sequence[float],
    valid: Sequence[tuple[int, float]],
    cosines: Sequence[float],
    share_of_noise: float | None,
) -> Iterator[Symptom]:
    losses = np.asarray(train, dtype=np.float64)
    if not np.isfinite(losses).all() or not all(math.isfinite(loss) for _, loss in valid):
        yield "divergence"
        return
    if overshot(losses):
        yield "overshoot"
    if cosines and float(np.median(cosines)) < SWINGS:
        yield "oscillation"
    if spikes(losses) > max(1, SPIKES * len(losses)):
        yield "spikes"
    if still_falls(valid):
        yield "slow"
    elif share_of_noise is not None and share_of_noise > MOSTLY_NOISE:
        yield "noise_floor"


def overshot(losses: NDArray[np.float64]) -> bool:
    """Tell whether the loss rose above its start, by more than its noise, before it fell."""
    early = losses[1 : max(2, len(losses) // 10)]
    if not early.size or not losses[0] > 0:
        return False
    noise = float(np.median(np.abs(np.diff(losses[len(losses) // 2 - 1 :]))))
    peak = float(np.median(np.sort(early)[-3:]))
    return bool(peak > max(OVERSHOT * losses[0], losses[0] + CHANGES * noise))


def spikes(losses: NDArray[np.float64]) -> int:
    """Return how many losses stand far above their neighbours', by many times what those are spread.

    In a log that is rounded neighbours may be all the same: they are spread by a digit at least.

    Example:
        >>> calm = np.ones(100) + 0.01 * np.arange(100) % 0.03
        >>> jumped = calm.copy()
        >>> jumped[50] = 5.0
        >>> spikes(calm), spikes(jumped)
        (0, 1)
    """
    if len(losses) < NEIGHBOURS:
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(losses, NEIGHBOURS // 2, mode="reflect"), NEIGHBOURS)
    middle = np.median(windows, axis=1)
    changes = np.abs(np.diff(losses))
    digit = float(changes.min(where=changes > 0, initial=math.inf))
    spread = np.maximum(np.median(np.abs(windows - middle[:, None]), axis=1), digit)
    return int((losses - middle > SPIKE * spread).sum())


def still_falls(valid: Sequence[tuple[int, float]]) -> bool:
    """Tell whether the validation loss fell by a tenth of itself over the last quarter of the training."""
    steps = [step for step, _ in valid]
    before = [loss for step, loss in valid if step <= 0.75 * steps[-1]] if valid else []
    return bool(before and valid[-1][1] < before[-1] - STILL_FALLS * abs(before[-1]))


def overfits(train: Sequence[float], valid: Sequence[tuple[int, float]]) -> bool:
    """Tell whether the validation loss ends a tenth above its lowest while the training loss falls."""
    losses = np.asarray(train, dtype=np.float64)
    lowest = min((loss for _, loss in valid), default=math.inf)
    if not valid or len(losses) < 4 or not np.isfinite(losses).all() or not lowest > 0:
        return False
    place = [loss for _, loss in valid].index(lowest)
    since = losses[valid[place][0] :]
    parts = np.array_split(since, 2)
    falls = len(since) >= 4 and parts[1].mean() < parts[0].mean()
    return bool(valid[-1][1] > RISEN * lowest and falls)
