"""MNIST-1D: one-dimensional signals in ten classes, generated and never downloaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import scipy.interpolate
import scipy.ndimage  # noqa: F401  (imported before the empty modules are in place, so that it never imports one)
import torch
from torch.nn.functional import cross_entropy

from surefoot.tasks.models_and_metrics import accuracy, mlp
from surefoot.tasks.seeding import preserved_generators
from surefoot.tasks.task import Task

# Modules that the package imports to plot and to download. Neither is used here, and both cost time: matplotlib builds
# a font cache for seconds, and requests warns on some systems.
UNUSED_MODULES = ("matplotlib", "matplotlib.pyplot", "requests")


def mnist1d() -> Task:
    """Return 4,000 training and 1,000 validation signals of 40 numbers (seed 42), for an MLP 40-100-100-10.

    Reference:
        Greydanus & Kobak (2024), Scaling Down Deep Learning with MNIST-1D, arXiv:2011.14439.
    """
    with _empty_modules(UNUSED_MODULES), preserved_generators():
        from mnist1d.data import get_dataset_args, make_dataset  # noqa: PLC0415  (imported while the empty modules are in place)

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
def _empty_modules(names: tuple[str, ...]) -> Iterator[None]:
    """Put empty modules in place of those not yet imported; remove them afterwards, and what was imported with them."""
    before = set(sys.modules)
    sys.modules.update({name: ModuleType(name) for name in names if name not in before})
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            if name in names or name.partition(".")[0] == "mnist1d":
                del sys.modules[name]
