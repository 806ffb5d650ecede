"""Findings: verdicts with their evidence and advice; and the symptoms that the loss curves of a training show.

A check, the diagnosis of a log and the live watch all return findings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.value_types import Json

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

# A validation loss overfits where it ends this many times as high as its lowest. Chosen.
MIN_RISE_RATIO = 1.10
# The loss overshoots where, in the first tenth of the training, it exceeds this many times the first loss ...
MIN_OVERSHOOT_RATIO = 1.10
# ... and the first loss by this many median changes between the steps of the second half, for batches differ. Chosen.
MIN_OVERSHOOT_CHANGES = 5.0
# A training loss is a spike where it lies this many median deviations above the median of the losses around it. Chosen.
SPIKE_HEIGHT = 8.0
# Number of losses around each, itself included, that a spike is compared with.
SPIKE_WINDOW = 21
# Share of the steps that may have a spike; more are a symptom. Chosen: one in a hundred.
MAX_SPIKE_SHARE = 0.01
# Successive updates oscillate where their median cosine is below this. Chosen.
MAX_OSCILLATION_COSINE = -0.2
# The training is slow where the validation loss still fell by this share of itself over the last quarter. Chosen.
MIN_FALL_LAST_QUARTER = 0.10
# Gradients are at the noise floor where more than this share of their squared norm is noise. Chosen.
MAX_NOISE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on a training or a recipe.

    Attributes:
        verdict: The verdict.
        confidence: Probability that the verdict is right, 0 to 1.
        why: The verdict in a sentence or two, with its numbers.
        evidence: The numbers that the verdict rests on, by name.
        advice: Hyperparameters with their advised values, or with what to do to them (``"times 0.3"``) where their
            current value is not known; empty where nothing should change.
        expected_saving: Share of the final loss that following the advice is expected to save, 0 to 1; ``None`` where
            it was not measured. Its key in JSON is ``stake``.
    """

    verdict: Verdict
    confidence: float
    why: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    advice: Mapping[str, float | str] = field(default_factory=dict)
    expected_saving: float | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the finding as part of the JSON object that the commands print."""
        return {
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "evidence": dict(self.evidence),
            "advice": dict(self.advice),
            "stake": None if self.expected_saving is None else round(self.expected_saving, 4),
            "why": self.why,
        }


def find_symptoms(
    train: Sequence[float],
    valid: Sequence[tuple[int, float]],
    *,
    cosines: Sequence[float] = (),
    share_of_noise: float | None = None,
) -> tuple[Symptom, ...]:
    """Return the symptoms that the curves of a training show.

    Args:
        train: Training loss of every step.
        valid: Steps and validation losses; the first is from before any step.
        cosines: Cosines between successive updates.
        share_of_noise: Share of the squared norm of the last gradients that is noise.

    Example:
        >>> find_symptoms([2.0, 1.0, math.inf], [(0, 2.0), (3, math.inf)])
        ('divergence',)
    """
    losses = np.asarray(train, dtype=np.float64)
    if not np.isfinite(losses).all() or not all(math.isfinite(loss) for _, loss in valid):
        return ("divergence",)
    return tuple(_symptoms(losses, valid, cosines, share_of_noise))


def count_spikes(losses: NDArray[np.float64]) -> int:
    """Return how many losses lie far above their neighbours, compared with how much those scatter.

    In a log with rounded losses neighbours may all be equal: they are taken to scatter by one last digit at least.

    Example:
        >>> calm = np.ones(100) + 0.01 * np.arange(100) % 0.03
        >>> with_spike = calm.copy()
        >>> with_spike[50] = 5.0
        >>> count_spikes(calm), count_spikes(with_spike)
        (0, 1)
    """
    if len(losses) < SPIKE_WINDOW:
        return 0
    padded = np.pad(losses, SPIKE_WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, SPIKE_WINDOW)
    medians = np.median(windows, axis=1)
    changes = np.abs(np.diff(losses))
    last_digit = float(changes.min(where=changes > 0, initial=math.inf))
    deviations = np.maximum(np.median(np.abs(windows - medians[:, None]), axis=1), last_digit)
    return int((losses - medians > SPIKE_HEIGHT * deviations).sum())


def still_falls(valid: Sequence[tuple[int, float]]) -> bool:
    """Return whether the validation loss fell by a tenth of itself over the last quarter of the training."""
    steps = [step for step, _ in valid]
    before = [loss for step, loss in valid if step <= 0.75 * steps[-1]] if valid else []
    return bool(before and valid[-1][1] < before[-1] - MIN_FALL_LAST_QUARTER * abs(before[-1]))


def overfits(train: Sequence[float], valid: Sequence[tuple[int, float]]) -> bool:
    """Return whether the validation loss ends a tenth above its lowest while the training loss falls.

    Args:
        train: Training losses.
        valid: Validation losses, each with the index of the training loss at the same time.
    """
    losses = np.asarray(train, dtype=np.float64)
    lowest = min((loss for _, loss in valid), default=math.inf)
    if not valid or len(losses) < 4 or not np.isfinite(losses).all() or not lowest > 0:
        return False
    index = next(index for index, loss in valid if loss == lowest)
    since = losses[index:]
    first_half, second_half = np.array_split(since, 2)
    falls = len(since) >= 4 and second_half.mean() < first_half.mean()
    return bool(valid[-1][1] > MIN_RISE_RATIO * lowest and falls)


def _symptoms(
    losses: NDArray[np.float64],
    valid: Sequence[tuple[int, float]],
    cosines: Sequence[float],
    share_of_noise: float | None,
) -> Iterator[Symptom]:
    if _overshoots(losses):
        yield "overshoot"
    if cosines and float(np.median(cosines)) < MAX_OSCILLATION_COSINE:
        yield "oscillation"
    if count_spikes(losses) > max(1, MAX_SPIKE_SHARE * len(losses)):
        yield "spikes"
    if still_falls(valid):
        yield "slow"
    elif share_of_noise is not None and share_of_noise > MAX_NOISE_SHARE:
        yield "noise_floor"


def _overshoots(losses: NDArray[np.float64]) -> bool:
    """Return whether the loss rose above its start, by more than its noise, before it fell."""
    early = losses[1 : max(2, len(losses) // 10)]
    if not early.size or not losses[0] > 0:
        return False
    usual_change = float(np.median(np.abs(np.diff(losses[len(losses) // 2 - 1 :]))))
    peak = float(np.median(np.sort(early)[-3:]))
    return bool(peak > max(MIN_OVERSHOOT_RATIO * losses[0], losses[0] + MIN_OVERSHOOT_CHANGES * usual_change))
