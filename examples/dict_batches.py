"""Two losses on batches that are dicts: one net tells a digit and how much ink it took.

    surefoot tune examples/dict_batches.py:task

Shows the general form of a task: objective(model, batch) in place of loss(output, target). A batch has the form
of the data, here a dict of tensors; the metric then takes the model and the batch as well.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.tasks.task import Task

Batch = dict[str, Tensor]

INK_WEIGHT = 10.0


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.digit = nn.Linear(64, 10)
        self.ink = nn.Linear(64, 1)

    def forward(self, pixels: Tensor) -> Batch:
        seen = self.body(pixels)
        return {"digit": self.digit(seen), "ink": self.ink(seen).squeeze(-1)}


def objective(model: nn.Module, batch: Batch) -> Tensor:
    output = model(batch["pixels"])
    return cross_entropy(output["digit"], batch["digit"]) + INK_WEIGHT * mse_loss(output["ink"], batch["ink"])


def right_digits(model: nn.Module, batch: Batch) -> Tensor:
    right: Tensor = model(batch["pixels"])["digit"].argmax(dim=1) == batch["digit"]
    return right.float().mean()


def read_digits() -> tuple[Batch, Batch]:
    """Return the training and the validation data: every fifth digit is held out."""
    pictures, labels = load_digits(return_X_y=True)
    pixels = torch.from_numpy(pictures).float() / 16
    data = {"pixels": pixels, "digit": torch.from_numpy(labels), "ink": pixels.mean(dim=1)}
    held_out = torch.arange(len(pixels)) % 5 == 0
    return {key: value[~held_out] for key, value in data.items()}, {key: value[held_out] for key, value in data.items()}


train, valid = read_digits()
task = Task(
    name="dict-batches",
    model=TwoHeads,
    objective=objective,
    train=train,
    valid=valid,
    batch_size=64,
    epochs=10,
    metric=right_digits,
)
