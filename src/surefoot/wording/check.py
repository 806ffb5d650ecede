"""What a check found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.checking.result import CheckResult
from surefoot.core.formatting import numeral, seconds_text
from surefoot.wording.verdicts import SYMPTOMS


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
