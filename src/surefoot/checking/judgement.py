"""Stakes -> the verdict.

- *healthy*: for every neighbour that could be advised, on both sides, a stake above 5 % is excluded with 90 %.
- *lr_too_high*, *lr_too_low*, *momentum_too_high*, *momentum_too_low*: a single change has a stake above 5 % with 90 %,
  and its own trials, of which none diverged, ended lower than the recipe's. The learning rate is named if it alone
  recovers most of what can be had.
- *diverged*: the recipe's longest trial has no finite loss; or it is at least a quarter of the training and ended above
  the loss before training, in the training loss too.
- *plateau*: whatever was tried, all trials of a length ended alike.
- *unknown*: everything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.checking.evidence import Evidence
from surefoot.checking.neighbourhood import Setting
from surefoot.checking.stake import WORTH, Stake, best_of_each, stakes_of
from surefoot.core.finding import Verdict

SURE = 0.9
# The learning rate is at fault where changing it alone recovers this share of the best stake.
RECOVERED = 0.5
# Where a change is likely to help, a learning rate that is this share as likely is followed up first.
LIKELY, ABOUT = 0.5, 0.3
# A trial of this part of the training tells whether a finite loss stays high.
LONG_ENOUGH = 4
# So many standard deviations of seed noise may be nothing.
NOISES = 1.5


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a recipe's learning rate and momentum are right.

    Attributes:
        verdict: ``healthy``, ``diverged``, ``plateau``, ``unknown``, or what is wrong in which direction.
        confidence: Probability of it; of ``unknown``, how sure it is that a change is worth making.
        stakes: Of all changes, the best first; empty where no trial came to its end.
        chosen: The change to make; ``None`` where nothing should change, or nothing helps.
        doubtful: The change that could turn the verdict, ``None`` where none could.
        noise: Standard deviation of a single training's log loss, as the surrogate has it.
    """

    verdict: Verdict
    confidence: float
    stakes: tuple[Stake, ...] = ()
    chosen: Stake | None = None
    doubtful: Stake | None = None
    noise: float | None = None


def judge(  # noqa: PLR0911  (one return for each verdict)
    evidence: Evidence, *, tried_only: bool = False
) -> Judgement:
    """Return whether a recipe's learning rate and momentum are right, as far as the trials tell.

    Args:
        evidence: The trials.
        tried_only: Whether only changes to settings that were tried are advised; for when no trial can follow.
    """
    surrogate = evidence.surrogate()
    if surrogate is None:
        return Judgement("diverged", 1.0)
    stakes, noise = stakes_of(evidence, surrogate), surrogate.noise
    chosen = first_to_make(stakes, evidence, tried_only=tried_only)
    diverged = has_diverged(evidence)
    if diverged:
        doubtful = chosen if chosen is not None and not evidence.pairs(chosen.setting) else None
        return Judgement("diverged", 1.0, stakes, chosen, doubtful, noise)
    if evidence.nothing_differs():
        return Judgement("plateau", SURE, stakes, noise=noise)
    rate = None if tried_only else _rate_to_try(chosen, stakes, evidence)
    if rate is not None:
        return Judgement("unknown", rate.probability, stakes, None, rate, noise)
    if chosen is not None and (tried_only or stands(chosen, evidence)):
        verdict = verdict_of(chosen, evidence.neighbourhood.own)
        return Judgement(verdict, chosen.probability, stakes, chosen, noise=noise)
    if chosen is not None:
        return Judgement("unknown", chosen.probability, stakes, None, chosen, noise)
    likeliest = _likeliest(stakes)
    lower = next((each for each in stakes if ended_far_lower(each, evidence, noise)), None)
    if lower is not None:
        return Judgement("unknown", lower.probability, stakes, None, lower, noise)
    most = max((each.probability for each in stakes), default=0.0)
    if likeliest is None or most <= 1.0 - SURE:
        sure = 1.0 - most
        if has_both_sides(evidence):
            return Judgement("healthy", sure, stakes, noise=noise)
        return Judgement("unknown", 1.0 - sure, stakes, noise=noise)
    return Judgement("unknown", likeliest.probability, stakes, None, likeliest, noise)


def _rate_to_try(chosen: Stake | None, stakes: tuple[Stake, ...], evidence: Evidence) -> Stake | None:
    """Return the learning rate that has to be compared before a momentum is blamed; ``None`` where there is none."""
    if chosen is None or chosen.change == "lr":
        return None
    rate = best_of_each(stakes).get("lr")
    if rate is None or rate.probability <= 1.0 - SURE:
        return None
    longest = max(trial.steps for trial in evidence.own)
    return None if any(trial.steps >= longest for trial in evidence.of(rate.setting)) else rate


def _likeliest(stakes: tuple[Stake, ...]) -> Stake | None:
    """Return the change to follow up: the likeliest to be worth making, or a learning rate that may be so too."""
    best = max(stakes, key=lambda each: each.probability, default=None)
    rates = [each for each in stakes if each.change == "lr"]
    rate = max(rates, key=lambda each: each.probability, default=None)
    if best is None or rate is None:
        return best
    blamed = best.probability > LIKELY and rate.probability >= ABOUT * best.probability
    return rate if blamed else best


