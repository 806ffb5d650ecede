"""What explain and slice found, in sentences."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from surefoot.core.formatting import format_duration, format_number, format_percent

if TYPE_CHECKING:
    from surefoot.explanation.claim_result import ClaimVerdict, Effect
    from surefoot.explanation.result import ExplainResult
    from surefoot.loss_slices.result import LossSlice

# For one claim, and for several, in the order in which a headline counts them.
VERDICT_VERBS: dict[ClaimVerdict, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "does not hold here": ("does not", "do not"),
    "too close to call": ("is too close to call", "are too close to call"),
}
# An interpolation error below this share of the range of the losses is stated as "at most" this: it is far below what
# a figure can show.
MIN_STATED_ERROR = 1e-4


def explain_headline(result: ExplainResult) -> str:
    """Return how many claims hold, how many do not, and how many are too close to call.

    Args:
        result: What ``explain`` returned.

    Example:
        >>> from types import SimpleNamespace as Any
        >>> explain_headline(Any(task="wine", claims=[Any(verdict="holds"), Any(verdict="holds")]))
        'Of 2 textbook claims tested on wine, 2 hold.'
    """
    counts = Counter(claim.verdict for claim in result.claims)
    parts = [
        f"{counts[verdict]} {plural if counts[verdict] > 1 else singular}"
        for verdict, (singular, plural) in VERDICT_VERBS.items()
        if counts[verdict]
    ]
    claims = "claim" if len(result.claims) == 1 else "claims"
    return f"Of {len(result.claims)} textbook {claims} tested on {result.task}, {', '.join(parts)}."


def explain_note(result: ExplainResult) -> str:
    """Return how the numbers of an explanation were measured.

    Args:
        result: What ``explain`` returned.
    """
    seeds, seed = ("seeds", "seed") if result.plan is not None else ("starts", "start")
    return (
        f"Factors are means over {seeds}, with 90 % intervals. The best setting for each {seed} is chosen on the other "
        f"{seeds}, so that chance does not favour it."
    )


def explain_cost(result: ExplainResult) -> str:
    """Return what an explanation cost, and how long its trainings were.

    Args:
        result: What ``explain`` returned.
    """
    duration = format_duration(result.seconds)
    if result.plan is None:
        return (
            f"{duration}: {result.config_steps:,} optimizer steps, in descents of {result.steps:,} steps from "
            f"{result.seeds} starts."
        )
    trainings = format_number(result.config_steps / result.full_steps)
    length = "" if result.steps == result.full_steps else f" of {result.full_steps:,}"
    return (
        f"{duration}: {result.config_steps:,} config-steps, as many as {trainings} full trainings; trainings of "
        f"{result.steps:,}{length} steps on {result.seeds} seeds."
    )


def predicted_effect(effect: Effect) -> str:
    """Return what a claim predicts of an effect.

    Args:
        effect: One of the ratios that the claim's verdict follows from.

    Example:
        >>> from surefoot.explanation.claim_result import Effect, Estimate
        >>> predicted_effect(Effect(Estimate("steps", 2.0, 1.5, 2.5, "x"), threshold=1.2))
        'above 1x, at least 1.2x'
    """
    if effect.bound == "at most":
        return f"at most {effect.threshold:.3g}x"
    return f"above 1x, at least {effect.threshold:.3g}x" if effect.threshold > 1 else "above 1x"


def slice_title(result: LossSlice) -> str:
    """Return the title of a slice.

    Args:
        result: What ``slice_loss`` returned.
    """
    if result.along == "coordinates":
        return f"Trajectories on the surface {result.task}"
    return f"The loss of {result.task} on a plane of its weights"


def slice_sentence(result: LossSlice) -> str:
    """Return which plane a slice shows, with the numbers of its axes.

    Args:
        result: What ``slice_loss`` returned.
    """
    about = result.surface.about.removesuffix(".")
    if result.axis_values is None:
        return f"{about}."
    first, second = result.axis_values
    if result.along == "pca":
        return f"{about}: {format_percent(first)} along the first, {format_percent(second)} along the second."
    return f"{about}: curvatures {format_number(second)} and {format_number(first)}."


def slice_caption(result: LossSlice) -> str:
    """Return how to read the figure of a slice.

    Args:
        result: What ``slice_loss`` returned.
    """
    return (
        f"{slice_sentence(result)} The background is the mean loss of {result.samples:,} training samples, darker "
        "where it is lower. Lines are the trainings, projected onto the plane, from the cross to the large dots."
    )


def slice_cost(result: LossSlice) -> str:
    """Return what a slice cost, and how exact its surface is.

    Args:
        result: What ``slice_loss`` returned.
    """
    rows, columns = result.surface.grid.shape
    count = result.non_finite_points
    non_finite = f" ({count:,} of them not finite, drawn as high as the highest)" if count else ""
    duration = format_duration(result.seconds)
    samples = f"losses of {result.samples:,} samples" if result.samples else "the loss"
    return (
        f"{duration}: {result.config_steps:,} config-steps; {samples} at "
        f"{columns} x {rows} points{non_finite}{_interpolation_error(result.error)}."
    )


def _interpolation_error(error: float | None) -> str:
    if error is None:
        return ""
    share = f"{100 * error:.2g}" if error >= MIN_STATED_ERROR else f"{100 * MIN_STATED_ERROR:g}"
    return f"; between them the error is at most {share} % of the range of losses where it was measured"
