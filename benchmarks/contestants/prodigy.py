"""Prodigy: lr 1 under cosine annealing to zero, as its authors recommend; it finds the rate while it trains."""

from __future__ import annotations

from prodigyopt import Prodigy
from torch.optim.lr_scheduler import CosineAnnealingLR

from benchmarks.contestants.plain_loop import PlainLoop
from surefoot.tasks.task import Task


def train(task: Task, *, seed: int) -> float:
    """Return the validation loss of one training."""
    loop = PlainLoop(task, seed=seed)
    loop.optimizer = Prodigy(loop.model.parameters(), lr=1.0)
    loop.scheduler = CosineAnnealingLR(loop.optimizer, T_max=task.total_steps)
    return loop.train()
