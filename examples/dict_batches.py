"""Train one network with two losses on batches that are dicts: which digit it is, and how much ink it has.

    surefoot tune examples/dict_batches.py:task

The example shows the general form of a task: objective(model, batch) instead of loss(output, target). A batch has the
structure of the data, here a dict of tensors. The metric then takes the model and the batch too.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot import Task

Batch = dict[str, Tensor]

INK_WEIGHT = 10.0


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.digit = nn.Linear(64, 10)
        self.ink = nn.Linear(64, 1)

    def forward(self, pixels: Tensor) -> Batch:
        features = self.body(pixels)
        return {"digit": self.digit(features), "ink": self.ink(features).squeeze(-1)}


def objective(model: nn.Module, batch: Batch) -> Tensor:
    output = model(batch["pixels"])
    return cross_entropy(output["digit"], batch["digit"]) + INK_WEIGHT * mse_loss(output["ink"], batch["ink"])


def digit_accuracy(model: nn.Module, batch: Batch) -> Tensor:
    correct: Tensor = model(batch["pixels"])["digit"].argmax(dim=1) == batch["digit"]
    return correct.float().mean()


def read_digits() -> tuple[Batch, Batch]:
    """Return training and validation data; every fifth digit is in the validation data."""
    images, labels = load_digits(return_X_y=True)
    pixels = torch.from_numpy(images).float() / 16
    data = {"pixels": pixels, "digit": torch.from_numpy(labels), "ink": pixels.mean(dim=1)}
    is_valid = torch.arange(len(pixels)) % 5 == 0
    return {key: value[~is_valid] for key, value in data.items()}, {key: value[is_valid] for key, value in data.items()}


train, valid = read_digits()
task = Task(
    name="dict-batches",
    model=TwoHeads,
    objective=objective,
    train=train,
    valid=valid,
    batch_size=64,
    epochs=10,
    metric=digit_accuracy,
)
