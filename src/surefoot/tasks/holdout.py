"""Setting samples aside, at random or class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Row numbers of the training, validation and test data; no row is in two of them."""

    train: Rows
    valid: Rows
    test: Rows


def hold_out(
    rows: int, *, valid: float = 0.2, test: float = 0.0, seed: int = 0, classes: ArrayLike | None = None
) -> Parts:
    """Part ``rows`` rows at random, the same way for the same seed.

    Args:
        rows: How many there are.
        valid: Share of the rows that are not test rows.
        test: Share of all rows; 0 for none.
        seed: The luck of the draw.
        classes: Class of each row, shape [rows]; every part then gets its share of every class.

    Example:
        >>> parts = hold_out(10, classes=[0, 1] * 5)
        >>> len(parts.train), len(parts.valid), len(parts.test)
        (8, 2, 0)
    """
    everything = np.arange(rows)
    rest, tested = everything, everything[:0]
    if test > 0:
        rest, tested = _cut(everything, share=test, seed=seed, classes=classes)
    train, validated = _cut(rest, share=valid, seed=seed, classes=classes)
    return Parts(train, validated, tested)


def first_fold(rows: int, *, folds: int = 5, seed: int = 0, classes: ArrayLike | None = None) -> Parts:
    """Part ``rows`` rows as cross-validation does and validate on the first of its folds: 80/20 with five.

    Args:
        rows: How many there are.
        folds: One part in so many is validated on.
        seed: The luck of the draw.
        classes: Class of each row, shape [rows]; every fold then gets its share of every class.

    Example:
        >>> parts = first_fold(10, classes=[0, 1] * 5)
        >>> len(parts.train), len(parts.valid), len(parts.test)
        (8, 2, 0)
    """
    splitter = (KFold if classes is None else StratifiedKFold)(folds, shuffle=True, random_state=seed)
    train, valid = next(splitter.split(np.zeros(rows), classes))
    return Parts(train, valid, np.arange(0))


def _cut(rows: Rows, *, share: float, seed: int, classes: ArrayLike | None) -> tuple[Rows, Rows]:
    strata: Any = None if classes is None else np.asarray(classes)[rows]
    kept, cut = train_test_split(rows, test_size=share, random_state=seed, stratify=strata)
    return kept, cut
