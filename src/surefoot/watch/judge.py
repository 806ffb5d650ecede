"""Record -> finding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from surefoot.finding import Finding
from surefoot.numerals import measured, numeral
from surefoot.watch.faults import (
    BENDS,
    LEARNT,
    PATIENCE,
    RECOVERY,
    STAYS,
    diverged,
    lr_too_high,
    lr_too_low,
    momentum_too_high,
    plateau,
)
from surefoot.watch.record import Record
from surefoot.watch.relapses import relapses

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
