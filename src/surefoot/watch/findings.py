"""One rule a fault: what in the record shows it, and what to do. A rule that is in doubt says nothing.

The thresholds are from trainings with known faults on five tasks (ADR 0012): good settings had a reach of 0.1 to 8
until the loss had come down, settings a hundred times too low one below 0.01.

Record -> finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from surefoot.core.finding import Finding
from surefoot.core.formatting import measured, numeral
from surefoot.watch.losses import relapses
from surefoot.watch.record import Bend, Record

# Steps over which a loss has to stay where it is for a verdict.
STAYS = 20
# So many times the first loss above it: lost beyond return, or risen.
LOST, RISEN = 4.0, 0.5
# A peak so many times as far above the first loss as any of the last ones is no chance.
NOISES = 3.0
# Steps that a training gets to come down again, and to begin to learn.
RECOVERY, BEGINNING = 50, 300
# Steps after which a verdict no longer waits for curvature.
PATIENCE = 200
# A training that has not lowered the loss by this share has not begun to learn.
LEARNT = 0.02
# A loss below this share of the first has come down: a straight loss is then a sign of the end, not of a small rate.
COME_DOWN = 0.8
# Samples of curvature that a verdict takes, and steps between the first and the last of them.
BENDS, SPAN = 6, 60
# Below it the loss is straight all along the step, above it each step is far beyond what its batch allows.
SHORT, FAR = 0.01, 3.0
# One step so far can wreck a network.
WRECKS = 10.0
# A reach that becomes so many times what it was is on its way.
GROWS = 2.0
# Where advice aims: at the low end of what good settings had, and at the edge of stability.
GOOD, EDGE = 0.3, 2.0
# Momentum that may be at fault, and the largest reach of its learning rate alone.
MUCH_MOMENTUM, HARMLESS = 0.95, 0.5
MOST_RAISED, MOST_LOWERED = 1000.0, 0.001
# What a rate that is too high is lowered by at least, and where nothing tells how far it is off.
LEAST_LOWERED, LOWERED = 1 / 3, 0.1


def diverged(record: Record) -> Finding | None:
    """Find a loss that is no number any more, or far above where it began.

    A loss that is not finite while the weights are may be a step that was skipped; it counts once it stays, or at
    step 0, before which nothing was stepped.
    """
    losses, first = record.losses, record.losses.first
    if losses.lost_at is not None:
        stayed = losses.count - losses.lost_at >= STAYS
        if losses.lost_at == 0:
            why = "the loss was no number before any step was made. Look at the data, the loss and the model."
            return Finding("diverged", 1.0, _at(0) + why, record.numbers() | {"diverged_at": 0.0})
        if record.weights_lost or stayed:
            return _lost(record, losses.lost_at)
    if record.weights_lost:  # one that the last batch did not meet
        return _lost(record, losses.count - 1)
    last = losses.last(STAYS)
    if first is None or len(last) < STAYS or last.min() <= first + (LOST - 1) * abs(first):
        return None
    why = f"The loss began at {measured(first)} and was above {measured(last.min())} for the last {STAYS} steps."
    return Finding("diverged", 0.95, why, record.numbers(), _lowered(record))


def lr_too_high(record: Record) -> Finding | None:
    """Find a loss that rose above its start and stays there, or steps far too long for a loss that does not fall."""
    return _overshot(record) or _too_far(record)


def momentum_too_high(record: Record) -> Finding | None:
    """Find steps far too long by momentum alone, of a learning rate that would be harmless without it."""
    rates = record.rates
    reach = _reach_too_far(record)
    if reach is None or rates.momentum_name != "momentum" or rates.momentum < MUCH_MOMENTUM:
        return None
    alone = reach * (1.0 - rates.momentum)
    if alone > HARMLESS:
        return None
    advised = round(max(0.0, 1.0 - (1.0 - rates.momentum) * reach / EDGE), 3)
    why = (
        f"With momentum {numeral(rates.momentum)} a step ends up {numeral(reach)} times as far as its batch's lowest "
        f"place, and the loss rose again after it had come down; the learning rate alone would reach {numeral(alone)}."
    )
    return Finding("momentum_too_high", 0.7, why, record.numbers(), {"momentum": advised})


def lr_too_low(record: Record) -> Finding | None:
    """Find a loss that is straight all along the steps, while the training still has its way to go.

    Judged while the learning rate is near its peak only: at a schedule's end and in a warmup it is meant to be low.
    """
    bends, start = _enough(record), record.losses.start
    last = record.losses.last(STAYS)
    if not bends or start is None or not len(last) or np.median(last) < COME_DOWN * start:
        return None
    reaches = np.abs([bend.reach for bend in bends])
    longest = float(np.quantile(reaches, 0.9))
    if longest >= SHORT or _grows(reaches):
        return None
    factor = GOOD / max(longest, GOOD / MOST_RAISED)
    advised = _rounded(record.lr_peak * factor)
    since = numeral(bends[-1].step - bends[0].step)
    why = (
        f"Over {since} steps the loss was straight along the way: nine steps of ten used up {numeral(longest)} of its "
        f"slope or less, where good settings use {numeral(GOOD)} and more. The loss went from {measured(start)} to "
        f"{measured(float(np.median(last)))}; try {numeral(advised)}, {numeral(factor, digits=2)} times as much."
    )
    confidence = 0.95 if longest < SHORT / 5 else 0.85
    return Finding("lr_too_low", confidence, why, record.numbers(), {"lr": advised})


def plateau(record: Record) -> Finding | None:
    """Find a loss that has not begun to fall, where neither the learning rate nor the momentum are seen to be why."""
    curve, first = record.losses.curve(), record.losses.first
    bends = _enough(record)
    if record.losses.count < BEGINNING or len(curve) < 8 or first is None or not bends:
        return None
    if median(bend.reach for bend in bends) < GOOD / 3:
        return None  # with short steps it may still be on its way
    quarter = len(curve) // 4
    begin, now = float(np.mean(curve[:quarter])), float(np.mean(curve[-quarter:]))
    if min(first, begin) - now > LEARNT * abs(begin) or curve[quarter:].min() < begin / 2:
        return None
    why = (
        f"The loss is where it began after {record.losses.count} steps ({measured(begin)}, now {measured(now)}), and "
        "its steps are neither too short nor too long: look at the data, the loss and the model."
    )
    return Finding("plateau", 0.6, why, record.numbers())


def _lost(record: Record, step: int) -> Finding:
    found = [loss for loss in record.losses.recent if math.isfinite(loss)]
    what = "a weight" if record.losses.lost_at is None else "the loss"
    before = f" (the last loss before: {measured(found[-1])})" if found else ""
    why = f"{what} was no number any more{before}."
    first = record.losses.first
    if found and first is not None and found[-1] < first:  # it came from a good place: not what a high rate looks like
        why += " The loss had fallen until then: look for a division, a root or a logarithm of 0 too."
    return Finding("diverged", 1.0, _at(step) + why, record.numbers() | {"diverged_at": float(step)}, _lowered(record))


def _at(step: int) -> str:
    return f"Diverged at step {step}: "


def _overshot(record: Record) -> Finding | None:
    first, last = record.losses.first, record.losses.last(STAYS)
    if first is None or len(last) < STAYS or record.losses.count < RECOVERY:
        return None
    risen = first + RISEN * abs(first)
    curve = record.losses.curve()
    peak = float(np.sort(curve)[-2:].mean()) if len(curve) > 1 else -math.inf  # the highest alone may be an odd batch
    if last.min() > risen:
        why = f"The loss began at {measured(first)} and was above {measured(last.min())} for the last {STAYS} steps."
        return Finding("lr_too_high", 0.85, why, record.numbers(), _lowered(record))
    chance = NOISES * float(record.losses.last(RECOVERY).max() - first)
    learnt = np.median(last) < first - LEARNT * abs(first)
    if not learnt and peak > first + max(2 * RISEN * abs(first), chance):
        why = (
            f"The loss rose from {measured(first)} to {measured(peak)} and has come back to "
            f"{measured(np.median(last))} without learning anything: the first steps were too long."
        )
        return Finding("lr_too_high", 0.85, why, record.numbers() | {"peak_loss": peak}, _lowered(record))
    longest = sorted([0.0, 0.0, *(bend.reach for bend in record.bends)])[-2]  # the longest may be a chance
    if not learnt and record.losses.count >= BEGINNING and longest > WRECKS:
        why = (
            f"The loss is where it began ({measured(first)}, now {measured(np.median(last))}); a step ended up "
            f"{numeral(longest)} times as far as its batch's lowest place, which can leave a network without life."
        )
        return Finding("lr_too_high", 0.6, why, record.numbers(), _lowered(record))
    return None


def _too_far(record: Record) -> Finding | None:
    reach = _reach_too_far(record)
    if reach is None:
        return None
    advised = _rounded(record.lr_peak * EDGE / reach)
    why = (
        f"A step ends up {numeral(reach)} times as far as its batch's lowest place ({numeral(EDGE)} is the edge of "
        "stability), and the loss rose again after it had come down."
    )
    return Finding("lr_too_high", 0.75, why, record.numbers(), {"lr": advised})


def _reach_too_far(record: Record) -> float | None:
    """Return the median reach of steps that are too long, before a loss that had come down rose again.

    After the rise there may be nothing left to measure: a network without a living unit has short steps.
    """
    bends, curve = _enough(record), record.losses.curve()
    if not bends or record.has_decayed():
        return None
    lowest_at = record.losses.lowest_at()
    before = [bend for bend in bends if bend.step <= lowest_at]
    reach = median(bend.reach for bend in (before if len(before) >= BENDS else bends))
    return reach if reach > FAR and relapses(curve) else None


def _grows(reaches: NDArray[np.float64]) -> bool:
    """Tell whether the later ones are clearly above the earlier ones: sharpness rises until steps are long enough."""
    before, after = np.array_split(reaches, 2)
    return bool(np.median(after) > GROWS * np.median(before))


def _enough(record: Record) -> list[Bend]:
    """Return the curvature at the height of the schedule, none where there is too little of it."""
    bends = record.bends_at_height()
    return bends if len(bends) >= BENDS and bends[-1].step - bends[0].step >= SPAN else []


def _lowered(record: Record) -> dict[str, float | str]:
    """Return the advice of a lower rate: at the edge of stability by the longest reach seen, else a tenth."""
    longest = max((bend.reach for bend in record.bends if bend.lr == record.lr_peak), default=0.0)
    factor = EDGE / longest if longest > EDGE else LOWERED
    factor = min(LEAST_LOWERED, max(factor, MOST_LOWERED))
    return {"lr": _rounded(record.lr_peak * factor)} if record.lr_peak > 0.0 else {}


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


# The steps of good settings that were tried reached from the one to the other.
SHORTEST_GOOD, FARTHEST_GOOD = 0.05, 8.0
# The first that speaks is the verdict.
RULES: tuple[Callable[[Record], Finding | None], ...] = (
    diverged,
    momentum_too_high,
    lr_too_high,
    lr_too_low,
    plateau,
)


def judge(record: Record) -> Finding:
    """Return the finding that a record allows.

    Example:
        >>> record = Record()
        >>> record.losses.add([float("nan")])
        >>> judge(record).why
        'Diverged at step 0: the loss was no number before any step was made. Look at the data, the loss and the model.'
    """
    found = next((finding for rule in RULES if (finding := rule(record)) is not None), None)
    return found or _without_fault(record)


def _without_fault(record: Record) -> Finding:
    missing = _missing(record)
    if missing is not None:
        return Finding("unknown", 0.0, f"Not known yet: {missing}.", record.numbers())
    losses, bends = record.losses, record.bends_at_height()
    why = f"The loss fell from {_start(record)} to {measured(float(np.mean(losses.last(STAYS))))}, "
    if len(bends) < BENDS:
        because = record.unjudged or f"it takes {BENDS} samples of curvature (there are {len(bends)})"
        why += f"and nothing in it speaks against its rates. Whether they are too low cannot be told: {because}."
        return Finding("healthy", 0.5, why, record.numbers())
    reach = float(np.median([bend.reach for bend in bends]))
    why += f"and a step ends up {numeral(reach)} times as far as its batch's lowest place: "
    if reach < SHORTEST_GOOD:
        why += "that is short, and a higher rate may do as well sooner, but the loss falls."
        return Finding("healthy", 0.5, why, record.numbers())
    if reach > FARTHEST_GOOD:
        why += "that is far, but the loss stands it."
        return Finding("healthy", 0.5, why, record.numbers())
    return Finding("healthy", 0.7, why + "nothing speaks against its rates.", record.numbers())


def _missing(record: Record) -> str | None:
    """Return what would settle the verdict, ``None`` where nothing is missing."""
    losses, bends = record.losses, record.bends_at_height()
    last = losses.last(STAYS)
    if losses.first is None or losses.count < RECOVERY or len(last) < STAYS:
        return f"it takes {RECOVERY} steps (there are {losses.count})"
    # The first batch that is passed is measured at once: where there is no sample by now, there will be none.
    if record.unjudged is None and len(record.bends) and len(bends) < BENDS and losses.count < PATIENCE:
        return f"it takes {BENDS} samples of curvature (there are {len(bends)}), from batches passed to step()"
    if losses.lost_at is not None:
        return f"the loss is no number since step {losses.lost_at}, while the weights are"
    if np.mean(last) >= losses.first - LEARNT * abs(losses.first):
        because = f", and why cannot be told: {record.unjudged}" if record.unjudged else ""
        return f"the loss has not fallen since the start ({_start(record)}){because}"
    if (len(bends) < BENDS or record.has_decayed()) and relapses(losses.curve()):
        return "the loss rose again after it had come down; curvature at a steady learning rate would say why"
    return None


def _start(record: Record) -> str:
    return measured(record.losses.first or 0.0)