def first_to_make(stakes: tuple[Stake, ...], evidence: Evidence, *, tried_only: bool) -> Stake | None:
    """Return the change to make: the first kind that is sure to help and recovers most of what the best one does.

    A change whose own trials ended no lower than the recipe's is none to make.
    """
    left = [each for each in stakes if not _ended_higher(each, evidence)]
    if tried_only:
        refuted = _refuted(stakes, evidence)
        left = [each for each in left if evidence.pairs(each.setting)]
        left = [each for each in left if stands(each, evidence) or _direction(each, evidence) not in refuted]
    best = best_of_each(tuple(left))
    sure = [each for each in best.values() if each.probability >= SURE]
    most = max((each.share for each in sure), default=0.0)
    first = next((each for each in sure if each.share >= RECOVERED * most), None)
    return first if first is None or first.change != "lr" else _on_the_safe_side(first, stakes, evidence)


def _refuted(stakes: tuple[Stake, ...], evidence: Evidence) -> set[Verdict]:
    """Return the directions in which a change, tried as far as the recipe was, ended no lower, and none ended lower."""
    followed = [each for each in stakes if _tried_as_far(each, evidence)]
    helps = {_direction(each, evidence) for each in followed if not _ended_higher(each, evidence)}
    return {_direction(each, evidence) for each in followed} - helps


def _direction(stake: Stake, evidence: Evidence) -> Verdict:
    return verdict_of(stake, evidence.neighbourhood.own)


def _on_the_safe_side(chosen: Stake, stakes: tuple[Stake, ...], evidence: Evidence) -> Stake:
    """Return a learning rate nearer to the recipe's where one on that side failed: a cliff may be near."""
    own = evidence.neighbourhood.own

    def side(setting: Setting) -> bool:
        return setting.lr > own.lr

    failed = [each for each in {trial.setting for trial in evidence.trials} if evidence.has_failed(each)]
    if not any(each.momentum == own.momentum and side(each) == side(chosen.setting) for each in failed):
        return chosen
    if evidence.pairs(chosen.setting) and stands(chosen, evidence):
        return chosen
    nearer = [
        each
        for each in stakes
        if each.change == "lr"
        and side(each.setting) == side(chosen.setting)
        and each.probability >= SURE
        and each.share >= RECOVERED * chosen.share
        and not _ended_higher(each, evidence)
    ]
    return min(nearer, key=lambda each: abs(math.log(each.setting.lr / own.lr)), default=chosen)


def stands(chosen: Stake, evidence: Evidence) -> bool:
    """Tell whether a change was tried beside the recipe, as far as the recipe itself was, and ended lower."""
    return _tried_as_far(chosen, evidence) and not _ended_higher(chosen, evidence)


def _tried_as_far(stake: Stake, evidence: Evidence) -> bool:
    """Tell whether a change was tried beside the recipe, as far as the recipe itself was."""
    pairs = evidence.pairs(stake.setting)
    return bool(pairs) and pairs[0][0].steps == max(trial.steps for trial in evidence.own)


def has_diverged(evidence: Evidence) -> bool:
    """Tell whether the recipe's own training diverges, finite or not."""
    longest = evidence.longest_own
    # What is finite after a short trial may still fall in what is left.
    return longest.diverged or (longest.went_up and LONG_ENOUGH * longest.steps >= evidence.full_steps)


def has_both_sides(evidence: Evidence) -> bool:
    """Tell whether learning rates and momenta on both sides of the recipe's were tried."""
    return has_rates_on_both_sides(evidence) and has_momenta_on_both_sides(evidence)


def has_rates_on_both_sides(evidence: Evidence) -> bool:
    """Tell whether learning rates on both sides of the recipe's were tried."""
    own = evidence.neighbourhood.own
    rates = {trial.setting.lr for trial in evidence.trials if trial.setting.momentum == own.momentum}
    return min(rates) < own.lr < max(rates)


def has_momenta_on_both_sides(evidence: Evidence) -> bool:
    """Tell whether momenta were tried on each side of the recipe's on which there are some."""
    own = evidence.neighbourhood.own
    momenta = {trial.setting.momentum for trial in evidence.trials}
    others = evidence.neighbourhood.other_momenta
    return all(
        any(each > own.momentum for each in momenta) if above else any(each < own.momentum for each in momenta)
        for above in (True, False)
        if any((each > own.momentum) == above for each in others)
    )


def ended_far_lower(stake: Stake, evidence: Evidence, noise: float) -> bool:
    """Tell whether a change's trials ended so much lower than the recipe's that no sentence can call that nothing."""
    pairs = [pair for pair in evidence.pairs(stake.setting) if not pair[0].diverged and not pair[1].diverged]
    if not pairs or pairs[0][0].steps < max(trial.steps for trial in evidence.own):
        return False
    mine, other = (sum(pair[side].loss for pair in pairs) / len(pairs) for side in (0, 1))
    return mine - other > (WORTH + NOISES * noise * math.sqrt(2.0 / len(pairs))) * abs(mine)


def verdict_of(stake: Stake, own: Setting) -> Verdict:
    """Return what is wrong where a change helps: what is better raised is too low."""
    if stake.change == "lr":
        return "lr_too_low" if stake.setting.lr > own.lr else "lr_too_high"
    return "momentum_too_low" if stake.setting.momentum > own.momentum else "momentum_too_high"


def _ended_higher(stake: Stake, evidence: Evidence) -> bool:
    """Tell whether a change's trials learnt nothing, or ended no lower than the recipe's beside them."""
    pairs = evidence.pairs(stake.setting)
    if any(other.went_up for _, other in pairs):
        return True
    mine, others = ([row[number].loss for row in pairs] for number in (0, 1))
    if not pairs or any(math.isinf(loss) for loss in mine):
        return any(math.isinf(loss) for loss in others)
    return sum(others) >= sum(mine)
