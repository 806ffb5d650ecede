"""The verdict in sentences: what is wrong, with its numbers, what to do, and what would settle what is in doubt.

Every sentence is made from the numbers by which the verdict was reached, so that none contradicts it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.checking.curvature_summary import CurvatureSummary
from surefoot.checking.evidence import Evidence
from surefoot.checking.judgement import Judgement, has_momenta_on_both_sides, has_rates_on_both_sides
from surefoot.checking.neighbourhood import Neighbourhood
from surefoot.checking.result import OwnTraining
from surefoot.checking.stake import WORTH, Stake
from surefoot.core.finding import Finding, overfits, still_falls
from surefoot.core.formatting import measured, numeral, percent
from surefoot.recipe.recipe import Recipe

# How sure it is that a curve which shows overfitting or a training that is too short stands for what it shows.
AS_CURVES_SHOW = 0.7
# What a comparison in full on two seeds costs, in trainings.
COMPARISON = 4.0


def findings_of(
    evidence: Evidence, judgement: Judgement, own: OwnTraining, curvature: CurvatureSummary | None, *, budget: float
) -> tuple[Finding, ...]:
    """Return what is found, the verdict first.

    Args:
        evidence: All trials.
        judgement: The verdict on them.
        own: The recipe's longest trial.
        curvature: Where it ended.
        budget: What the check was allowed to cost, in trainings.
    """
    numbers = evidence_of(evidence, judgement, own, curvature)
    first = _verdict(evidence, judgement, own, curvature, numbers=numbers, budget=budget)
    return (first, *_others(judgement, own, first, evidence.full_steps))


def advised(neighbourhood: Neighbourhood, finding: Finding, judgement: Judgement) -> Recipe:
    """Return the recipe with the advice followed."""
    if judgement.chosen is None or "steps" in finding.advice:
        return neighbourhood.recipe
    return neighbourhood.recipe_at(judgement.chosen.setting)


def evidence_of(
    evidence: Evidence, judgement: Judgement, own: OwnTraining, curvature: CurvatureSummary | None
) -> dict[str, float]:
    """Return the numbers that a verdict rests on; those that are not finite are left out."""
    setting = evidence.neighbourhood.own
    found: dict[str, float | None] = {
        "lr": setting.lr,
        "momentum": setting.momentum,
        "own_steps": own.steps,
        "final_loss": own.loss,
        "lowest_loss": own.lowest[1],
        "diverged_at": own.diverged_at,
        "noise": judgement.noise,
    }
    subject = judgement.chosen or judgement.doubtful or next(iter(judgement.stakes), None)
    if subject is not None:
        found |= {
            "stake": subject.share,
            "stake_low": subject.low,
            "stake_high": subject.high,
            "stake_probability": subject.probability,
        }
        if pairs := evidence.pairs(subject.setting):
            mine, other = (float(np.mean([pair[side].loss for pair in pairs])) for side in (0, 1))
            found |= {"compared_steps": pairs[0][0].steps, "compared_seeds": len(pairs)}
            found |= {"compared_own_loss": mine, "compared_other_loss": other}
    if curvature is not None:
        found |= {
            "sharpness": curvature.sharpness.value,
            "stable_lr": curvature.limit,
            "step_sharpness": curvature.step_sharpness,
            "noise_scale": curvature.noise.value,
            "share_of_noise": curvature.share_of_noise,
        }
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def _verdict(
    evidence: Evidence,
    judgement: Judgement,
    own: OwnTraining,
    curvature: CurvatureSummary | None,
    *,
    numbers: dict[str, float],
    budget: float,
) -> Finding:
    verdict, chosen = judgement.verdict, judgement.chosen
    advice = {} if chosen is None else _advice(evidence.neighbourhood, chosen)
    stake = 0.0 if chosen is None else min(max(chosen.share, 0.0), 1.0)
    if verdict == "diverged":
        return Finding("diverged", 1.0, " ".join(_of_divergence(evidence, chosen)), numbers, advice, stake)
    if verdict == "plateau":
        return Finding("plateau", judgement.confidence, _of_plateau(evidence), numbers, stake=0.0)
    if verdict in ("healthy", "unknown") and _overfits(own):
        return _overfitting(own, judgement.confidence if verdict == "healthy" else AS_CURVES_SHOW, numbers)
    if verdict == "unknown":
        why = " ".join(_of_doubt(evidence, judgement, budget))
        share = 0.0 if judgement.doubtful is None else min(max(judgement.doubtful.share, 0.0), 1.0)
        return Finding("unknown", judgement.confidence, why, numbers, stake=share)
    if chosen is None:
        return Finding(verdict, judgement.confidence, _of_health(evidence, judgement), numbers, stake=0.0)
    why = " ".join(_of_a_fault(evidence, chosen, curvature))
    return Finding(verdict, judgement.confidence, why, numbers, advice, stake)


def _others(judgement: Judgement, own: OwnTraining, first: Finding, full_steps: int) -> Iterator[Finding]:
    """Yield what else there is to say."""
    if first.verdict in ("diverged", "plateau", "overfitting"):
        return
    if _overfits(own):
        yield _overfitting(own, AS_CURVES_SHOW, {})
    if own.steps == full_steps and judgement.verdict == "healthy" and still_falls(own.readings):
        why = (
            "The validation loss still falls by more than a tenth over the last quarter: a longer training would help."
        )
        yield Finding("underfitting", AS_CURVES_SHOW, why)


def _overfitting(own: OwnTraining, confidence: float, numbers: dict[str, float]) -> Finding:
    step, lowest = own.lowest
    return Finding(
        "overfitting", confidence, _of_overfitting(own), numbers, {"steps": float(step)}, 1.0 - lowest / own.loss
    )


def _of_divergence(evidence: Evidence, chosen: Stake | None) -> Iterator[str]:
    longest = evidence.longest_own
    if longest.diverged:
        at = "" if longest.diverged_at is None else f" at step {longest.diverged_at}"
        yield f"The loss of the recipe stopped being finite{at} in a trial of {longest.steps} steps."
    else:
        before = math.inf if evidence.untrained is None else evidence.untrained.loss
        yield (
            f"In a trial of {longest.steps} steps the loss ended at {measured(longest.loss)}, above the "
            f"{measured(before)} that it begins at."
        )
    if chosen is None:
        yield (
            "No other learning rate or momentum that was tried does better: try a far lower learning rate, or "
            "check the "
            "data, the loss and the model."
        )
        return
    trials = [trial for trial in evidence.of(chosen.setting) if not trial.diverged]
    change = _change(evidence.neighbourhood, chosen)
    if trials:
        trial = max(trials, key=lambda each: each.steps)
        yield f"{change} ended at {measured(trial.loss)} in a trial of {trial.steps} steps."
    else:
        yield f"{change} is expected to end lowest; it was not tried itself."


def _of_plateau(evidence: Evidence) -> str:
    return (
        f"All trials ended at {measured(evidence.longest_own.loss)} within 1 %, whatever the learning rate "
        "and the momentum: "
        "check the data, the loss and the model, or try far higher learning rates."
    )


def _of_a_fault(evidence: Evidence, chosen: Stake, curvature: CurvatureSummary | None) -> Iterator[str]:
    yield (
        f"{_change(evidence.neighbourhood, chosen)} is expected to save {percent(max(chosen.share, 0.0))} of the final "
        f"validation loss ({_interval(chosen)})."
    )
    yield _compared(evidence, chosen)
    limit = None if curvature is None else curvature.limit
    own = evidence.neighbourhood.own
    lowers = chosen.setting.lr < own.lr
    if (
        curvature is not None
        and limit is not None
        and curvature.sharpness.value is not None
        and own.lr > limit
        and lowers
    ):
        yield (
            f"Where the recipe's longest trial ended, sharpness {numeral(curvature.sharpness.value)} allows at most "
            f"{numeral(limit)} at momentum {numeral(own.momentum)}, with full batches."
        )


def _compared(evidence: Evidence, stake: Stake) -> str:
    """Return what the trials of a change and of the recipe ended at."""
    pairs = evidence.pairs(stake.setting)
    if not pairs:
        return "It was not tried itself; its neighbours were."
    mine, other = (float(np.mean([pair[side].loss for pair in pairs])) for side in (0, 1))
    steps = pairs[0][0].steps
    length = "In full" if steps == evidence.full_steps else f"In trials of {steps} of the {evidence.full_steps} steps"
    mean = f", means of {len(pairs)} seeds" if len(pairs) > 1 else ""
    return f"{length} it ended at {measured(other)}, the recipe at {measured(mine)}{mean}."


def _one_sided(evidence: Evidence) -> str:
    """Return what was tried on one side of the recipe's alone."""
    sides = {
        "learning rates": has_rates_on_both_sides(evidence),
        "momenta": has_momenta_on_both_sides(evidence),
    }
    missing = " and ".join(name for name, tried in sides.items() if not tried)
    return f"{missing.capitalize()} on both sides of the recipe's"


