"""Watch a plain PyTorch loop while it runs, and follow the advice.

    python examples/watch.py [--lr 0.4] [--momentum 0.7]

The first learning rate is a thousandth of a good one. Watch says that it is too low, and the second training uses the
rate that it advises. Watching changes no bit of the weights.
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

BATCH_SIZE, STEPS = 64, 600


def batches(steps: int) -> Iterator[Batch]:
    """Yield random batches of the digits."""
    images, labels = load_digits(return_X_y=True)
    pixels, digits = torch.from_numpy(images).float() / 16, torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(digits), (BATCH_SIZE,), generator=generator)
        yield pixels[rows], digits[rows]


def objective(model: nn.Module, batch: Batch) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1])


def train(lr: float, momentum: float) -> Watch:
    """Train to the end, or until Watch reports a fault."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    # Steps of a millisecond leave little time to measure: None measures every step, however long that takes. For longer
    # steps the default of 5 % of the time is enough.
    watch = Watch(model, optimizer, objective, on_finding="stop", overhead=None)
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
    arguments = parser.parse_args()
    advice = train(arguments.lr, arguments.momentum).finding.advice
    if advice:
        train(float(advice.get("lr", arguments.lr)), float(advice.get("momentum", arguments.momentum)))


if __name__ == "__main__":
    main()
