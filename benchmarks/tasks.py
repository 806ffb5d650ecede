"""Tasks that benchmarks run beside the built-in ones."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

from torch import nn

from surefoot.tasks.loader import load
from surefoot.tasks.task import Task

EXAMPLES = Path(__file__).parent.parent / "examples"


def mnist1d_cnn() -> Task:
    """MNIST-1D with three convolutions of stride 2, as in the data set's own paper (arXiv:2011.14439)."""

    def model() -> nn.Module:
        layers: list[nn.Module] = [nn.Unflatten(1, (1, 40))]
        for before in (1, 25, 25):
            layers += [nn.Conv1d(before, 25, kernel_size=5 if before == 1 else 3, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(125, 10))

    return replace(load("mnist1d"), name="mnist1d-cnn", model=model)


def char_transformer() -> Task:
    spec = importlib.util.spec_from_file_location("char_transformer", EXAMPLES / "char_transformer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    task: Task = module.task
    return task


OWN = {"mnist1d-cnn": mnist1d_cnn, "char-transformer": char_transformer}


def task_of(name: str) -> Task:
    """Return a task of this file, or any that surefoot knows by name."""
    return OWN[name]() if name in OWN else load(name)
