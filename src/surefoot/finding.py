"""A finding: one verdict with its evidence, how sure it is, what to change, and what that is expected to save.

It lies below all rooms: checking by trials, the judging of logs and the live judgement all state findings, and none of
them imports another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from surefoot.values import Json

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
