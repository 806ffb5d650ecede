"""Split rows into training, validation and test data exactly as scikit-learn does, without its slow import."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RowSplit:
    """Rows of the training, validation and test data; the three are disjoint.

    Attributes:
        train: Indices of the training rows.
        valid: Indices of the validation rows.
        test: Indices of the test rows; empty where there are none.
    """

    train: Rows
    valid: Rows
    test: Rows


def split_rows(
    rows: int, *, valid: float = 0.2, test: float = 0.0, seed: int = 0, classes: ArrayLike | None = None
) -> RowSplit:
    """Split rows at random, stratified where classes are given, as scikit-learn's ``train_test_split`` does.

    Args:
        rows: Number of rows.
        valid: Share of validation rows among those that are not test rows.
        test: Share of test rows among all rows; 0 for none.
        seed: Seed of the split.
        classes: Class of each row, shape [rows]; every part then gets its share of every class.

    Raises:
        ValueError: If a class has a single row, or a part has fewer rows than there are classes.

    Example:
        >>> parts = split_rows(10, classes=[0, 1] * 5)
        >>> len(parts.train), len(parts.valid), len(parts.test)
        (8, 2, 0)
    """
    every_row = np.arange(rows)
    rest, test_rows = every_row, every_row[:0]
    if test > 0:
        rest, test_rows = _split_off(every_row, share=test, seed=seed, classes=classes)
    train_rows, valid_rows = _split_off(rest, share=valid, seed=seed, classes=classes)
    return RowSplit(train_rows, valid_rows, test_rows)


def split_first_fold(rows: int, *, folds: int = 5, seed: int = 0, classes: ArrayLike | None = None) -> RowSplit:
    """Split rows as shuffled K-fold cross-validation does, with the first fold as validation data.

    Args:
        rows: Number of rows.
        folds: Number of folds; with 5 the split is 80/20.
        seed: Seed of the shuffling.
        classes: Class of each row, shape [rows]; every fold then gets its share of every class.

    Example:
        >>> parts = split_first_fold(10, classes=[0, 1] * 5)
        >>> len(parts.train), len(parts.valid), len(parts.test)
        (8, 2, 0)
    """
    random = RandomState(seed)
    fold = np.empty(rows, dtype=np.int64)
    if classes is None:
        order = np.arange(rows)
        random.shuffle(order)
        fold[order] = np.repeat(np.arange(folds), [len(part) for part in np.array_split(order, folds)])
    else:
        _, first, inverse = np.unique(np.asarray(classes), return_index=True, return_inverse=True)
        encoded = np.argsort(np.argsort(first))[inverse]  # classes numbered in their order of appearance
        ordered = np.sort(encoded)
        shares = np.array([np.bincount(ordered[part::folds], minlength=len(first)) for part in range(folds)])
        for number in range(len(first)):
            of_class = np.repeat(np.arange(folds), shares[:, number])
            random.shuffle(of_class)
            fold[encoded == number] = of_class
    return RowSplit(np.flatnonzero(fold != 0), np.flatnonzero(fold == 0), np.arange(0))


def _split_off(rows: Rows, *, share: float, seed: int, classes: ArrayLike | None) -> tuple[Rows, Rows]:
    """Return rows in two parts; the second has the given share of them."""
    random, count = RandomState(seed), len(rows)
    size = math.ceil(share * count)
    if not 0 < size < count:
        raise ValueError(f"{share:g} of {count} rows leaves no rows in one of the parts")
    if classes is None:
        order = random.permutation(count)
        return rows[order[size:]], rows[order[:size]]
    _, inverse, counts = np.unique(np.asarray(classes)[rows], return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError("a class has a single row, which cannot be in both parts")
    if min(size, count - size) < len(counts):
        raise ValueError(f"{min(size, count - size)} rows cannot hold all {len(counts)} classes")
    first_counts = _allocate_draws(counts, count - size, random)
    second_counts = _allocate_draws(counts - first_counts, size, random)
    by_class = np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1])
    shuffled = [of_class[random.permutation(len(of_class))] for of_class in by_class]
    first = np.concatenate([of_class[:n] for of_class, n in zip(shuffled, first_counts, strict=True)])
    second = np.concatenate(
        [of_class[n : n + m] for of_class, n, m in zip(shuffled, first_counts, second_counts, strict=True)]
    )
    return rows[random.permutation(first)], rows[random.permutation(second)]


def _allocate_draws(counts: Rows, draws: int, random: RandomState) -> Rows:
    """Return the number of draws from each class: in proportion to its count, the largest remainders rounded up."""
    exact = counts / counts.sum() * draws
    allocated = np.floor(exact)
    missing = int(draws - allocated.sum())
    remainder = exact - allocated
    for value in np.unique(remainder)[::-1]:
        if not missing:
            break
        (tied,) = np.where(remainder == value)
        more = min(len(tied), missing)
        allocated[random.choice(tied, size=more, replace=False)] += 1
        missing -= more
    result: Rows = allocated.astype(np.int64)
    return result
