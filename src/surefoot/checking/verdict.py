"""The verdict on a recipe's learning rate and momentum, from what each change is expected to save.

- *healthy*: for every neighbour that could be advised, on both sides, a saving above 5 % is excluded with 90 %.
- *lr_too_high*, *lr_too_low*, *momentum_too_high*, *momentum_too_low*: a single change saves more than 5 % with a
  probability of 90 %, and its own trials, of which none diverged, ended lower than the recipe's. The learning rate is
  named if changing it alone recovers at least half of what the best change saves.
- *diverged*: the recipe's longest trial has no finite loss; or it is at least a quarter of the training and ended above
  the loss before training, in the training loss too.
- *plateau*: whatever was tried, all trials of a length ended at nearly the same loss.
- *unknown*: everything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.checking.expected_loss_saving import MIN_SAVING, ExpectedSaving, best_of_each_kind, expected_savings
from surefoot.checking.neighbourhood import LrAndMomentum
from surefoot.checking.trial_history import TrialHistory
from surefoot.core.finding_and_symptoms import Verdict

# Probability with which a change must save more than 5 % to be advised, and be excluded from doing so for a healthy
# verdict. It is the confidence of every interval that surefoot reports.
CONFIDENCE_TO_ADVISE = 0.9
# The first kind of change that recovers this share of what the best one saves is advised: a change of the learning rate
# alone is the simplest. Chosen.
MIN_SHARE_RECOVERED = 0.5
# Where the likeliest change has a probability above the first number, a learning rate whose probability is at least the
# second share of that is followed up before it. Chosen.
LIKELY_FROM, NEARLY_AS_LIKELY = 0.5, 0.3
# A finite loss above the loss before training counts as divergence after this share of the training; before, it may
# still fall. Chosen.
MIN_SHARE_FOR_DIVERGENCE = 0.25
# Trials that end this many standard deviations of seed noise below the recipe's forbid a healthy verdict. Chosen.
NOISE_STDS = 1.5


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """Whether a recipe's learning rate and momentum are right.

    Attributes:
        kind: ``healthy``, ``diverged``, ``plateau``, ``unknown``, or which hyperparameter is off in which direction.
        confidence: Probability that the verdict is right; for ``unknown``, that a change is worth making.
        savings: Expected savings of all changes, best first; empty where every trial diverged.
        advised: The change to make; ``None`` where nothing should change, or nothing helps.
        in_doubt: The change that could turn the verdict; ``None`` where none could.
        noise: Standard deviation of a single training's log loss, as estimated by the surrogate.
    """

    kind: Verdict
    confidence: float
    savings: tuple[ExpectedSaving, ...] = ()
    advised: ExpectedSaving | None = None
    in_doubt: ExpectedSaving | None = None
    noise: float | None = None


def decide_verdict(  # noqa: PLR0911  (one return for each verdict)
    history: TrialHistory, *, tried_only: bool = False
) -> CheckVerdict:
    """Return the verdict on a recipe's learning rate and momentum, as far as the trials allow one.

    Args:
        history: The trials so far.
        tried_only: Whether to advise only what was tried; set it when no trial can follow.
    """
    surrogate = history.surrogate()
    if surrogate is None:
        return CheckVerdict("diverged", 1.0)
    savings, noise = expected_savings(history, surrogate), surrogate.noise
    advised = choose_change(savings, history, tried_only=tried_only)
    if recipe_diverges(history):
        untried = advised if advised is not None and not history.pairs(advised.hyperparameters) else None
        return CheckVerdict("diverged", 1.0, savings, advised, untried, noise)
    if history.all_losses_nearly_equal():
        return CheckVerdict("plateau", CONFIDENCE_TO_ADVISE, savings, noise=noise)
    if advised is not None:
        lr = None if tried_only else _lr_to_compare_first(advised, savings, history)
        if lr is None and (tried_only or is_confirmed(advised, history)):
            kind = fault_fixed_by(advised, history.neighbourhood.current)
            return CheckVerdict(kind, advised.probability, savings, advised, noise=noise)
        in_doubt: ExpectedSaving | None = lr or advised
    else:
        in_doubt = _change_in_doubt(savings, history, noise)
    if in_doubt is not None:
        return CheckVerdict("unknown", in_doubt.probability, savings, None, in_doubt, noise)
    highest = max((each.probability for each in savings), default=0.0)
    if tried_both_sides(history):
        return CheckVerdict("healthy", 1.0 - highest, savings, noise=noise)
    return CheckVerdict("unknown", highest, savings, noise=noise)


def choose_change(
    savings: tuple[ExpectedSaving, ...], history: TrialHistory, *, tried_only: bool
) -> ExpectedSaving | None:
    """Return the change to advise; ``None`` where none is certain enough to help.

    It is the first kind of change that recovers at least half of what the best one saves. Changes whose own trials
    ended no lower than the recipe's are left out.
    """
    left = [each for each in savings if not _did_not_help(each, history)]
    if tried_only:
        current, refuted = history.neighbourhood.current, _refuted_faults(savings, history)
        left = [each for each in left if history.pairs(each.hyperparameters)]
        left = [each for each in left if is_confirmed(each, history) or fault_fixed_by(each, current) not in refuted]
    helpful = [each for each in best_of_each_kind(left).values() if each.probability >= CONFIDENCE_TO_ADVISE]
    most = max((each.share for each in helpful), default=0.0)
    first = next((each for each in helpful if each.share >= MIN_SHARE_RECOVERED * most), None)
    return first if first is None or first.change != "lr" else _cautious_lr(first, savings, history)


def is_confirmed(change: ExpectedSaving, history: TrialHistory) -> bool:
    """Return whether a change was compared with the recipe at the length of the recipe's longest trial and helped."""
    return _compared_at_longest(change, history) and not _did_not_help(change, history)


