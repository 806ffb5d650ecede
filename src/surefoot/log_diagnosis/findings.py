"""What a log's curve says, in sentences with their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from surefoot.core.finding import Finding, Verdict
from surefoot.core.formatting import measured, numeral
from surefoot.log_diagnosis.curve_features import LEAST, main_loss
from surefoot.logs.curve import Curve, Series

# The least and the most by which a learning rate is advised to be changed.
LEAST_OCTAVES, MOST_OCTAVES = 1.0, 7.0
# The memory 1 / (1 - momentum) is advised to be changed by this factor: a rule of thumb, curves do not tell how much.
MEMORY = 4.0
HIGHEST_MOMENTUM = 0.99

NAMES: dict[Verdict, str] = {
    "lr_too_low": "a learning rate that is too low",
    "lr_too_high": "a learning rate that is too high",
    "momentum_too_low": "a momentum that is too low",
    "momentum_too_high": "a momentum that is too high",
    "healthy": "a well set training",
    "overfitting": "overfitting",
}
SETTLE = "`surefoot check` would settle it: it trains other settings beside this one."


def of_divergence(curve: Curve) -> Finding | None:
    """Return the finding that a training diverged, ``None`` if it did not.

    It did where a loss ends in no number, or above where the training loss began.
    """
    for what, series in (("training", curve.train), ("validation", curve.valid)):
        if series is not None and series.diverged_at is not None:
            step = series.diverged_at
            why = f"The {what} loss was no number from step {step} on."
            if step == series.steps[0]:
                why += " That is its first entry: look at the data and the loss before the learning rate."
                return Finding("diverged", 1.0, why, {"diverged_at": step})
            return Finding("diverged", 1.0, why, {"diverged_at": step}, _down(curve, 2.0))
    begun, ended = curve.train or curve.valid, curve.valid or curve.train
    assert begun is not None and ended is not None  # noqa: S101, PT018  (a curve that is judged has a loss)
    start, end = _start(begun), _last(ended) if ended is curve.valid else _end(ended)
    # A rise that three digits do not show is none.
    if not end > start or measured(end) == measured(start):
        return None
    of = "validation" if curve.valid is not None else "training"
    why = f"The {of} loss ended at {measured(end)}, above the {measured(start)} that the training began with."
    if curve.train is not None and curve.valid is not None and curve.train.values[-1] < 0.5 * start:
        why += " The training loss fell meanwhile: it learnt its samples by heart."
    return Finding("diverged", 0.9, why, {"start_loss": start, "final_loss": end}, _down(curve, 2.0))


def of_too_little(curve: Curve) -> Finding:
    """Return the finding that there is not enough to judge."""
    count = max(len(series) for series in (curve.train, curve.valid) if series is not None)
    why = (
        f"The log has {count} loss{'es' if count > 1 else ''}; how a training goes shows from {LEAST} on. Log the loss "
        "more often."
    )
    return Finding("unknown", 1.0, why, {"losses": count})


def of_a_plateau(evidence: dict[str, float], probabilities: Mapping[Verdict, float]) -> Finding:
    """Return the finding that the loss never moved."""
    low = probabilities.get("lr_too_low", 0.0)
    why = (
        f"The loss stayed at {measured(evidence['start_loss'])}: nothing was learnt. One curve cannot tell a far too "
        f"small step ({low:.0%} likely) from a network or a loss that passes no gradient. {SETTLE}"
    )
    return Finding("plateau", 0.5, why, evidence)


def of_overfitting(curve: Curve, evidence: dict[str, float], sure: float) -> Finding:
    """Return the finding that the validation loss rose while the training loss fell."""
    assert curve.valid is not None  # noqa: S101  (without it nothing was seen to rise)
    place = int(curve.valid.values.argmin())
    why = (
        f"The validation loss ended at {measured(float(curve.valid.values[-1]))}; it was "
        f"{measured(float(curve.valid.values[place]))} at step {curve.valid.steps[place]}, and the training loss fell "
        "since: train for fewer steps, or regularise."
    )
    return Finding("overfitting", sure, why, evidence)


def of_health(curve: Curve, evidence: dict[str, float], sure: float) -> Finding:
    """Return the finding that nothing speaks against the training."""
    why = f"{_course(evidence)} It looks like {NAMES['healthy']}{_but(curve)}"
    return Finding("healthy", sure, why, evidence)


def of_doubt(curve: Curve, evidence: dict[str, float], probabilities: Mapping[Verdict, float]) -> Finding:
    """Return the finding that the curve does not tell, and what would."""
    first, second = sorted(probabilities, key=lambda verdict: -probabilities[verdict])[:2]
    missing = ", no ".join(_missing(curve))
    without = f" The log has no {missing}." if missing else ""
    why = (
        f"{_course(evidence)} It looks like {NAMES[first]} ({probabilities[first]:.0%}) or {NAMES[second]} "
        f"({probabilities[second]:.0%}).{without} {SETTLE}"
    )
    return Finding("unknown", 1.0 - probabilities[first], why, evidence)


def of_a_fault(curve: Curve, evidence: dict[str, float], verdict: Verdict, sure: float, octaves: float) -> Finding:
    """Return the finding that a knob is set wrong, and where it should be.

    Args:
        curve: The training.
        evidence: What is known of it.
        verdict: Which knob.
        sure: Its probability.
        octaves: By how many factors of 2 the learning rate should be raised.
    """
    if verdict in ("lr_too_low", "lr_too_high"):
        sign = 1.0 if verdict == "lr_too_low" else -1.0
        factor = 2.0 ** (sign * min(max(sign * octaves, LEAST_OCTAVES), MOST_OCTAVES))
        advice, what = _rate(curve, factor), f"multiply the learning rate by about {numeral(factor, digits=2)}"
    else:
        advice, what = _momentum(curve, up=verdict == "momentum_too_low")
    why = f"{_course(evidence)} It looks like {NAMES[verdict]}: {what.rstrip('.')}."
    return Finding(verdict, sure, why, evidence, advice)


def evidence_of(curve: Curve, traits: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers that a verdict rests on; what the log does not tell is left out."""
    loss = main_loss(curve)
    found = {
        "start_loss": None if loss is None else _start(loss),
        "final_loss": None if loss is None else _end(loss),
        "final_valid_loss": None if curve.valid is None else _last(curve.valid),
        "falls_at_end": -math.expm1(-traits["falls_at_end"]),
        "noise": math.expm1(math.exp(traits["noise"])),
        "swing": math.expm1(math.exp(traits["swing"])),
        "overshoot": math.expm1(traits["overshoot"]),
        "rises": traits["ups"],
        "lr": _highest(curve.lr),
        "rate_falls": 2.0 ** traits["rate_falls"],
        "momentum": _highest(curve.momentum),
        "valid_over_train": math.exp(traits["gap"]) if math.isfinite(traits["gap"]) else None,
        "valid_risen": math.expm1(traits["valid_risen"]) if math.isfinite(traits["valid_risen"]) else None,
        "grad_norm": None if curve.grad_norm is None else _last(curve.grad_norm),
    }
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def _course(evidence: Mapping[str, float]) -> str:
    """Return in a sentence how the loss went."""
    start, end = (evidence.get(name, math.nan) for name in ("start_loss", "final_loss"))
    falls = evidence["falls_at_end"]
    if falls > 0.01:
        last = f"still falls (its last tenth lies {falls:.0%} below the two before)"
        if evidence.get("rate_falls", 1.0) > 2.0:
            last += ", under a rate that falls as well"
    else:
        last = "falls no more" if falls > -0.01 else f"rises (its last tenth lies {-falls:.0%} above the two before)"
    return f"The loss went from {measured(start)} to {measured(end)}, {last}, and {_noise(evidence)}."