def _of_doubt(evidence: Evidence, judgement: Judgement, budget: float) -> Iterator[str]:
    doubtful = judgement.doubtful
    settles = math.ceil(max(budget, sum(t.steps for t in evidence.trials) / evidence.full_steps) + COMPARISON)
    if doubtful is None:
        yield f"{_one_sided(evidence)} were not compared; --budget {settles}x would do it."
        return
    change, worth = _change(evidence.neighbourhood, doubtful), percent(WORTH)
    if doubtful.share > 0:
        yield (
            f"{change} might save {percent(doubtful.share)} of the final validation loss ({_interval(doubtful)}); "
            "that it "
            f"saves more than {worth} has a probability of {percent(doubtful.probability)}."
        )
    else:
        yield (
            f"No change is expected to end lower, but one that saves more than {worth} is not excluded: "
            f"{change[0].lower()}"
            f"{change[1:]} does so with a probability of {percent(doubtful.probability)}."
        )
    yield _compared(evidence, doubtful)
    yield f"--budget {settles}x would settle it."


def _of_health(evidence: Evidence, judgement: Judgement) -> str:
    best = max(judgement.stakes, key=lambda each: each.share, default=None)
    if best is None:
        return "Every other learning rate and momentum that was tried diverged."
    length = max(trial.steps for trial in evidence.own)
    seen = (
        "in full"
        if length == evidence.full_steps
        else f"in trials of up to {length} of its {evidence.full_steps} steps"
    )
    if best.share <= 0:
        return f"Compared {seen}, every other learning rate and momentum is expected to end higher."
    change = _change(evidence.neighbourhood, best)
    return (
        f"Compared {seen}, no other learning rate or momentum is likely to save more than {percent(WORTH)} of "
        "the final "
        f"validation loss. {change} is expected to save {100 * best.share:.1f} % ({_interval(best)})."
    )