def recipe_diverges(history: TrialHistory) -> bool:
    """Return whether the recipe's own training diverges: its loss is NaN or inf, or ends above where it began."""
    longest = history.longest_recipe_trial
    is_long_enough = longest.steps >= MIN_SHARE_FOR_DIVERGENCE * history.full_steps
    return longest.diverged or (longest.ended_above_initial_loss and is_long_enough)


def fault_fixed_by(change: ExpectedSaving, current: LrAndMomentum) -> Verdict:
    """Return what is wrong with a recipe that a change improves: what is better raised is too low."""
    if change.change == "lr":
        return "lr_too_low" if change.hyperparameters.lr > current.lr else "lr_too_high"
    return "momentum_too_low" if change.hyperparameters.momentum > current.momentum else "momentum_too_high"


def tried_both_sides(history: TrialHistory) -> bool:
    """Return whether learning rates and momenta on both sides of the recipe's were tried."""
    return tried_lrs_on_both_sides(history) and tried_momenta_on_both_sides(history)


def tried_lrs_on_both_sides(history: TrialHistory) -> bool:
    """Return whether learning rates on both sides of the recipe's were tried, at its momentum."""
    current = history.neighbourhood.current
    tried = (trial.hyperparameters for trial in history.trials)
    rates = {each.lr for each in tried if each.momentum == current.momentum}
    return min(rates) < current.lr < max(rates)


def tried_momenta_on_both_sides(history: TrialHistory) -> bool:
    """Return whether momenta were tried on each side of the recipe's on which there are candidates."""
    current = history.neighbourhood.current.momentum
    tried = {trial.hyperparameters.momentum for trial in history.trials}
    candidates = history.neighbourhood.other_momenta
    lower = any(each < current for each in tried) or not any(each < current for each in candidates)
    higher = any(each > current for each in tried) or not any(each > current for each in candidates)
    return lower and higher


def _lr_to_compare_first(
    advised: ExpectedSaving, savings: tuple[ExpectedSaving, ...], history: TrialHistory
) -> ExpectedSaving | None:
    """Return the learning rate that must be compared before a momentum is named; ``None`` where there is none."""
    if advised.change == "lr":
        return None
    lr = best_of_each_kind(savings).get("lr")
    if lr is None or lr.probability <= 1.0 - CONFIDENCE_TO_ADVISE:
        return None
    longest = history.longest_recipe_trial.steps
    was_compared = any(trial.steps >= longest for trial in history.trials_of(lr.hyperparameters))
    return None if was_compared else lr


