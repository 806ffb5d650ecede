"""Lightning's Tuner.lr_find with its own defaults, momentum 0.9; it may find nothing."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile

import lightning
import torch
from lightning.pytorch.tuner import Tuner
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.contestants.plain_loop import PlainLoop
from surefoot.tasks.task import Task

MOMENTUM = 0.9


class Module(lightning.LightningModule):
    """A task as Lightning wants it."""

    def __init__(self, task: Task, model: torch.nn.Module, *, lr: float = 1e-3) -> None:
        super().__init__()
        self.task, self.model, self.lr = task, model, lr

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        return self.task.batch_loss(self.model, batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), lr=self.lr, momentum=MOMENTUM)


def suggestion(task: Task, *, seed: int) -> float | None:
    """Return the rate that the finder suggests, if any."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    batches = DataLoader(TensorDataset(*task.split("train").tensors), batch_size=task.batch_size, shuffle=True)
    module = Module(task, PlainLoop(task, seed=seed).model)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        trainer = lightning.Trainer(
            default_root_dir=folder, accelerator="cpu", max_steps=task.total_steps, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        found = Tuner(trainer).lr_find(module, train_dataloaders=batches)
        return None if found is None else found.suggestion()
