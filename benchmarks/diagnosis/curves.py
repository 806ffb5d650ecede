"""The log of a labelled training, as a script would have written it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis.cases import Case
from benchmarks.diagnosis.generate import LOOKS, Grid
from surefoot.logs.names import Quantity
from surefoot.logs.training_log import Series, TrainingLog

# What Lightning's monitor calls learning rates and momenta: the optimizer's name is in them.
TITLES = {"sgd": "SGD", "adam": "Adam"}


def curve_of(grid: Grid, case: Case) -> TrainingLog:
    """Return what the first seed's training would have logged: every step's loss and rate, and twenty looks."""
    losses = grid.train[case.rate, case.momentum]
    steps = np.arange(1, len(losses) + 1)
    rates = case.recipe.lr.values(steps - 1, len(losses))
    title = TITLES[case.optimizer]
    names: dict[Quantity, str] = {
        "train": "train_loss", "valid": "val_loss", "lr": f"lr-{title}", "momentum": f"lr-{title}-momentum",
    }  # fmt: skip
    return TrainingLog(
        case.name,
        train=Series(steps, losses),
        valid=Series(_looks(len(losses)), grid.valid[case.rate, case.momentum, 0]),
        lr=Series(steps, rates),
        momentum=Series(steps, np.full(len(losses), grid.momenta[case.momentum])),
        names=names,
    )


def variants(curve: TrainingLog, draw: np.random.Generator) -> Iterator[TrainingLog]:
    """Yield a log as others would have written it: seldom, smoothed, or with less in it."""
    yield curve
    assert curve.train is not None
    assert curve.valid is not None
    every = min(int(draw.choice([5, 10, 20])), len(curve.train) // 12)
    train = (
        averaged(curve.train, every) if draw.random() < 0.5 else smoothed(curve.train, float(draw.choice([0.9, 0.97])))
    )
    known = {quantity: draw.random() < share for quantity, share in (("valid", 0.7), ("lr", 0.7), ("momentum", 0.4))}
    yield TrainingLog(
        curve.source,
        train=train,
        valid=curve.valid if known["valid"] else None,
        lr=curve.lr if known["lr"] else None,
        momentum=curve.momentum if known["momentum"] else None,
        names=curve.names if draw.random() < 0.3 else {},
    )


def averaged(series: Series, every: int) -> Series:
    """Return the means of so many values at a time."""
    count = len(series) // every
    values = series.values[: count * every].reshape(count, every).mean(1)
    return Series(series.steps[every - 1 : count * every : every], values)


def smoothed(series: Series, weight: float) -> Series:
    """Return an exponential moving average, begun at the first value."""
    state, values = float(series.values[0]), []
    for value in series.values.tolist():
        state = weight * state + (1.0 - weight) * value
        values.append(state)
    return Series(series.steps, np.array(values))


def _looks(steps: int) -> NDArray[np.int64]:
    return np.array([round(steps * look / LOOKS) for look in range(1, LOOKS + 1)])
