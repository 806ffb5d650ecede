"""The judge's sentences: what is wrong, with its numbers, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from surefoot.diagnosis.course import Course
from surefoot.diagnosis.curved import Curved
from surefoot.diagnosis.finding import Finding
from surefoot.diagnosis.improvement import Improvement
from surefoot.diagnosis.judgement import Judgement
from surefoot.diagnosis.settings import Plane
from surefoot.diagnosis.symptoms import overfits, still_falls
from surefoot.numerals import measured, numeral
from surefoot.recipe import Recipe

# A training that has not lowered the loss by this share has not begun to learn.
LEARNT = 0.02


def findings_of(plane: Plane, judgement: Judgement, course: Course, curved: Curved | None) -> tuple[Finding, ...]:
    """Return what is found, the verdict first."""
    evidence = evidence_of(plane, judgement, course, curved)
    return (_verdict(plane, judgement, course, curved, evidence), *_beside(judgement, course))


def advised(plane: Plane, judgement: Judgement) -> Recipe:
    """Return the recipe with the advice followed."""
    return plane.recipe if judgement.chosen is None else plane.recipe_at(judgement.chosen.setting)


def evidence_of(plane: Plane, judgement: Judgement, course: Course, curved: Curved | None) -> dict[str, float]:
    """Return the numbers that a verdict rests on; those that are not finite are left out."""
    found: dict[str, float | None] = {
        "lr": plane.own.lr,
        "momentum": plane.own.momentum,
        "start_loss": course.start,
        "final_loss": course.final,
        "lowest_loss": min(loss for _, loss in course.valid),
        "diverged_at": course.diverged_at,
        "noise": judgement.noise,
        "update_cosine": _median(course.cosines),
        "update_to_weight": _median(course.ratios),
        "train_valid_gap": _gap(course),
    }
    if judgement.chosen is not None:
        found |= {"gain": judgement.chosen.gain, "expected_loss": judgement.chosen.loss}
    if curved is not None:
        found |= {
            "sharpness": curved.sharpness.value,
            "stable_lr": curved.limit,
            "step_sharpness": curved.step_sharpness,
            "noise_scale": curved.noise.value,
            "share_of_noise": curved.share_of_noise,
        }
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def _verdict(
    plane: Plane, judgement: Judgement, course: Course, curved: Curved | None, evidence: dict[str, float]
) -> Finding:
    advice = _advice(plane, judgement.chosen)
    if judgement.verdict == "diverged":
        return Finding("diverged", 1.0, " ".join(_of_divergence(plane, judgement, course)), evidence, advice)
    if judgement.verdict == "unknown":
        return Finding("unknown", 1.0 - judgement.confidence, _of_doubt(judgement), evidence)
    if judgement.chosen is not None:
        why = " ".join(_of_a_fault(plane, judgement.chosen, course, curved))
        return Finding(judgement.verdict, judgement.confidence, why, evidence, advice)
    if overfits(course.train, course.valid):
        return Finding("overfitting", judgement.confidence, _of_overfitting(course), evidence)
    if course.start > 0 and course.final > (1.0 - LEARNT) * course.start:
        why = (
            f"The validation loss ended at {measured(course.final)}, where it began ({measured(course.start)}), and no "
            "other learning rate or momentum that was tried does better: look at the data, the loss and the model, or "
            "try far higher rates."
        )
        return Finding("plateau", judgement.confidence, why, evidence)
    return Finding("healthy", judgement.confidence, _of_health(judgement), evidence)


def _beside(judgement: Judgement, course: Course) -> Iterator[Finding]:
    """Yield what else there is to say."""
    if judgement.verdict == "diverged":
        return
    if judgement.chosen is not None and overfits(course.train, course.valid):
        yield Finding("overfitting", 0.5, _of_overfitting(course))
    if judgement.chosen is None and still_falls(course.valid):
        yield Finding(
            "underfitting",
            0.5,
            "The validation loss still falls by more than a tenth over the last quarter: a longer training would help.",
        )


def _of_divergence(plane: Plane, judgement: Judgement, course: Course) -> Iterator[str]:
    if course.diverged_at is not None:
        yield f"The training loss was no number from step {course.diverged_at} on."
    elif not math.isfinite(course.final):
        yield "The validation loss was no number at the end."
    else:
        yield f"The validation loss ended at {measured(course.final)}, above its start of {measured(course.start)}."
    if judgement.chosen is not None:
        above = ", which is above its start as well" if judgement.chosen.loss > course.start else ""
        yield f"{_change(plane, judgement.chosen)} would end at about {measured(judgement.chosen.loss)}{above}."
    else:
        yield (
            "Nothing else that was tried does better: try a far lower learning rate, or look at the data, the loss and "
            "the model."
        )


def _of_a_fault(plane: Plane, chosen: Improvement, course: Course, curved: Curved | None) -> Iterator[str]:
    share = f" ({chosen.gain:.0%} less)" if chosen.loss >= 0 else ""  # below 0 there are no shares
    yield (
        f"{_change(plane, chosen)} lowers the final validation loss from {measured(course.final)} to about "
        f"{measured(chosen.loss)}{share}."
    )
    limit = None if curved is None else curved.limit
    if limit is not None and curved is not None and curved.sharpness.value is not None and plane.own.lr > limit:
        yield (
            f"Where the training ended, sharpness {numeral(curved.sharpness.value)} allows at most "
            f"{numeral(limit)} at momentum {numeral(plane.own.momentum)}, with full batches."
        )


def _of_overfitting(course: Course) -> str:
    step, lowest = min(course.valid, key=lambda row: row[1])
    return (
        f"The validation loss ended at {measured(course.final)}; it was {measured(lowest)} at step {step}, and the "
        "training loss fell since: train for fewer steps, or regularise."
    )


def _of_doubt(judgement: Judgement) -> str:
    best = max(judgement.improvements, key=lambda each: each.gain)
    knob = "learning rate" if best.change == "lr" else "momentum"
    return (
        f"Another {knob} looks better, but what was trained cannot tell: {numeral(best.setting.lr)} at momentum "
        f"{numeral(best.setting.momentum)} might end at {measured(best.loss)}. A larger --budget would settle it."
    )


def _of_health(judgement: Judgement) -> str:
    best = max(judgement.improvements, key=lambda each: each.gain)
    knob = "learning rate" if best.change == "lr" else "momentum"
    if best.gain <= 0:
        return "No other learning rate or momentum that was tried ends at a lower validation loss."
    return (
        f"The best other {knob} is expected to lower the final validation loss by {best.gain:.1%}, "
        "which is no more than luck or not worth a change."
    )


def _change(plane: Plane, chosen: Improvement) -> str:
    own, to = plane.own, chosen.setting
    if chosen.change == "lr":
        verb = "Raising" if to.lr > own.lr else "Lowering"
        return f"{verb} the learning rate from {numeral(own.lr)} to {numeral(to.lr)} (times {numeral(to.lr / own.lr)})"
    verb = "Raising" if to.momentum > own.momentum else "Lowering"
    kept = "" if chosen.change == "momentum" else f" and the learning rate with it, to {numeral(to.lr)},"
    return f"{verb} the momentum from {numeral(own.momentum)} to {numeral(to.momentum)}{kept}"


def _advice(plane: Plane, chosen: Improvement | None) -> dict[str, float | str]:
    if chosen is None:
        return {}
    found: dict[str, float | str] = {}
    if chosen.setting.lr != plane.own.lr:
        found["lr"] = chosen.setting.lr
    if chosen.setting.momentum != plane.own.momentum and plane.momentum_name is not None:
        found[plane.momentum_name] = chosen.setting.momentum
    return found


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _gap(course: Course) -> float | None:
    """Return how far the validation loss ends above the training loss's last tenth."""
    last = course.train[-max(1, len(course.train) // 10) :]
    return course.final - float(np.mean(last)) if last else None
