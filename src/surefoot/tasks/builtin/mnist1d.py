"""MNIST-1D: signals that stand for digits, generated and never downloaded."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import scipy.interpolate
import scipy.ndimage  # noqa: F401  (loaded before the stand-ins, so that it never meets one)
import torch
from torch.nn.functional import cross_entropy

from surefoot.tasks.models_and_metrics import accuracy, mlp
from surefoot.tasks.task import Task

# What the package imports to draw and to download. Neither is used here, and both cost: seconds for a first font
# cache, warnings on some systems.
UNUSED = ("matplotlib", "matplotlib.pyplot", "requests")


def mnist1d() -> Task:
    """Return 4,000 training and 1,000 validation signals of 40 numbers (seed 42), for an MLP 40-100-100-10.

    Reference:
        Greydanus & Kobak (2024), Scaling Down Deep Learning with MNIST-1D, arXiv:2011.14439.
    """
    with _stand_ins(UNUSED), _own_luck():
        from mnist1d.data import get_dataset_args, make_dataset  # noqa: PLC0415  (imported among the stand-ins)

        data: dict[str, Any] = make_dataset(get_dataset_args())
    x, y, x_valid, y_valid = (torch.from_numpy(data[key]) for key in ("x", "y", "x_test", "y_test"))
    return Task(
        name="mnist1d",
        model=partial(mlp, (40, 100, 100, 10)),
        loss=cross_entropy,
        train=(x.float(), y),
        valid=(x_valid.float(), y_valid),
        batch_size=100,
        steps=800,
        metric=accuracy,
    )


@contextmanager
def _own_luck() -> Iterator[None]:
    """Undo that the generator seeds Python's and NumPy's global random numbers."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@contextmanager
def _stand_ins(names: tuple[str, ...]) -> Iterator[None]:
    """Let empty modules stand for those not yet imported; forget afterwards all that was imported on top of them."""
    before = set(sys.modules)
    sys.modules.update({name: ModuleType(name) for name in names if name not in before})
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            if name in names or name.partition(".")[0] == "mnist1d":
                del sys.modules[name]
