"""torch-lr-finder: an exponential range test of 100 batches; the rate of the steepest fall, with momentum 0.9."""

from __future__ import annotations

import contextlib
import sys

import matplotlib as mpl
import torch
from torch.utils.data import DataLoader, TensorDataset
from torch_lr_finder import LRFinder

from benchmarks.contestants.plain_loop import PlainLoop
from surefoot.tasks.task import Task

MOMENTUM = 0.9


def suggestion(task: Task, *, seed: int) -> float | None:
    """Return the rate that the finder suggests, if any."""
    mpl.use("Agg")  # its plot makes the suggestion
    loop = PlainLoop(task, seed=seed)
    batches = DataLoader(TensorDataset(*task.split("train").tensors), batch_size=task.batch_size, shuffle=True)
    optimizer = torch.optim.SGD(loop.model.parameters(), lr=1e-7, momentum=MOMENTUM)
    finder = LRFinder(loop.model, optimizer, task.loss, device="cpu")
    with contextlib.redirect_stdout(sys.stderr):
        finder.range_test(batches, end_lr=100, num_iter=100)
        _, lr = finder.plot(suggest_lr=True)
    return lr
