"""scikit-learn's handwritten digits."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from surefoot.tasks.builtin.bundled import bundled
from surefoot.tasks.holdout import first_fold
from surefoot.tasks.metrics import accuracy
from surefoot.tasks.mlp import mlp
from surefoot.tasks.task import Task


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
