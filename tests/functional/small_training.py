"""One small training in three forms: a Task, a function and a script; the same start and the same batches in each."""

from __future__ import annotations

import torch
from torch import nn

import surefoot
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import derive_seed

STEPS = 40

x = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
y = x[:, :3].argmax(1)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


task = surefoot.Task("small", net, nn.functional.cross_entropy, (x[:64], y[:64]), (x[64:], y[64:]), 8, steps=STEPS)


def train(trial: surefoot.Trial) -> float:
    model = net()  # initialised alike: the global generators are seeded for it
    optimizer, scheduler = trial.recipe.build(model)
    order = BatchOrder(64, 8, seed=derive_seed(trial.seed, "data"))
    for step in range(trial.steps):
        batch = order.indices(step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(x[64:]), y[64:]))


if __name__ == "__main__":
    trial = surefoot.trial(steps=STEPS)
    trial.report(train(trial))
