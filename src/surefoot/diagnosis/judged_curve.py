"""The curve that is judged: what a log tells, with constants it does not have and without what is no number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.errors import LogError
from surefoot.logs.curve import Curve
from surefoot.logs.names import QUANTITIES, Quantity
from surefoot.logs.series import Series


def judged_curve(curve: Curve, *, lr: float | None, momentum: float | None) -> Curve:
    """Return a curve as it is judged.

    A loss that is no number for a while and then a number again has not diverged: a step was skipped, or a bad sample
    met; such values are left out, and a note says so. Of a loss that ends in no number they stay.

    Args:
        curve: As it was logged.
        lr: The learning rate, where it was constant and is not in the log.
        momentum: The momentum, likewise.

    Raises:
        LogError: If a constant is out of its range, or there is no loss.

    Example:
        >>> skipped = Series(np.arange(4), np.array([2.0, np.nan, 1.5, 1.0]))
        >>> found = judged_curve(Curve("by hand", train=skipped), lr=0.1, momentum=None)
        >>> found.train.steps.tolist(), found.lr.values.tolist(), found.notes
        ([0, 2, 3], [0.1], ('1 of 4 values of train is no number and left out',))
    """
    _require_constants(lr, momentum)
    found, notes = {}, []
    for quantity in QUANTITIES:
        series = getattr(curve, quantity)
        found[quantity] = None if series is None else _judged(quantity, series)
        notes += [] if series is None else [*_notes(quantity, series, found[quantity])]
    if found["train"] is None and found["valid"] is None:
        raise LogError(f"{curve.source}: no loss in it.", hint="log the training loss at every step.")
    last = np.array([max(int(series.steps[-1]) for series in found.values() if series is not None)])
    found |= {"lr": Series(last, np.array([lr]))} if lr is not None else {}
    found |= {"momentum": Series(last, np.array([momentum]))} if momentum is not None else {}
    names = {quantity: name for quantity, name in curve.names.items() if found[quantity] is not None}
    return Curve(curve.source, **found, names=names, notes=(*curve.notes, *notes))


def _judged(quantity: Quantity, series: Series) -> Series | None:
    """Return what of a series is judged, ``None`` if nothing is."""
    if quantity in ("train", "valid") and series.diverged_at is not None:
        return series
    kept = series.kept()
    if quantity == "momentum":
        possible = (kept.values >= 0.0) & (kept.values < 1.0)
        kept = Series(kept.steps[possible], kept.values[possible])
    if not len(kept) or (quantity == "lr" and not kept.values.max() > 0.0):
        return None
    return kept


def _notes(quantity: Quantity, series: Series, kept: Series | None) -> Iterator[str]:
    if len(series) and kept is None:
        yield f"{quantity} is left out: it has no value that could be one"
    elif kept is not None and len(kept) < len(series):
        lost = len(series) - len(kept)
        kind = "out of range" if quantity == "momentum" else "no number"
        yield f"{lost} of {len(series)} values of {quantity} {'is' if lost == 1 else 'are'} {kind} and left out"


def _require_constants(lr: float | None, momentum: float | None) -> None:
    faults = []
    if lr is not None and not 0.0 < lr < float("inf"):
        faults.append(f"a learning rate is above 0; given {lr:g}")
    if momentum is not None and not 0.0 <= momentum < 1.0:
        faults.append(f"a momentum is at least 0 and below 1; given {momentum:g}")
    if faults:
        raise LogError(f"{'; '.join(faults)}.")
