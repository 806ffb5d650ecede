"""A plain PyTorch loop on the digits, under a watch."""

import torch

from surefoot import Watch
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.loader import load_task

DIGITS = load_task("digits")


def sgd(lr, momentum=0.0):
    return lambda params: torch.optim.SGD(params, lr=lr, momentum=momentum)


def adamw(lr):
    return lambda params: torch.optim.AdamW(params, lr=lr)


def cosine(optimizer, steps):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)


def onecycle(optimizer, steps):
    peak = optimizer.param_groups[0]["lr"]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=peak, total_steps=steps + 1, cycle_momentum=False)


def train(optimizer, *, schedule=None, seed=0, steps=DIGITS.total_steps, batches=True, task=DIGITS, **options):
    """Train; return the watch, which measured every step, and the findings in their order."""
    torch.manual_seed(seed)
    model = task.new_model()
    optimizer = optimizer(model.parameters())
    scheduler = schedule(optimizer, steps) if schedule else None
    watch = Watch(model, optimizer, task.batch_loss, **{"print_fn": None, "overhead": None} | options)
    order = BatchOrder(len(task.train), task.batch_size, seed=seed)
    findings = []
    for number in range(steps):
        batch = task.batch("train", order.indices(number))
        optimizer.zero_grad()
        loss = task.batch_loss(model, batch)
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        finding = watch.step(loss, batch if batches else None)
        findings += [finding] if finding else []
        if watch.should_stop:
            break
    return watch, findings
