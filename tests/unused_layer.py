"""A task whose model has a layer that the objective does not depend on."""

import torch
from torch import nn

from surefoot.tasks.task import Task


class WithUnusedLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


def task_of(model) -> Task:
    x = torch.ones(8, 3)
    return Task("small", model, nn.functional.mse_loss, (x, x[:, :2]), (x, x[:, :2]), batch_size=4, steps=10)
