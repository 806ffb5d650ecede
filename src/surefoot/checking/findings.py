"""The findings of a check in sentences: what is wrong, the numbers that show it, what to do, what would settle doubt.

Every sentence is written from the numbers that decided the verdict, so that none contradicts it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from surefoot.checking.curvature_summary import CurvatureSummary
from surefoot.checking.expected_loss_saving import MIN_SAVING, ExpectedSaving
from surefoot.checking.neighbourhood import Neighbourhood
from surefoot.checking.result import RecipeTraining
from surefoot.checking.trial_history import CheckTrial, TrialHistory
from surefoot.checking.verdict import CheckVerdict, tried_lrs_on_both_sides, tried_momenta_on_both_sides
from surefoot.core.finding_and_symptoms import Finding, overfits, still_falls
from surefoot.core.formatting import format_measurement, format_number, format_percent
from surefoot.recipe.recipe import Recipe

# Confidence in a fault that a curve shows (overfitting, or a training that is too short) and no trial tested. Chosen.
CURVE_CONFIDENCE = 0.7
# Cost of comparing two recipes in full on two seeds, in trainings.
FULL_COMPARISON_TRAININGS = 4.0


def make_findings(
    history: TrialHistory,
    verdict: CheckVerdict,
    training: RecipeTraining,
    curvature: CurvatureSummary | None,
    *,
    budget: float,
) -> tuple[Finding, ...]:
    """Return the findings of a check, the verdict first.

    Args:
        history: All trials.
        verdict: The verdict on them.
        training: The recipe's longest trial.
        curvature: Curvature of the loss where that trial ended; ``None`` where it was not measured.
        budget: What the check was allowed to cost, in trainings.
    """
    numbers = evidence_numbers(history, verdict, training, curvature)
    first = _first_finding(history, verdict, training, curvature, numbers=numbers, budget=budget)
    return (first, *_further_findings(verdict, training, first, history.full_steps))


def advised_recipe(neighbourhood: Neighbourhood, finding: Finding, verdict: CheckVerdict) -> Recipe:
    """Return the recipe with the advised learning rate and momentum."""
    if verdict.advised is None or "steps" in finding.advice:
        return neighbourhood.recipe
    return neighbourhood.recipe_at(verdict.advised.hyperparameters)


def evidence_numbers(
    history: TrialHistory, verdict: CheckVerdict, training: RecipeTraining, curvature: CurvatureSummary | None
) -> dict[str, float]:
    """Return the numbers that a verdict rests on, by name; those that are unknown, NaN or inf are left out."""
    numbers: dict[str, float | None] = {
        "lr": history.neighbourhood.current.lr,
        "momentum": history.neighbourhood.current.momentum,
        "own_steps": training.steps,
        "final_loss": training.loss,
        "lowest_loss": training.lowest_valid[1],
        "diverged_at": training.diverged_at,
        "noise": verdict.noise,
    }
    subject = verdict.advised or verdict.in_doubt or next(iter(verdict.savings), None)
    if subject is not None:
        numbers |= {
            "stake": subject.share,
            "stake_low": subject.low,
            "stake_high": subject.high,
            "stake_probability": subject.probability,
        }
        if pairs := history.pairs(subject.hyperparameters):
            recipe_loss, changed_loss = _mean_losses(pairs)
            numbers |= {"compared_steps": pairs[0][0].steps, "compared_seeds": len(pairs)}
            numbers |= {"compared_own_loss": recipe_loss, "compared_other_loss": changed_loss}
    if curvature is not None:
        numbers |= {
            "sharpness": curvature.sharpness.value,
            "stable_lr": curvature.limit,
            "step_sharpness": curvature.step_sharpness,
            "noise_scale": curvature.noise.value,
            "share_of_noise": curvature.share_of_noise,
        }
    return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}


def _first_finding(
    history: TrialHistory,
    verdict: CheckVerdict,
    training: RecipeTraining,
    curvature: CurvatureSummary | None,
    *,
    numbers: dict[str, float],
    budget: float,
) -> Finding:
    kind, confidence, advised = verdict.kind, verdict.confidence, verdict.advised
    advice = {} if advised is None else _advice(history.neighbourhood, advised)
    saving = _bounded_share(advised)
    if kind == "diverged":
        return Finding("diverged", 1.0, " ".join(_divergence_sentences(history, advised)), numbers, advice, saving)
    if kind == "plateau":
        return Finding("plateau", confidence, _plateau_sentence(history), numbers, expected_saving=0.0)
    if kind in ("healthy", "unknown") and _overfits(training):
        return _overfitting(training, confidence if kind == "healthy" else CURVE_CONFIDENCE, numbers)
    if kind == "unknown":
        why = " ".join(_doubt_sentences(history, verdict, budget))
        return Finding("unknown", confidence, why, numbers, expected_saving=_bounded_share(verdict.in_doubt))
    if advised is None:
        return Finding(kind, confidence, _healthy_sentence(history, verdict), numbers, expected_saving=0.0)
    why = " ".join(_fault_sentences(history, advised, curvature))
    return Finding(kind, confidence, why, numbers, advice, saving)


def _further_findings(
    verdict: CheckVerdict, training: RecipeTraining, first: Finding, full_steps: int
) -> Iterator[Finding]:
    if first.verdict in ("diverged", "plateau", "overfitting"):
        return
    if _overfits(training):
        yield _overfitting(training, CURVE_CONFIDENCE, {})
    if training.steps == full_steps and verdict.kind == "healthy" and still_falls(training.valid_curve):
        why = (
            "The validation loss still falls by more than a tenth over the last quarter: a longer training would help."
        )
        yield Finding("underfitting", CURVE_CONFIDENCE, why)


def _overfitting(training: RecipeTraining, confidence: float, numbers: dict[str, float]) -> Finding:
    step, lowest = training.lowest_valid
    why = (
        f"In a trial of {training.steps} steps the validation loss ended at {format_measurement(training.loss)}; it "
        f"was {format_measurement(lowest)} at step {step}, and the training loss fell since: train for fewer steps, or "
        "regularise."
    )
    saving = 1.0 - lowest / training.loss
    return Finding("overfitting", confidence, why, numbers, {"steps": float(step)}, saving)


def _divergence_sentences(history: TrialHistory, advised: ExpectedSaving | None) -> Iterator[str]:
    longest = history.longest_recipe_trial
    if longest.diverged:
        at = "" if longest.diverged_at is None else f" at step {longest.diverged_at}"
        yield f"The loss of the recipe became NaN or inf{at} in a trial of {longest.steps} steps."
    else:
        before = math.inf if history.untrained is None else history.untrained.loss
        yield (
            f"In a trial of {longest.steps} steps the loss ended at {format_measurement(longest.loss)}, above the "
            f"{format_measurement(before)} that it begins at."
        )
    if advised is None:
        yield (
            "No other learning rate or momentum that was tried does better: try a far lower learning rate, or check "
            "the data, the loss and the model."
        )
        return
    trials = [trial for trial in history.trials_of(advised.hyperparameters) if not trial.diverged]
    change = _change_in_words(history.neighbourhood, advised)
    if trials:
        trial = max(trials, key=lambda each: each.steps)
        yield f"{change} ended at {format_measurement(trial.loss)} in a trial of {trial.steps} steps."
    else:
        yield f"{change} is expected to end lowest; it was not tried itself."


def _plateau_sentence(history: TrialHistory) -> str:
    loss = format_measurement(history.longest_recipe_trial.loss)
    return (
        f"All trials ended at {loss} within 1 %, whatever the learning rate and the momentum: check the data, the loss "
        "and the model, or try far higher learning rates."
    )


def _fault_sentences(
    history: TrialHistory, advised: ExpectedSaving, curvature: CurvatureSummary | None
) -> Iterator[str]:
    change, saves = _change_in_words(history.neighbourhood, advised), format_percent(max(advised.share, 0.0))
    yield f"{change} is expected to save {saves} of the final validation loss ({_interval_in_words(advised)})."
    yield _comparison_sentence(history, advised)
    if curvature is None or curvature.limit is None or curvature.sharpness.value is None:
        return
    current = history.neighbourhood.current
    if current.lr > curvature.limit and advised.hyperparameters.lr < current.lr:
        yield (
            f"Where the recipe's longest trial ended, sharpness {format_number(curvature.sharpness.value)} allows at "
            f"most {format_number(curvature.limit)} at momentum {format_number(current.momentum)}, with full batches."
        )


def _comparison_sentence(history: TrialHistory, change: ExpectedSaving) -> str:
    """Return what the longest pairs of a change and the recipe ended at."""
    pairs = history.pairs(change.hyperparameters)
    if not pairs:
        return "It was not tried itself; its neighbours were."
    recipe_loss, changed_loss = map(format_measurement, _mean_losses(pairs))
    steps = pairs[0][0].steps
    length = "In full" if steps == history.full_steps else f"In trials of {steps} of the {history.full_steps} steps"
    mean = f", means of {len(pairs)} seeds" if len(pairs) > 1 else ""
    return f"{length} it ended at {changed_loss}, the recipe at {recipe_loss}{mean}."


def _doubt_sentences(history: TrialHistory, verdict: CheckVerdict, budget: float) -> Iterator[str]:
    spent = sum(trial.steps for trial in history.trials) / history.full_steps
    sufficient = math.ceil(max(budget, spent) + FULL_COMPARISON_TRAININGS)
    in_doubt = verdict.in_doubt
    if in_doubt is None:
        yield f"{_one_sided_in_words(history)} were not compared; --budget {sufficient}x would do it."
        return
    change, worth = _change_in_words(history.neighbourhood, in_doubt), format_percent(MIN_SAVING)
    probability = format_percent(in_doubt.probability)
    if in_doubt.share > 0:
        yield (
            f"{change} might save {format_percent(in_doubt.share)} of the final validation loss "
            f"({_interval_in_words(in_doubt)}); the probability that it saves more than {worth} is {probability}."
        )
    else:
        yield (
            f"No change is expected to end lower, but one that saves more than {worth} is not excluded: "
            f"{change[0].lower()}{change[1:]} does so with a probability of {probability}."
        )
    yield _comparison_sentence(history, in_doubt)
    yield f"--budget {sufficient}x would settle it."


def _one_sided_in_words(history: TrialHistory) -> str:
    """Return which hyperparameters were tried on one side of the recipe's alone."""
    on_both_sides = {
        "learning rates": tried_lrs_on_both_sides(history),
        "momenta": tried_momenta_on_both_sides(history),
    }
    missing = " and ".join(name for name, tried in on_both_sides.items() if not tried)
    return f"{missing.capitalize()} on both sides of the recipe's"