def _of_overfitting(own: OwnTraining) -> str:
    step, lowest = own.lowest
    return (
        f"In a trial of {own.steps} steps the validation loss ended at {measured(own.loss)}; it was "
        f"{measured(lowest)} at "
        f"step {step}, and the training loss fell since: train for fewer steps, or regularise."
    )


def _interval(stake: Stake) -> str:
    low, high = (100 * min(max(each, -9.99), 1.0) for each in (stake.low, stake.high))
    return f"90 % interval {low:.0f} to {high:.0f} %"


def _change(neighbourhood: Neighbourhood, stake: Stake) -> str:
    own, to = neighbourhood.own, stake.setting
    if stake.change == "lr":
        verb = "Raising" if to.lr > own.lr else "Lowering"
        return f"{verb} the learning rate from {numeral(own.lr)} to {numeral(to.lr)} (times {numeral(to.lr / own.lr)})"
    verb = "Raising" if to.momentum > own.momentum else "Lowering"
    kept = "" if stake.change == "momentum" else f" and setting the learning rate to {numeral(to.lr)}"
    return f"{verb} the momentum from {numeral(own.momentum)} to {numeral(to.momentum)}{kept}"


def _advice(neighbourhood: Neighbourhood, stake: Stake) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    if stake.setting.lr != neighbourhood.own.lr:
        found["lr"] = stake.setting.lr
    if stake.setting.momentum != neighbourhood.own.momentum and neighbourhood.momentum_name is not None:
        found[neighbourhood.momentum_name] = stake.setting.momentum
    return found


def _overfits(own: OwnTraining) -> bool:
    """Tell whether the validation loss rose from its lowest while the training loss fell."""
    if own.diverged or not own.train.steps or not own.valid.steps or not own.lowest[1] > 0:
        return False
    # The training loss is a mean over some steps at each of its points: readings are placed among those.
    points = [(int(np.searchsorted(own.train.steps, step)), loss) for step, loss in own.readings]
    return overfits(own.train.losses, [(min(point, len(own.train.losses) - 1), loss) for point, loss in points])
