"""Hysteresis of the verdict: a new verdict counts only once it has stayed, so that noise does not flip it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from surefoot.core.finding import Finding

# Number of findings in a row that must agree, and steps between the first and the last of them (ADR 0012). Chosen.
MIN_AGREEING, MIN_STEPS_AGREEING = 3, 20

INITIAL_FINDING = Finding("unknown", 0.0, "Nothing has been measured yet.")


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """The finding that counts, and a candidate that may replace it.

    Attributes:
        finding: The finding that counts, with its newest evidence.
        candidate: Verdict of the newest finding.
        since: Step at which the candidate was first found.
        agreeing: How often in a row the candidate was found.

    Example:
        >>> hysteresis = Hysteresis()
        >>> for step in (10, 20, 30):
        ...     hysteresis = hysteresis.add(Finding("healthy", 0.7, "The loss falls."), step=step)
        ...     print(step, hysteresis.finding.verdict)
        10 unknown
        20 unknown
        30 healthy
    """

    finding: Finding = INITIAL_FINDING
    candidate: str = "unknown"
    since: int = 0
    agreeing: int = 0

    def add(self, finding: Finding, *, step: int) -> Hysteresis:
        """Return what counts after a further finding; one that is certain, such as a loss of NaN, counts at once."""
        if finding.verdict == self.finding.verdict or finding.confidence == 1.0:
            return Hysteresis(finding, finding.verdict, step, MIN_AGREEING)
        if finding.verdict != self.candidate:
            return replace(self, candidate=finding.verdict, since=step, agreeing=1)
        after = replace(self, agreeing=self.agreeing + 1)
        is_stable = after.agreeing >= MIN_AGREEING and step - after.since >= MIN_STEPS_AGREEING
        return replace(after, finding=finding) if is_stable else after

    def state(self) -> dict[str, Any]:
        """Return plain numbers and words, for a checkpoint."""
        finding = {
            "verdict": self.finding.verdict,
            "confidence": self.finding.confidence,
            "why": self.finding.why,
            "evidence": dict(self.finding.evidence),
            "advice": dict(self.finding.advice),
        }
        return {"counts": finding, "candidate": self.candidate, "since": self.since, "looks": self.agreeing}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Hysteresis:
        """Return the hysteresis that :meth:`state` was called on."""
        return cls(Finding(**state["counts"]), *(state[name] for name in ("candidate", "since", "looks")))