def _healthy_sentence(history: TrialHistory, verdict: CheckVerdict) -> str:
    best = max(verdict.savings, key=lambda each: each.share, default=None)
    if best is None:
        return "Every other learning rate and momentum that was tried diverged."
    length, full = history.longest_recipe_trial.steps, history.full_steps
    compared = "in full" if length == full else f"in trials of up to {length} of its {full} steps"
    if best.share <= 0:
        return f"Compared {compared}, every other learning rate and momentum is expected to end higher."
    change = _change_in_words(history.neighbourhood, best)
    return (
        f"Compared {compared}, no other learning rate or momentum is likely to save more than "
        f"{format_percent(MIN_SAVING)} of the final validation loss. {change} is expected to save "
        f"{100 * best.share:.1f} % ({_interval_in_words(best)})."
    )


def _interval_in_words(saving: ExpectedSaving) -> str:
    low, high = (100 * min(max(each, -9.99), 1.0) for each in (saving.low, saving.high))
    return f"90 % interval {low:.0f} to {high:.0f} %"


def _change_in_words(neighbourhood: Neighbourhood, saving: ExpectedSaving) -> str:
    current, to = neighbourhood.current, saving.hyperparameters
    if saving.change == "lr":
        verb = "Raising" if to.lr > current.lr else "Lowering"
        return (
            f"{verb} the learning rate from {format_number(current.lr)} to {format_number(to.lr)} "
            f"(times {format_number(to.lr / current.lr)})"
        )
    verb = "Raising" if to.momentum > current.momentum else "Lowering"
    with_lr = "" if saving.change == "momentum" else f" and setting the learning rate to {format_number(to.lr)}"
    return f"{verb} the momentum from {format_number(current.momentum)} to {format_number(to.momentum)}{with_lr}"


