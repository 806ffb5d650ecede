"""A finding: one verdict with its evidence, how sure it is, and what to change."""

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
        code: What is found.
        confidence: Probability that it is right, 0 to 1, as far as the evidence tells.
        why: The same in a sentence or two, with its numbers.
        evidence: The numbers by name.
        advice: Hyperparameters with the values they should have, or what to do to them (``"times 0.3"``) where theirs
            is not known; empty where nothing should change.
    """

    code: Verdict
    confidence: float
    why: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    advice: Mapping[str, float | str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return it as part of the JSON object that the commands print."""
        return {
            "code": self.code,
            "confidence": round(self.confidence, 3),
            "evidence": dict(self.evidence),
            "advice": dict(self.advice),
            "why": self.why,
        }