def _noise(evidence: Mapping[str, float]) -> str:
    noise = evidence["noise"]
    return f"jumps by {f'{noise:.1%}' if noise < 0.1 else f'{noise:.0%}'} from one entry to the next"


def _but(curve: Curve) -> str:
    missing = ", no ".join(_missing(curve))
    return f", as far as can be told: the log has no {missing}." if missing else "."


def _missing(curve: Curve) -> Iterator[str]:
    names = (("valid", "validation loss"), ("lr", "learning rate"), ("momentum", "momentum"))
    for quantity, name in names:
        if getattr(curve, quantity) is None:
            yield name


def _start(loss: Series) -> float:
    """Return what a loss began with: its mean over the first hundredth."""
    return float(np.mean(loss.values[: max(1, len(loss) // 100)]))


def _end(loss: Series) -> float:
    """Return what a loss ended with: its mean over the last tenth."""
    return float(np.mean(loss.values[-max(1, len(loss) // 10) :]))


def _last(series: Series) -> float:
    return float(series.values[-1])


def _highest(series: Series | None) -> float | None:
    return None if series is None else float(series.values.max())


def _down(curve: Curve, octaves: float) -> dict[str, float | str]:
    return _rate(curve, 2.0**-octaves)


def _rate(curve: Curve, factor: float) -> dict[str, float | str]:
    rate = _highest(curve.lr)
    return {"lr": f"times {numeral(factor, digits=2)}" if rate is None else float(f"{rate * factor:.2g}")}


def _momentum(curve: Curve, *, up: bool) -> tuple[dict[str, float | str], str]:
    own = _highest(curve.momentum)
    if own is None:
        return {}, f"try 1 / (1 - momentum) {numeral(MEMORY if up else 1.0 / MEMORY)} times as high"
    memory = 1.0 / (1.0 - own) * (MEMORY if up else 1.0 / MEMORY)
    momentum = min(max(1.0 - 1.0 / memory, 0.0), HIGHEST_MOMENTUM)
    if momentum == own or (momentum > own) != up:
        return {}, f"but {numeral(own)} is as {'high' if up else 'low'} as is advised without trying; {SETTLE}"
    return {"momentum": round(momentum, 3)}, f"try a momentum of {numeral(momentum)} instead of {numeral(own)}"
