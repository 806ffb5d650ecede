"""A verdict counts once it stays: one unlucky look changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from surefoot.core.finding import Finding

# Looks in a row that have to agree, and steps between the first and the last of them.
LOOKS, STEPS = 3, 20

NOT_YET = Finding("unknown", 0.0, "Nothing has been seen yet.")


@dataclass(frozen=True, slots=True)
class Steadiness:
    """The verdict that counts, and the one that may come to.

    Attributes:
        counts: The finding that counts, with its newest evidence.
        candidate: Code of the newest finding.
        since: Step at which it was found first.
        looks: How often in a row.

    Example:
        >>> steady = Steadiness()
        >>> for step in (10, 20, 30):
        ...     steady = steady.seen(Finding("healthy", 0.7, "The loss falls."), step=step)
        ...     print(step, steady.counts.verdict)
        10 unknown
        20 unknown
        30 healthy
    """

    counts: Finding = NOT_YET
    candidate: str = "unknown"
    since: int = 0
    looks: int = 0

    def seen(self, finding: Finding, *, step: int) -> Steadiness:
        """Return what counts after another look; a loss that is no number any more counts at once."""
        if finding.verdict == self.counts.verdict or finding.confidence == 1.0:
            return Steadiness(finding, finding.verdict, step, LOOKS)
        if finding.verdict != self.candidate:
            return replace(self, candidate=finding.verdict, since=step, looks=1)
        now = replace(self, looks=self.looks + 1)
        return replace(now, counts=finding) if now.looks >= LOOKS and step - now.since >= STEPS else now

    def state(self) -> dict[str, Any]:
        """Return it as plain numbers and words."""
        counts = {
            "verdict": self.counts.verdict,
            "confidence": self.counts.confidence,
            "why": self.counts.why,
            "evidence": dict(self.counts.evidence),
            "advice": dict(self.counts.advice),
        }
        return {"counts": counts, "candidate": self.candidate, "since": self.since, "looks": self.looks}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Steadiness:
        """Return what :meth:`state` was taken of."""
        return cls(Finding(**state["counts"]), *(state[name] for name in ("candidate", "since", "looks")))
