"""The small tables that come with scikit-learn: breast cancer, diabetes, wine."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.tasks.holdout import Parts, hold_out
from surefoot.tasks.metrics import accuracy, explained_variance
from surefoot.tasks.mlp import mlp
from surefoot.tasks.task import Task


def breast_cancer() -> Task:
    """Return 569 tumours with 30 measurements, standardised, 80/20 stratified, for an MLP 64-64.

    Reference:
        Street, Wolberg & Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis.
    """
    return _classification("breast-cancer", *load_breast_cancer(return_X_y=True))


def wine() -> Task:
    """Return 178 wines of 3 growers with 13 measurements, standardised, 80/20 stratified, for an MLP 64-64.

    Reference:
        Aeberhard & Forina (1991), Wine, UCI.
    """
    return _classification("wine", *load_wine(return_X_y=True))


def diabetes() -> Task:
    """Return 442 patients with 10 measurements, these and the target standardised, 80/20, for a tanh MLP 64-64.

    Reference:
        Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression, arXiv:math/0406456.
    """
    table, progression = load_diabetes(return_X_y=True, scaled=False)
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


def _classification(name: str, table: Any, labels: Any) -> Task:
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


def _standardised(table: Any, parts: Parts) -> Tensor:
    """Return all rows in float32, shifted and scaled by the mean and deviation of the training rows."""
    scaler = StandardScaler().fit(table[parts.train])
    return torch.from_numpy(scaler.transform(table)).float()
