"""A training as a user writes it: one model, a torch optimizer and scheduler, batches by index, torch's own threads.

Initialisation and data order are those of a fleet with the same seed, so that both can be compared in pairs.
"""

from __future__ import annotations

import math

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from surefoot.tasks.batch_order_and_trees import BatchOrder, sample_ranges
from surefoot.tasks.seeding import derive_seed, seed_everything
from surefoot.tasks.task import Task

EVALUATION_SAMPLES = 512


class PlainLoop:
    """One training of a task, to be gone on with: `optimizer` and `scheduler` are set before the first step."""

    optimizer: Optimizer
    scheduler: LRScheduler | None = None

    def __init__(self, task: Task, *, seed: int) -> None:
        seed_everything(derive_seed(seed, "initialisation"))
        self.task, self.model, self.step = task, task.new_model(), 0
        self.order = BatchOrder(len(task.split("train")), task.batch_size, seed=derive_seed(seed, "data"))

    def train_to(self, step: int) -> None:
        self.model.train()
        while self.step < step:
            loss = self.task.batch_loss(self.model, self.task.batch("train", self.order.indices(self.step)))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if self.scheduler is not None:
                self.scheduler.step()
            self.step += 1

    def train(self) -> float:
        """Train to the end; return the validation loss."""
        self.train_to(self.task.total_steps)
        return self.valid_loss()

    @torch.no_grad()
    def valid_loss(self) -> float:
        """Return the mean loss on the validation data, infinite where it is not a number."""
        self.model.eval()
        samples = len(self.task.split("valid"))
        total = sum(
            len(part) * float(self.task.batch_loss(self.model, self.task.batch("valid", torch.tensor([*part]))))
            for part in sample_ranges(samples, max(self.task.batch_size, EVALUATION_SAMPLES))
        )
        return total / samples if math.isfinite(total) else math.inf


def sgd_loop(task: Task, *, lr: float, momentum: float, seed: int) -> PlainLoop:
    """Return a training by SGD with momentum under cosine annealing to zero."""
    loop = PlainLoop(task, seed=seed)
    loop.optimizer = torch.optim.SGD(loop.model.parameters(), lr=lr, momentum=momentum)
    loop.scheduler = CosineAnnealingLR(loop.optimizer, T_max=task.total_steps)
    return loop
