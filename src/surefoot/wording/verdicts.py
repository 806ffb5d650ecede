"""The verdicts in words.

Sentences as lines that fit a picture.

What a check found, in sentences.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from surefoot.checking.result import CheckResult
from surefoot.core.finding import Finding, Symptom, Verdict
from surefoot.core.formatting import numeral, seconds_text

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


# Letters that fit a picture of the usual width.
LETTERS = 96


def lines_of(text: str, *, most: int = 4) -> list[str]:
    """Return a text as lines that fit a picture's width.

    Example:
        >>> lines_of("short"), [len(line) <= LETTERS for line in lines_of("a word and " * 30, most=3)]
        (['short'], [True, True, True])
    """
    return textwrap.wrap(text, LETTERS, max_lines=most, placeholder=" …")


SYMPTOMS: dict[Symptom, str] = {
    "overshoot": "the loss rose before it fell",
    "oscillation": "successive updates point against each other",
    "spikes": "the training loss jumps",
    "slow": "the validation loss still falls at the end",
    "noise_floor": "gradients are mostly noise",
    "divergence": "the loss is not finite",
}


def check_notes(result: CheckResult) -> Iterator[str]:
    """Yield what the numbers mean, and what else was measured."""
    yield (
        "Validation losses; trials of one length and one seed share initialisation and batches, and the "
        "recipe's schedules "
        "run over each trial's own length."
    )
    if result.symptoms:
        length = f"{result.own_training.steps} of {result.steps} steps"
        yield f"Its curves show (in {length}): " + ", ".join(SYMPTOMS[symptom] for symptom in result.symptoms) + "."
    if result.curvature is not None and result.curvature.sharpness.value is not None:
        limit = result.curvature.limit
        allows = "" if limit is None else f", which allows rates up to {numeral(limit)} with full batches"
        yield (
            f"Sharpness where it ended: {numeral(result.curvature.sharpness.value)}{allows}; along its mini-batches' "
            f"gradients {numeral(result.curvature.step_sharpness)}. {result.curvature.share_of_noise:.0%} of a "
            "gradient is "
            "noise there."
        )


def check_cost(result: CheckResult) -> str:
    """Return what the verdict cost."""
    trainings = numeral(result.config_steps / result.steps)
    curvature = "" if result.curvature is None else f", {result.curvature.config_steps} of them for curvature"
    return (
        f"{seconds_text(result.seconds)}: {result.config_steps:,} config-steps{curvature}, as many as {trainings} full "
        f"trainings of {result.steps:,} steps."
    )
