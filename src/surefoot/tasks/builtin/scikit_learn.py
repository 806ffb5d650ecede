"""The data files that come with scikit-learn, read without importing it: that takes longer than to train on them.

scikit-learn's handwritten digits.

The small tables that come with scikit-learn: breast cancer, diabetes, wine.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError
from surefoot.tasks.holdout import Parts, first_fold, hold_out
from surefoot.tasks.models_and_metrics import accuracy, explained_variance, mlp
from surefoot.tasks.task import Task


def bundled(name: str, *, delimiter: str | None = ",", header: int = 0) -> NDArray[np.float64]:
    """Return the numbers in a data file of scikit-learn's.

    Args:
        name: The file, as ``wine_data.csv``.
        delimiter: Between its columns; ``None`` for spaces.
        header: Lines before the numbers.

    Raises:
        DataError: If scikit-learn is not installed, or has no such file.

    Example:
        >>> bundled("wine_data.csv", header=1).shape
        (178, 14)
    """
    spec = find_spec("sklearn")
    folders = [] if spec is None else spec.submodule_search_locations or []
    path = next((file for folder in folders if (file := Path(folder, "datasets", "data", name)).exists()), None)
    if path is None:
        raise DataError(f"scikit-learn's file {name} is not there.", hint="pip install scikit-learn.")
    return np.loadtxt(path, delimiter=delimiter, skiprows=header)


def digits() -> Task:
    """Return 8×8 pictures divided by 16, 80/20 stratified (split seed 0), for an MLP 64-128-10.

    Reference:
        Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; as bundled with scikit-learn.
    """
    table = bundled("digits.csv.gz")
    pictures, labels = table[:, :-1], table[:, -1].astype(np.int64)
    parts = first_fold(len(labels), classes=labels)
    x, y = torch.from_numpy(pictures).float() / 16, torch.from_numpy(labels)
    return Task(
        name="digits",
        model=partial(mlp, (64, 128, 10)),
        loss=cross_entropy,
        train=(x[parts.train], y[parts.train]),
        valid=(x[parts.valid], y[parts.valid]),
        batch_size=64,
        steps=220,
        metric=accuracy,
    )


Table = NDArray[np.float64]


def breast_cancer() -> Task:
    """Return 569 tumours with 30 measurements, standardised, 80/20 stratified, for an MLP 64-64.

    Reference:
        Street, Wolberg & Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis.
    """
    return _classification("breast-cancer", bundled("breast_cancer.csv", header=1))


def wine() -> Task:
    """Return 178 wines of 3 growers with 13 measurements, standardised, 80/20 stratified, for an MLP 64-64.

    Reference:
        Aeberhard & Forina (1991), Wine, UCI.
    """
    return _classification("wine", bundled("wine_data.csv", header=1))


def diabetes() -> Task:
    """Return 442 patients with 10 measurements, these and the target standardised, 80/20, for a tanh MLP 64-64.

    Reference:
        Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression, arXiv:math/0406456.
    """
    table = bundled("diabetes_data_raw.csv.gz", delimiter=None)
    progression = bundled("diabetes_target.csv.gz", delimiter=None)
    parts = hold_out(len(table))
    x, y = _standardised(table, parts), _standardised(progression[:, None], parts)
    return Task(
        name="diabetes",
        model=partial(mlp, (10, 64, 64, 1), activation="tanh"),
        loss=mse_loss,
        train=(x[parts.train], y[parts.train]),
        valid=(x[parts.valid], y[parts.valid]),
        batch_size=32,
        steps=220,
        metric=explained_variance,
    )


def _classification(name: str, rows: Table) -> Task:
    """Return the task of a table whose last column is the class."""
    table, labels = rows[:, :-1], rows[:, -1].astype(np.int64)
    parts = hold_out(len(table), classes=labels)
    x, y = _standardised(table, parts), torch.from_numpy(labels)
    return Task(
        name=name,
        model=partial(mlp, (x.shape[1], 64, 64, int(labels.max()) + 1)),
        loss=cross_entropy,
        train=(x[parts.train], y[parts.train]),
        valid=(x[parts.valid], y[parts.valid]),
        batch_size=32,
        steps=200,
        metric=accuracy,
    )


def _standardised(table: Table, parts: Parts) -> Tensor:
    """Return all rows in float32, shifted and scaled by the mean and deviation of the training rows."""
    train = table[parts.train]
    return torch.from_numpy((table - train.mean(axis=0)) / train.std(axis=0)).float()
