"""Setting samples aside, at random or class by class: row for row as scikit-learn does, whose import takes a second."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

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

    Raises:
        ValueError: If a class has a single row, or a part has fewer rows than there are classes.

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
    random = RandomState(seed)
    fold = np.empty(rows, dtype=np.int64)
    if classes is None:
        order = np.arange(rows)
        random.shuffle(order)
        fold[order] = np.repeat(np.arange(folds), [len(part) for part in np.array_split(order, folds)])
    else:
        _, first, inverse = np.unique(np.asarray(classes), return_index=True, return_inverse=True)
        encoded = np.argsort(np.argsort(first))[inverse]  # classes in the order in which they come
        ordered = np.sort(encoded)
        shares = np.array([np.bincount(ordered[part::folds], minlength=len(first)) for part in range(folds)])
        for number in range(len(first)):
            own = np.repeat(np.arange(folds), shares[:, number])
            random.shuffle(own)
            fold[encoded == number] = own
    return Parts(np.flatnonzero(fold != 0), np.flatnonzero(fold == 0), np.arange(0))


def _cut(rows: Rows, *, share: float, seed: int, classes: ArrayLike | None) -> tuple[Rows, Rows]:
    """Return rows that are kept, and a share of them that is cut off."""
    random, count = RandomState(seed), len(rows)
    cut = math.ceil(share * count)
    if not 0 < cut < count:
        raise ValueError(f"{share:g} of {count} rows leaves no rows in one of the parts")
    if classes is None:
        order = random.permutation(count)
        return rows[order[cut:]], rows[order[:cut]]
    _, inverse, counts = np.unique(np.asarray(classes)[rows], return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError("a class has a single row, which cannot be in both parts")
    if min(cut, count - cut) < len(counts):
        raise ValueError(f"{min(cut, count - cut)} rows cannot hold all {len(counts)} classes")
    kept_of = _drawn_counts(counts, count - cut, random)
    cut_of = _drawn_counts(counts - kept_of, cut, random)
    own = np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1])
    shuffled = [members[random.permutation(len(members))] for members in own]
    kept = np.concatenate([members[:most] for members, most in zip(shuffled, kept_of, strict=True)])
    aside = np.concatenate(
        [members[most : most + few] for members, most, few in zip(shuffled, kept_of, cut_of, strict=True)]
    )
    return rows[random.permutation(kept)], rows[random.permutation(aside)]


def _drawn_counts(counts: Rows, draws: int, random: RandomState) -> Rows:
    """Return how many of so many draws fall on each class: its share, the largest remainders rounded up."""
    exact = counts / counts.sum() * draws
    found = np.floor(exact)
    missing = int(draws - found.sum())
    remainder = exact - found
    for value in np.unique(remainder)[::-1]:
        if not missing:
            break
        (tied,) = np.where(remainder == value)
        more = min(len(tied), missing)
        found[random.choice(tied, size=more, replace=False)] += 1
        missing -= more
    drawn: Rows = found.astype(np.int64)
    return drawn
