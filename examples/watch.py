"""A plain PyTorch loop that is judged while it runs, and what to do about it.

    python examples/watch.py [--lr 0.4] [--momentum 0.7]

The learning rate is too low at first, a thousandth of what it should be: the watch says so, and the second training
follows its advice. A training that is watched has the same weights, bit for bit, as one that is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from surefoot import Watch

Batch = tuple[Tensor, Tensor]

BATCH, STEPS = 64, 600


def batches(steps: int) -> Iterator[Batch]:
    """Yield batches of the digits in a random order."""
    pictures, labels = load_digits(return_X_y=True)
    pixels, digits = torch.from_numpy(pictures).float() / 16, torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        places = torch.randint(len(digits), (BATCH,), generator=generator)
        yield pixels[places], digits[places]


def objective(model: nn.Module, batch: Batch) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1])


def train(lr: float, momentum: float) -> Watch:
    """Train until the end, or until the watch has found what is wrong."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    # Steps of a millisecond leave little time to look in: half of it here. On real ones the default of 5 % is enough.
    watch = Watch(model, optimizer, objective, on_finding="stop", overhead=0.5)
    for batch in batches(STEPS):
        optimizer.zero_grad()
        loss = objective(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        watch.step(loss, batch)
        if watch.should_stop:
            break
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lr", type=float, default=0.0004)
    parser.add_argument("--momentum", type=float, default=0.7)
    given = parser.parse_args()
    advice = train(given.lr, given.momentum).finding.advice
    if advice:
        train(float(advice.get("lr", given.lr)), float(advice.get("momentum", given.momentum)))


if __name__ == "__main__":
    main()
