"""How should the search judge a setting early? Three proxies at 1/8 of the training, against the full training.

    python benchmarks/rungs.py [--draws N]

For 64 quasi-random settings: the validation loss after a whole cosine schedule compressed to 1/8 of the steps
(compressed), after the first 1/8 of the full schedule (prefix), and after that and a cooldown of a third of the steps
so far (cooled). Quoted are the regret of the best of the top 8 by each proxy, as a ratio to the best of all 64, and the
rank correlation with the full training's loss (mean of two other seeds) among settings within a factor of two of the
best.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.stats import qmc, spearmanr
from torch import nn

from surefoot.fleet import LocalFleet, calibrate, launch
from surefoot.recipe import Recipe
from surefoot.schedules import Cosine
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task
from surefoot.tuning.search import cooldown

SETTINGS, SHARE, TOP = 64, 8, 8
FULL_SEEDS = (101, 102)


def autoencoder() -> Task:
    digits = load("digits")
    layers = (64, 32, 8, 32, 64)
    pairs = pairwise(layers)
    parts = [part for into, out in pairs for part in (partial(nn.Linear, into, out), nn.Tanh)]
    pictures = {name: digits.split(name).tensors[0] for name in ("train", "valid")}
    data = {name: (tensor, tensor) for name, tensor in pictures.items()}
    return Task(
        "autoencoder", lambda: nn.Sequential(*(part() for part in parts[:-1])), nn.functional.mse_loss,
        data["train"], data["valid"], batch_size=64, steps=400,
    )  # fmt: skip


def normalised() -> Task:
    def model() -> nn.Module:
        first = (nn.Linear(40, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2))
        return nn.Sequential(*first, nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))

    return replace(load("mnist1d"), name="batchnorm", model=model, steps=400)


def settings(draw: int) -> list[Recipe]:
    drawn = qmc.Sobol(2, rng=np.random.default_rng(draw)).random(SETTINGS)
    remembered = np.maximum(10 ** (-2 * drawn[:, 1]), 0.01)
    rates = 10 ** (-2 + 4 * drawn[:, 0]) * remembered
    return [
        Recipe.of("sgd", lr=Cosine(float(lr)), momentum=float(1 - left))
        for lr, left in zip(rates, remembered, strict=True)
    ]


def losses(fleet: LocalFleet) -> np.ndarray:
    return np.nan_to_num(fleet.evaluate("valid").loss.numpy(), nan=1e3, posinf=1e3).clip(max=1e3)


def proxies(task: Task, recipes: list[Recipe], start) -> dict[str, np.ndarray]:
    steps = task.total_steps // SHARE
    compressed = start(recipes, seed=0, total=steps)
    compressed.train(steps)
    fleet = start(recipes, seed=0)
    fleet.train(steps)
    found = {"compressed": losses(compressed), "prefix": losses(fleet)}
    length = max(1, steps // 3)
    cooled = [cooldown(recipe, steps, task.total_steps, length) for recipe in recipes]
    everybody = range(len(recipes))
    fleet.fork(everybody, everybody, cooled, total=[steps + length] * len(recipes))
    fleet.train(length)
    return found | {"cooled": losses(fleet)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2)
    draws = parser.parse_args().draws
    for task in (load("digits"), autoencoder(), load("diabetes"), load("mnist1d"), normalised()):
        start = partial(launch, task, plan=calibrate(task, members=SETTINGS))
        for draw in range(draws):
            recipes, logs = settings(draw), []
            for seed in FULL_SEEDS:
                fleet = start(recipes, seed=seed)
                fleet.train(task.total_steps)
                logs.append(np.log(losses(fleet)))
            full = np.exp(np.mean(logs, axis=0))
            near = full < 2 * full.min()
            shown = [
                f"{name} {full[np.argsort(proxy)[:TOP]].min() / full.min():.2f} "
                f"ρ {spearmanr(proxy[near], full[near])[0]:.2f}"
                for name, proxy in proxies(task, recipes, start).items()
            ]
            print(f"{task.name:12} draw {draw}:  " + "   ".join(shown), flush=True)


if __name__ == "__main__":
    main()
