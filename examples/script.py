"""An ordinary training script, changed so that surefoot can tune it.

    surefoot tune -- python examples/script.py --epochs 10
    python examples/script.py
    SUREFOOT_RECIPE="sgd(lr=cosine(0.3), momentum=0.9)" python examples/script.py

Four numbered lines are surefoot's. Run on its own, the script trains with the default recipe, or with the recipe in the
environment variable SUREFOOT_RECIPE. It trains the network of the built-in task ``digits`` on the same split.
"""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import surefoot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args().epochs

    images, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(images).float() / 16, torch.from_numpy(labels)
    train, valid = next(StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels))
    loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=64, shuffle=True, drop_last=True)

    trial = surefoot.trial(steps=epochs * len(loader))  # 1: before the model is created, because it sets the seed
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer, scheduler = trial.recipe.build(model)  # 2: instead of torch.optim.SGD(...) and its scheduler

    step = 0
    while step < trial.steps:  # 3: instead of `for epoch in range(epochs):`
        model.train()
        for batch, target in loader:
            if step == trial.steps:
                break
            optimizer.zero_grad()
            cross_entropy(model(batch), target).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            scheduler.step()
            step += 1
        model.eval()
        with torch.no_grad():
            loss = cross_entropy(model(x[valid]), y[valid])
        print(f"step {step}: validation loss {loss:.4f}")  # noqa: T201
    trial.report(float(loss))  # 4: the loss that the trial is scored by


if __name__ == "__main__":
    main()
