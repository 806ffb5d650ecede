"""What a diagnosis found."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.finding import Finding, Symptom, Verdict
from surefoot.logs.curve import Curve
from surefoot.values import Json


@dataclass(frozen=True, slots=True)
class DiagnoseResult:
    """What :func:`diagnose` found.

    Attributes:
        curve: The training as its log tells it.
        findings: The verdict first, then what else there is to say.
        symptoms: What the curve shows.
        probabilities: How likely each verdict is; empty where a rule decides.
    """

    curve: Curve
    findings: tuple[Finding, ...]
    symptoms: tuple[Symptom, ...]
    probabilities: dict[Verdict, float]

    @property
    def verdict(self) -> Verdict:
        """The first finding's."""
        return self.findings[0].verdict

    @property
    def confidence(self) -> float:
        """The first finding's."""
        return self.findings[0].confidence

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 2,
            "log": self.curve.source,
            "columns": dict[str, Json](self.curve.names.items()),
            "notes": [*self.curve.notes],
            "steps": self.curve.last_step,
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "symptoms": [*self.symptoms],
            "findings": [finding.to_json() for finding in self.findings],
            "probabilities": {verdict: round(share, 3) for verdict, share in self.probabilities.items()},
        }
