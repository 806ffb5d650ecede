"""Tasks of data files that scikit-learn bundles: digits, breast cancer, diabetes and wine.

The files are read without importing scikit-learn, which takes longer than training on them.
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
from surefoot.tasks.models_and_metrics import accuracy, explained_variance, mlp
from surefoot.tasks.split_rows import RowSplit, split_first_fold, split_rows
from surefoot.tasks.task import Task


def read_bundled_table(name: str, *, delimiter: str | None = ",", header: int = 0) -> NDArray[np.float64]:
    """Return the numbers in a data file that scikit-learn bundles.

    Args:
        name: Name of the file, such as ``wine_data.csv``.
        delimiter: Delimiter of the columns; ``None`` for spaces.
        header: Number of lines before the numbers.

    Raises:
        DataError: If scikit-learn is not installed, or has no such file.

    Example:
        >>> read_bundled_table("wine_data.csv", header=1).shape
        (178, 14)
    """
    spec = find_spec("sklearn")
    folders = [] if spec is None else spec.submodule_search_locations or []
    path = next((file for folder in folders if (file := Path(folder, "datasets", "data", name)).exists()), None)
    if path is None:
        raise DataError(f"scikit-learn's file {name} is missing.", hint="pip install scikit-learn.")
    return np.loadtxt(path, delimiter=delimiter, skiprows=header)


def digits() -> Task:
    """Return the task of 8×8 images divided by 16, 80/20 stratified (split seed 0), for an MLP 64-128-10.

    Reference:
        Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; as bundled with scikit-learn.
    """
    table = read_bundled_table("digits.csv.gz")
    images, labels = table[:, :-1], table[:, -1].astype(np.int64)
    parts = split_first_fold(len(labels), classes=labels)
    x, y = torch.from_numpy(images).float() / 16, torch.from_numpy(labels)
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


ScikitLearnTable = NDArray[np.float64]


def breast_cancer() -> Task:
    """Return the task of 569 tumours with 30 measurements, standardised, 80/20 stratified, for an MLP 64-64.

    Reference:
        Street, Wolberg & Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis.
    """
    return _classification_task("breast-cancer", read_bundled_table("breast_cancer.csv", header=1))


def wine() -> Task:
    """Return the task of 178 wines of 3 growers with 13 measurements, standardised, 80/20 stratified, for an MLP 64-64.

    Reference:
        Aeberhard & Forina (1991), Wine, UCI.
    """
    return _classification_task("wine", read_bundled_table("wine_data.csv", header=1))


def diabetes() -> Task:
    """Return the task of 442 patients with 10 measurements, target standardised too, 80/20, for a tanh MLP 64-64.

    Reference:
        Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression, arXiv:math/0406456.
    """
    table = read_bundled_table("diabetes_data_raw.csv.gz", delimiter=None)
    progression = read_bundled_table("diabetes_target.csv.gz", delimiter=None)
    parts = split_rows(len(table))
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


def _classification_task(name: str, rows: ScikitLearnTable) -> Task:
    """Return the task of a table whose last column is the class."""
    table, labels = rows[:, :-1], rows[:, -1].astype(np.int64)
    parts = split_rows(len(table), classes=labels)
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


def _standardised(table: ScikitLearnTable, parts: RowSplit) -> Tensor:
    """Return all rows in float32, standardised by the mean and standard deviation of the training rows."""
    train = table[parts.train]
    return torch.from_numpy((table - train.mean(axis=0)) / train.std(axis=0)).float()