def _change_in_doubt(savings: tuple[ExpectedSaving, ...], history: TrialHistory, noise: float) -> ExpectedSaving | None:
    """Return the change that forbids a healthy verdict, where no change is advised; ``None`` where none does."""
    lower = next((each for each in savings if _ended_far_lower(each, history, noise)), None)
    if lower is not None:
        return lower
    likeliest = _likeliest(savings)
    highest = max((each.probability for each in savings), default=0.0)
    return likeliest if highest > 1.0 - CONFIDENCE_TO_ADVISE else None


def _likeliest(savings: tuple[ExpectedSaving, ...]) -> ExpectedSaving | None:
    """Return the change that is likeliest to be worth making, or a learning rate that is nearly as likely."""
    best = max(savings, key=lambda each: each.probability, default=None)
    rates = [each for each in savings if each.change == "lr"]
    lr = max(rates, key=lambda each: each.probability, default=None)
    if best is None or lr is None:
        return best
    prefers_lr = best.probability > LIKELY_FROM and lr.probability >= NEARLY_AS_LIKELY * best.probability
    return lr if prefers_lr else best


def _refuted_faults(savings: tuple[ExpectedSaving, ...], history: TrialHistory) -> set[Verdict]:
    """Return the faults refuted at the length of the recipe's longest trial: no change that would fix them helped."""
    current = history.neighbourhood.current
    compared = [each for each in savings if _compared_at_longest(each, history)]
    fixed = {fault_fixed_by(each, current) for each in compared if not _did_not_help(each, history)}
    return {fault_fixed_by(each, current) for each in compared} - fixed


def _cautious_lr(advised: ExpectedSaving, savings: tuple[ExpectedSaving, ...], history: TrialHistory) -> ExpectedSaving:
    """Return a learning rate nearer to the recipe's where one on the same side failed: a cliff may be near."""
    current = history.neighbourhood.current

    def is_above(hyperparameters: LrAndMomentum) -> bool:
        return hyperparameters.lr > current.lr

    side = is_above(advised.hyperparameters)
    failed = [
        each for each in {trial.hyperparameters for trial in history.trials} if history.failed_in_longest_trial(each)
    ]
    if not any(each.momentum == current.momentum and is_above(each) == side for each in failed):
        return advised
    if is_confirmed(advised, history):
        return advised
    nearer = [
        each
        for each in savings
        if each.change == "lr"
        and is_above(each.hyperparameters) == side
        and each.probability >= CONFIDENCE_TO_ADVISE
        and each.share >= MIN_SHARE_RECOVERED * advised.share
        and not _did_not_help(each, history)
    ]
    return min(nearer, key=lambda each: abs(math.log(each.hyperparameters.lr / current.lr)), default=advised)


def _compared_at_longest(change: ExpectedSaving, history: TrialHistory) -> bool:
    """Return whether a change was compared with the recipe at the length of the recipe's longest trial."""
    pairs = history.pairs(change.hyperparameters)
    return bool(pairs) and pairs[0][0].steps == history.longest_recipe_trial.steps


def _ended_far_lower(change: ExpectedSaving, history: TrialHistory, noise: float) -> bool:
    """Return whether a change ended so far below the recipe that a healthy verdict would contradict the table."""
    pairs = history.pairs(change.hyperparameters)
    finished = [pair for pair in pairs if not pair[0].diverged and not pair[1].diverged]
    if not finished or finished[0][0].steps < history.longest_recipe_trial.steps:
        return False
    recipe, changed = (sum(pair[side].loss for pair in finished) / len(finished) for side in (0, 1))
    margin = MIN_SAVING + NOISE_STDS * noise * math.sqrt(2.0 / len(finished))
    return recipe - changed > margin * abs(recipe)


def _did_not_help(change: ExpectedSaving, history: TrialHistory) -> bool:
    """Return whether a change was tried and learnt nothing, or ended no lower than the recipe in their pairs."""
    pairs = history.pairs(change.hyperparameters)
    if any(changed.ended_above_initial_loss for _, changed in pairs):
        return True
    recipe, changed = ([pair[side].loss for pair in pairs] for side in (0, 1))
    if not pairs or any(math.isinf(loss) for loss in recipe):
        return any(math.isinf(loss) for loss in changed)
    return sum(changed) >= sum(recipe)
