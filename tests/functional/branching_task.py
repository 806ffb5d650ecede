"""A small task whose model vmap does not support."""

import torch
from torch import nn

from surefoot.tasks.task import Task


class Branching(nn.Module):
    """Branches on the value of a tensor, which vmap does not support."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y if y.mean().item() > 0 else -y


def make_task(model=Branching) -> Task:
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    y = x[:, 0].gt(0).long()
    return Task("small", model, nn.functional.cross_entropy, (x, y), (x, y), batch_size=8, steps=10)