def _advice(neighbourhood: Neighbourhood, saving: ExpectedSaving) -> dict[str, float | str]:
    advice: dict[str, float | str] = {}
    if saving.hyperparameters.lr != neighbourhood.current.lr:
        advice["lr"] = saving.hyperparameters.lr
    if saving.hyperparameters.momentum != neighbourhood.current.momentum and neighbourhood.momentum_name is not None:
        advice[neighbourhood.momentum_name] = saving.hyperparameters.momentum
    return advice


def _bounded_share(saving: ExpectedSaving | None) -> float:
    return 0.0 if saving is None else min(max(saving.share, 0.0), 1.0)


def _mean_losses(pairs: Sequence[tuple[CheckTrial, CheckTrial]]) -> tuple[float, float]:
    """Return the mean losses of the recipe and of the neighbour in some pairs."""
    recipe_loss, neighbour_loss = (float(np.mean([pair[side].loss for pair in pairs])) for side in (0, 1))
    return recipe_loss, neighbour_loss


def _overfits(training: RecipeTraining) -> bool:
    """Return whether the validation loss rose from its lowest while the training loss fell."""
    has_curves = training.train.steps and training.valid.steps
    if training.diverged or not has_curves or not training.lowest_valid[1] > 0:
        return False
    # Each training loss is a mean over some steps: a validation loss takes the index of the one that its step is in.
    last = len(training.train.losses) - 1
    indices = [int(np.searchsorted(training.train.steps, step)) for step, _ in training.valid_curve]
    valid = [(min(index, last), loss) for index, (_, loss) in zip(indices, training.valid_curve, strict=True)]
    return overfits(training.train.losses, valid)
