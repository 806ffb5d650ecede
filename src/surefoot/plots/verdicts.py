"""The verdicts in words."""

from __future__ import annotations

from surefoot.finding import Finding, Verdict

TITLES: dict[Verdict, str] = {
    "healthy": "Healthy",
    "diverged": "Diverged",
    "lr_too_high": "The learning rate is too high",
    "lr_too_low": "The learning rate is too low",
    "momentum_too_high": "The momentum is too high",
    "momentum_too_low": "The momentum is too low",
    "overfitting": "Overfitting",
    "underfitting": "Underfitting",
    "plateau": "Nothing is learnt",
    "unknown": "Unknown",
}
# What rounds to 100 % goes without saying.
CERTAIN = 0.995


def verdict_title(finding: Finding) -> str:
    """Return a verdict and how sure it is; that one does not know needs no share, nor what rounds to 100 %.

    Example:
        >>> [verdict_title(Finding(code, 0.83, "")) for code in ("lr_too_low", "unknown")]
        ['The learning rate is too low (83% sure)', 'Unknown']
    """
    sure = "" if finding.confidence >= CERTAIN or finding.verdict == "unknown" else f" ({finding.confidence:.0%} sure)"
    return f"{TITLES[finding.verdict]}{sure}"
