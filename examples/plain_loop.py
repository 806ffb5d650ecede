"""An ordinary training loop in a function, changed so that surefoot can tune it.

    surefoot tune examples/plain_loop.py:train --steps 220
    python examples/plain_loop.py

Three numbered lines are surefoot's: optimizer and scheduler come from the trial's recipe, the training takes as many
steps as the trial says, and the function returns the validation loss. surefoot needs to know nothing else about the
loop. It trains the network of the built-in task ``digits`` on the same split.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import surefoot

STEPS = 220


def read_digits() -> tuple[TensorDataset, TensorDataset]:
    """Return training and validation data, 80/20."""
    images, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(images).float() / 16, torch.from_numpy(labels)
    train, valid = next(StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels))
    return TensorDataset(x[train], y[train]), TensorDataset(x[valid], y[valid])


def valid_loss(model: nn.Module, data: TensorDataset) -> Tensor:
    model.eval()
    x, y = data.tensors
    with torch.no_grad():
        return cross_entropy(model(x), y)


TRAIN, VALID = read_digits()


def train(trial: surefoot.Trial) -> float:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer, scheduler = trial.recipe.build(model)  # 1: instead of torch.optim.SGD(...) and its scheduler
    loader = DataLoader(TRAIN, batch_size=64, shuffle=True, drop_last=True)
    step = 0
    while step < trial.steps:  # 2: instead of `for epoch in range(EPOCHS):`
        for x, y in loader:
            if step == trial.steps:
                break
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            scheduler.step()
            step += 1
    return float(valid_loss(model, VALID))  # 3: the loss that the trial is scored by


if __name__ == "__main__":
    print(f"validation loss {train(surefoot.trial(steps=STEPS)):.4f}")  # noqa: T201
