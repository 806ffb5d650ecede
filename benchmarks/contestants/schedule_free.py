"""Schedule-Free AdamW at its default rate of 0.0025, with the warmup that its authors recommend."""

from __future__ import annotations

import torch
from schedulefree import AdamWScheduleFree

from benchmarks.contestants.plain_loop import PlainLoop
from surefoot.tasks.task import Task

WARMUP = 0.05
# BatchNorm's statistics are to be those of the averaged weights: so many batches pass before the evaluation.
STATISTICS_BATCHES = 50


def train(task: Task, *, seed: int) -> float:
    """Return the validation loss of one training."""
    loop = PlainLoop(task, seed=seed)
    steps = task.total_steps
    loop.optimizer = AdamWScheduleFree(loop.model.parameters(), lr=0.0025, warmup_steps=round(WARMUP * steps))
    loop.optimizer.train()
    loop.train_to(steps)
    loop.optimizer.eval()
    with torch.no_grad():
        for number in range(STATISTICS_BATCHES):
            task.batch_loss(loop.model, task.batch("train", loop.order.indices(steps + number)))
    return loop.valid_loss()
