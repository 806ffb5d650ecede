"""The verdicts of checks, diagnoses and watches in words, and what else a check reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from surefoot.core.formatting import format_duration, format_number

if TYPE_CHECKING:
    from surefoot.checking.result import CheckResult
    from surefoot.core.finding_and_symptoms import Finding, Symptom, Verdict

VERDICT_TITLES: dict[Verdict, str] = {
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
SYMPTOM_DESCRIPTIONS: dict[Symptom, str] = {
    "overshoot": "the loss rose before it fell",
    "oscillation": "successive updates point against each other",
    "spikes": "the training loss jumps",
    "slow": "the validation loss still falls at the end",
    "noise_floor": "gradients are mostly noise",
    "divergence": "the loss is not finite",
}
# The numbers behind a verdict, by their name in Finding.evidence.
EVIDENCE_LABELS: dict[str, str] = {
    "lr": "learning rate",
    "momentum": "momentum",
    "own_steps": "steps of the recipe's longest trial",
    "final_loss": "validation loss at the end of that trial",
    "lowest_loss": "lowest validation loss in that trial",
    "diverged_at": "step at which the loss was no longer finite",
    "stake": "share of the final loss that the change is expected to save",
    "stake_low": "lower end of its 90 % interval",
    "stake_high": "upper end of its 90 % interval",
    "stake_probability": "probability that the change saves more than 5 %",
    "compared_steps": "steps of the longest trials of both recipes",
    "compared_seeds": "seeds of that comparison",
    "compared_own_loss": "validation loss of the recipe in that comparison",
    "compared_other_loss": "validation loss of the changed recipe in that comparison",
    "noise": "seed noise of one training, in log loss",
    "sharpness": "sharpness where the training ended",
    "stable_lr": "largest stable learning rate there, with full batches",
    "step_sharpness": "sharpness along mini-batch gradients",
    "noise_scale": "gradient noise scale, in samples",
    "share_of_noise": "share of noise in a gradient",
}
# Confidence from which a title leaves the percentage out: it would read 100 %.
ROUNDS_TO_CERTAIN = 0.995


def verdict_title(finding: Finding) -> str:
    """Return a verdict as a title, with its confidence where that is below 100 % and the verdict is known.

    Args:
        finding: The finding whose verdict is wanted.

    Example:
        >>> from surefoot.core.finding_and_symptoms import Finding
        >>> [verdict_title(Finding(verdict, 0.83, "")) for verdict in ("lr_too_low", "unknown")]
        ['The learning rate is too low (83% sure)', 'Unknown']
    """
    certain = finding.confidence >= ROUNDS_TO_CERTAIN or finding.verdict == "unknown"
    confidence = "" if certain else f" ({finding.confidence:.0%} sure)"
    return f"{VERDICT_TITLES[finding.verdict]}{confidence}"


def symptoms_text(symptoms: tuple[Symptom, ...]) -> str:
    """Return symptoms as the end of a sentence.

    Example:
        >>> symptoms_text(("spikes", "slow"))
        'the training loss jumps, the validation loss still falls at the end.'
    """
    return ", ".join(SYMPTOM_DESCRIPTIONS[symptom] for symptom in symptoms) + "."


def check_notes(result: CheckResult) -> Iterator[str]:
    """Yield how to read the table of trials, and what else was measured.

    Args:
        result: What ``check`` returned.
    """
    yield (
        "Numbers are validation losses. Trials of one length on one seed start from the same weights and see the same "
        "mini-batches. The recipe's schedules run over the length of each trial."
    )
    if result.symptoms:
        length = f"{result.recipe_training.steps} of {result.steps} steps"
        yield f"The recipe's curves (over {length}) show: {symptoms_text(result.symptoms)}"
    curvature = result.curvature
    if curvature is not None and curvature.sharpness.value is not None:
        limit = "" if curvature.limit is None else f": stable up to a learning rate of {format_number(curvature.limit)}"
        with_batches = "" if curvature.limit is None else " with full batches"
        yield (
            f"Sharpness where the training ended: {format_number(curvature.sharpness.value)}{limit}{with_batches}. "
            f"Sharpness along mini-batch gradients: {format_number(curvature.step_sharpness)}. Noise makes up "
            f"{100 * curvature.share_of_noise:.0f} % of a gradient."
        )


def check_cost(result: CheckResult) -> str:
    """Return what a check cost, in time and in full trainings.

    Args:
        result: What ``check`` returned.
    """
    trainings = format_number(result.config_steps / result.steps)
    curvature = "" if result.curvature is None else f", {result.curvature.config_steps} of them for curvature"
    return (
        f"{format_duration(result.seconds)}: {result.config_steps:,} config-steps{curvature}, as many as {trainings} "
        f"full trainings of {result.steps:,} steps."
    )


def why_no_stability_map(result: CheckResult) -> str | None:
    """Return why a check has no map of stability, as a sentence; ``None`` where it has one.

    Args:
        result: What ``check`` returned.
    """
    from surefoot.checking.curvature_summary import optimizer_on_quadratic  # noqa: PLC0415  (imports torch, a second)

    sharpness = None if result.curvature is None else result.curvature.sharpness
    if sharpness is None:
        why = "the recipe diverged" if result.recipe_training.diverged else "the curvature was not measured"
    elif sharpness.value is None:
        why = f"the sharpness is not known, for {sharpness.reason}"
    elif not sharpness.value > 0:
        why = "the loss does not curve upwards where the training ended"
    elif optimizer_on_quadratic(recipe := result.checked_recipe) is None or not 0.0 <= recipe.momentum.highest < 1.0:
        why = f"theory has no limit for {recipe.optimizer} with these settings"
    else:
        return None
    return f"There is no map of stability: {why}."
